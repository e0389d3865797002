"""A payment gateway in Alipay's native format with a ledger of its own, told call by call how to fail.

It shares no logic with the service: requests are checked and answers signed from the platform's rules, and
only its ledger says what really happened.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import parse_qsl

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chassis.http import Door
from services.refunds.gateways import Credentials

APP_ID = "2021000000000001"
HANG_S = 1.0
"""Longer than any client of the tests waits."""


@cache
def keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    """The merchant's and the gateway's key pair, made up once."""
    merchant, gateway = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)
    )
    return merchant, gateway


def merchant_private_pem() -> str:
    """What the service signs with."""
    return (
        keys()[0]
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


def gateway_public_pem() -> str:
    """What the service checks answers with."""
    return (
        keys()[1]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


class Severed(Response):
    """Promises a body, closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Headers only."""
        headers = [(b"content-length", b"20"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


@dataclass
class Peer:
    """The gateway. `refund_plan` and `query_plan` are used up call by call; then all goes well."""

    url: str = ""
    refund_plan: list[str] = field(default_factory=list)
    query_plan: list[str] = field(default_factory=list)
    ledger: list[tuple[str, str, int]] = field(default_factory=list)
    """Each movement of money: trade, request number, fen."""
    acted: asyncio.Event = field(default_factory=asyncio.Event)
    """Money has moved at least once."""
    refund_calls: int = 0
    query_calls: int = 0
    strangers: int = 0
    on_fault: Callable[[], None] = lambda: None
    """Called at a fault named `… kill`, after acting and before any answer."""

    def credentials(self) -> Credentials:
        """What a merchant needs to call it."""
        return Credentials(
            url=self.url,
            app_id=APP_ID,
            private_key=merchant_private_pem(),
            gateway_key=gateway_public_pem(),
        )

    async def door(self, request: Request) -> Response:
        """POST /gateway.do."""
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        content = "&".join(f"{k}={form[k]}" for k in sorted(form) if form[k] and k != "sign")
        try:
            keys()[0].public_key().verify(
                b64decode(form["sign"]), content.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except Exception:  # noqa: BLE001 — whatever is wrong with it, it is no request of ours
            self.strangers += 1
            return self.signed(form["method"], {"code": "40002", "msg": "Invalid Arguments"})
        business = json.loads(form["biz_content"])
        if form["method"] == "alipay.trade.refund":
            self.refund_calls += 1
            fault = self.refund_plan.pop(0) if self.refund_plan else ""
            return await self.behave(fault, lambda: self.refund(form["method"], business))
        self.query_calls += 1
        fault = self.query_plan.pop(0) if self.query_plan else ""
        return await self.behave(fault, lambda: self.query(form["method"], business))

    async def behave(self, fault: str, act: Callable[[], Response]) -> Response:
        """`act …` does it first; the rest says what the caller gets to see."""
        acts, what = fault.startswith("act "), fault.removeprefix("act ")
        answer = act() if acts or not fault else None
        match what:
            case "" | "act":
                assert answer is not None
                return answer
            case "hang":
                await asyncio.sleep(HANG_S)
                return Response(status_code=504)
            case "reset":
                return Severed()
            case "500":
                return Response(b"oops", status_code=500)
            case "kill":
                self.on_fault()
                await asyncio.sleep(HANG_S)
                return Response(status_code=504)
            case "throttled":
                busy = {"code": "40006", "msg": "Insufficient Permissions"}
                return self.signed("alipay.trade.refund", busy)
            case sub_code:
                failed = {"code": "40004", "msg": "Business Failed", "sub_code": sub_code}
                return self.signed("alipay.trade.refund", failed)

    def refund(self, method: str, business: Mapping[str, str]) -> Response:
        """Moves money once per trade and request number."""
        trade, number = business["out_trade_no"], business["out_request_no"]
        yuan, _, rest = business["refund_amount"].partition(".")
        amount_fen = int(yuan) * 100 + int(rest)
        known = [fen for t, n, fen in self.ledger if (t, n) == (trade, number)]
        if known and known[0] != amount_fen:
            failed = {"code": "40004", "msg": "m", "sub_code": "ACQ.DISCORDANT_REPEAT_REQUEST"}
            return self.signed(method, failed)
        if not known:
            self.ledger.append((trade, number, amount_fen))
            self.acted.set()
        content = {"code": "10000", "msg": "Success", "out_trade_no": trade}
        return self.signed(method, content | {"fund_change": "N" if known else "Y"})

    def query(self, method: str, business: Mapping[str, str]) -> Response:
        """Knows what moved; what did not is an empty success."""
        trade, number = business["out_trade_no"], business["out_request_no"]
        content = {"code": "10000", "msg": "Success"}
        for known_trade, known_number, fen in self.ledger:
            if (known_trade, known_number) == (trade, number):
                content |= {
                    "out_trade_no": trade,
                    "out_request_no": number,
                    "refund_amount": f"{fen // 100}.{fen % 100:02d}",
                    "refund_status": "REFUND_SUCCESS",
                }
        return self.signed(method, content)

    def signed(self, method: str, content: Mapping[str, str]) -> Response:
        """An answer whose signature covers the exact text of its node."""
        node = json.dumps(content)
        signature = keys()[1].sign(node.encode(), padding.PKCS1v15(), hashes.SHA256())
        name = f"{method.replace('.', '_')}_response"
        return Response(f'{{"{name}":{node},"sign":"{b64encode(signature).decode()}"}}')


@asynccontextmanager
async def running_peer() -> AsyncIterator[Peer]:
    """The gateway on a port of 127.0.0.1."""
    peer = Peer()
    door = Door(
        Starlette(routes=[Route("/gateway.do", peer.door, methods=["POST"])]), "127.0.0.1", 0
    )
    port = await door.open()
    peer.url = f"http://127.0.0.1:{port}/gateway.do"
    try:
        yield peer
    finally:
        await door.close()


def assert_paid_once(
    ledger: list[tuple[str, str, int]], expected_fen: Mapping[tuple[str, str], int]
) -> None:
    """Holds the gateway's ledger against the refunds that should have been paid.

    `expected_fen` is by (trade, refund id). Looks at trades and sums first, so that money which moved under
    another number is found too.
    """
    moved = Counter[str]()
    for trade, _number, fen in ledger:
        moved[trade] += fen
    wanted = Counter[str]()
    for (trade, _refund), fen in expected_fen.items():
        wanted[trade] += fen
    assert moved == wanted, "money that moved differs from money that was owed"
    assert len(ledger) == len(expected_fen), "a refund's money moved more than once"
    assert {(t, n): fen for t, n, fen in ledger} == dict(expected_fen)
