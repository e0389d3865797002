"""What a provider is: one file in this folder whose `PROVIDER` is a frozen value of pure functions.

A provider gives e-waybills (`waybills`), tells where parcels are (`tracking`), or both. Guarantees which
the contract tests hold over every provider:

- nothing here does I/O or looks at a clock: accounts, answers and `now` come in, values go out;
- no input raises: what cannot be understood is a `CallFailed` or a `PushRefused`;
- the same parcels at the same moment give the same request, byte for byte; at another they differ in what dates
  and signs them only, so that a repeated call is the same call;
- secrets and receivers appear in no value but `Account`, `Ask` and the requests made from them.

Files whose name starts with "_" are shared by providers and are no providers themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from chassis.signatures import SignatureVector


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One POST ready to send. It carries receivers: log the call's name, never the rest."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        """Show nothing personal: this value ends up in tracebacks."""
        return f"HttpRequest(url={self.url!r})"


class HttpAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    body: bytes


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Our access to a provider. `url` is whole; `user_id` and `template_url` name our print template.

    `monthly_card` is who pays, `product_id` what is bought, `digest` how calls are signed, for those who ask.
    """

    url: str
    partner_id: str
    secret: str
    user_id: int
    template_url: str
    monthly_card: str = ""
    product_id: int = 1
    digest: str = ""

    def __repr__(self) -> str:
        """Show nothing secret: this value ends up in tracebacks."""
        return f"Account(url={self.url!r}, partner_id={self.partner_id!r})"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Region names are the channel's own words."""

    province: str
    city: str
    district: str
    detail: str


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A warehouse as it stands on labels."""

    name: str
    mobile: str
    address: Address


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the parcel: clear texts, masks or ciphers, just as the channel allows.

    `receiver_key` (oaid and the like) lets the provider find out what we may not know; "" if none.
    """

    name: str
    mobile: str
    address: Address
    receiver_key: str

    def __repr__(self) -> str:
        """Show nothing personal."""
        return "Recipient(…)"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What is inside; `count` is pieces."""

    name: str
    count: int


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel that needs a waybill. `parcel_id` is what makes a repeated ask the same ask."""

    parcel_id: str
    channel: str
    channel_order_no: str
    recipient: Recipient
    items: tuple[Item, ...]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A waybill that was given: `carrier` is our code (SF, ZTO …)."""

    parcel_id: str
    carrier: str
    waybill_no: str


class FailureKind(StrEnum):
    """AGAIN: unknown outcome, throttled or not the parcel's fault, the same call may be repeated."""

    AGAIN = "again"
    REFUSED = "refused"


class CallFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A whole call that failed. `detail` is the provider's text, without personal data."""

    kind: FailureKind
    code: str
    detail: str


class WaybillsGiven(msgspec.Struct, frozen=True, kw_only=True):
    """Parcel id → waybill number. Parcels asked for may be missing: ask for them again."""

    waybills: Mapping[str, str]


class GivenBefore(msgspec.Struct, frozen=True):
    """The one parcel asked for has a waybill since before, which this answer does not name: `find` does."""


class Discarded(msgspec.Struct, frozen=True):
    """The waybill is void, now or since before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """The call that names the waybill a parcel id was given."""

    request: Callable[[Account, str, datetime], HttpRequest]
    """(account, parcel id, now) → request."""
    read: Callable[[HttpAnswer], WaybillsGiven | CallFailed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waybills:
    """The e-waybill calls. One request is for one sender and one carrier (our code: SF, ZTO …).

    `needs` names the fields of `Account` that may not be empty. `unfit` says why a parcel cannot be asked
    for, or "". `find` is None where asking again names the waybill of the first time.
    """

    needs: tuple[str, ...]
    per_call_max: int
    unfit: Callable[[str, Ask], str]
    """(carrier, ask) → a code that goes into WaybillRefused."""
    get_request: Callable[[Account, Sender, str, tuple[Ask, ...], datetime], HttpRequest]
    read_get_answer: Callable[[HttpAnswer], WaybillsGiven | GivenBefore | CallFailed]
    discard_request: Callable[[Account, Label, datetime], HttpRequest]
    read_discard_answer: Callable[[HttpAnswer], Discarded | CallFailed]
    find: Find | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """News of one parcel. `moved_at` is None where the push does not say.

    `status` is picked_up, in_transit, delivering, problem, returning or delivered. `text` is ours:
    carriers' own texts name couriers and receivers.
    """

    waybill_no: str
    status: str
    moved_at: datetime | None
    place: str
    text: str


class PushRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A push that is not taken: 401 when it is not signed by the provider, 400 for garbage."""

    status: int
    code: str


class TrackingPush(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider sent on its own. `key` is the parameter of that name in the address it came to."""

    body: bytes
    key: str

    def __repr__(self) -> str:
        """Show nothing secret or personal."""
        return "TrackingPush(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The call that asks where a parcel is: news of every step, the oldest first."""

    request: Callable[[Account, str, str, datetime], HttpRequest]
    """(account, waybill number, a phone of sender or receiver, now) → request."""
    read: Callable[[HttpAnswer], tuple[Seen, ...] | CallFailed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracking:
    """How a provider pushes, and how it is asked where it can be. `read_push` verifies in constant time, then reads.

    A push without news (a probe, the end of a subscription) reads as `()`. A provider that signs its pushes
    (`signed`) is held to the raw body; of one that does not, the address we gave it carries the secret.
    """

    signed: bool
    read_push: Callable[[TrackingPush, str], tuple[Seen, ...] | PushRefused]
    reply: Callable[[str], bytes]
    """Refusal code ("" = taken) → body of our answer."""
    routes: Routes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One provider. `recompute` gives the signature of a vector, or for a verification its verdict."""

    name: str
    title_zh: str
    recompute: Callable[[SignatureVector], str]
    waybills: Waybills | None = None
    tracking: Tracking | None = None
