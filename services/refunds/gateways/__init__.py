"""What a payment gateway is: one file in this folder whose `GATEWAY` is a frozen value of pure functions.

Guarantees which the contract tests hold over every gateway:

- nothing here does I/O or looks at a clock: credentials, `now` and answers come in, values go out;
- the same payment gives a request with the same request number and amount, however often it is built;
- no answer raises, and only a genuine answer about this very payment is `Settled` or `Declined`: what
  cannot be read, checked or attributed is `Unclear`;
- secrets appear in no value but `Credentials`.

Files whose name starts with "_" are shared by gateways and are no gateways themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from chassis.errors import StartRefused
from chassis.plugins import load
from chassis.signatures import SignatureVector
from services.refunds.domain.payout import Answer, Payment


class HttpRequest(Struct, frozen=True, kw_only=True):
    """One request ready to send. It is signed: log the URL's path, never the rest."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


class HttpAnswer(Struct, frozen=True, kw_only=True):
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Credentials(Struct, frozen=True, kw_only=True):
    """Our access to a gateway. Keys are PEM texts, or their bare base64 as gateways show them."""

    url: str
    app_id: str
    """Who we are there: an app id, a merchant number."""
    private_key: str
    """Signs our requests."""
    gateway_key: str
    """The gateway's public key, or a certificate with it: checks its answers and notices."""
    key_serial: str = ""
    """Serial number of our certificate, where requests name it."""
    gateway_key_id: str = ""
    """Which of its keys `gateway_key` is, where answers name it."""
    notice_key: str = ""
    """Opens notices, where they are encrypted."""
    notice_url: str = ""
    """Where the gateway sends notices; "" leaves it to what is set at the gateway."""

    def __repr__(self) -> str:
        """Show nothing secret: this value ends up in tracebacks."""
        return f"Credentials(url={self.url!r}, app_id={self.app_id!r})"


class Notice(Struct, frozen=True, kw_only=True):
    """What a gateway sent on its own. Header names are lower-case."""

    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        """Show nothing personal: who was paid back is inside."""
        return "Notice(…)"


class Noticed(Struct, frozen=True):
    """News of the refund of that request number; what they are, a query tells. "" for news of no refund."""

    request_no: str


class NoticeRefused(Struct, frozen=True, kw_only=True):
    """A notice that is not taken: 401 when it is not signed by the gateway, 400 for garbage."""

    status: int
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """How a gateway sends notices. `read` verifies the raw body, then opens it; it never raises."""

    read: Callable[[Credentials, Notice, datetime], Noticed | NoticeRefused]
    reply: Callable[[str], bytes]
    """Refusal code ("" = taken) → body of our answer."""


Build = Callable[[Credentials, Payment, datetime], HttpRequest]
Read = Callable[[Credentials, Payment, HttpAnswer], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """One payment gateway.

    `currencies` are what it pays in: no payment of another reaches it. `check` says what is wrong with credentials, or nothing. `read_refund` gives any answer but
    `NotFound`; `read_query` says `NotFound` only where the gateway surely has no such refund by now.
    `recompute` gives what a vector signs or opens, or for a verification "ACCEPT" or "REJECT".
    """

    name: str
    title_zh: str
    currencies: frozenset[str]
    check: Callable[[Credentials], str]
    refund_request: Build
    read_refund: Read
    query_request: Build
    read_query: Read
    recompute: Callable[[SignatureVector], str]
    notices: Notices | None = None


def gateways() -> Mapping[str, Gateway]:
    """Every gateway of this folder by name. Raises StartRefused naming a file at fault."""
    return load("services.refunds.gateways", "GATEWAY", Gateway)


def usable_gateway(name: str, credentials: Credentials) -> Gateway:
    """The gateway of that name, with credentials it can use. Raises StartRefused naming what to set."""
    known = gateways()
    if name not in known:
        raise StartRefused(f"DANSHU_REFUNDS_GATEWAY is {name!r}; there is {', '.join(known)}")
    if wrong := known[name].check(credentials):
        raise StartRefused(
            f"{name} cannot be used: {wrong}. Set DANSHU_REFUNDS_GATEWAY_URL, _GATEWAY_APP_ID, "
            "_GATEWAY_PRIVATE_KEY, _GATEWAY_PUBLIC_KEY and what else services/refunds/README.md names "
            f"for {name}."
        )
    return known[name]
