"""Alipay's gateway: refunds and their query by RSA2-signed form to /gateway.do.

Guarantees: money of one out_request_no moves once, however often it is asked; the refunds of a trade
never exceed what was paid; answers are signed over the exact text of their node. A trade is
`<channel>:<channel order number>` and its paid amount is what the marketplace took.
"""

from base64 import b64decode, b64encode
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.requests import Request
from starlette.responses import Response

from simulators.doors import Answer, Door, Tally, call_of
from simulators.faults import FaultPlan
from simulators.money import fen, yuan
from simulators.orders import CHANNELS, Order
from simulators.signing import alipay_content
from simulators.world import World

APP_ID = "2021000000000001"
LATE_MS = 4_000
_BUSY = {
    "code": "20000",
    "msg": "Service Currently Unavailable",
    "sub_code": "isp.unknow-error",
    "sub_msg": "系统繁忙",
}


class Keys:
    """The two key pairs of an Alipay app, made at start."""

    __slots__ = ("gateway", "merchant")

    def __init__(self) -> None:
        self.merchant = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.gateway = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)

    def merchant_private_pem(self) -> str:
        """Return what the merchant signs requests with."""
        return self.merchant.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def gateway_public_pem(self) -> str:
        """Return what the merchant checks answers with."""
        return (
            self.gateway.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """One refund request; `moved` counts how often its money moved, `asked` how often it was asked.

    `asked_at_ms` is when it was asked for first.
    """

    out_trade_no: str
    out_request_no: str
    amount_fen: int
    asked_at_ms: int
    settles_at_ms: int
    asked: int = 1
    moved: int = 0


class _RefundRequest(msgspec.Struct):
    out_trade_no: str
    refund_amount: str
    out_request_no: str


class _QueryRequest(msgspec.Struct):
    out_trade_no: str
    out_request_no: str


class Alipay:
    """The gateway's side of refunds."""

    def __init__(self, *, world: World, plan: FaultPlan, tally: Tally, keys: Keys) -> None:
        self.refunds: dict[tuple[str, str], Refund] = {}
        self._world = world
        self._plan = plan
        self._tally = tally
        self._keys = keys
        self._public = keys.merchant.public_key()
        self._taken_fen: dict[str, int] = {}
        self._pending: dict[tuple[str, str], Refund] = {}
        self._door = Door(
            "alipay",
            throttled=Answer(body=msgspec.json.encode({"error_response": _BUSY})),
            plan=plan,
            hold_s=world.settings.hold_s,
        )

    async def gateway(self, request: Request) -> Response:
        """POST /gateway.do."""
        params = (await call_of(request)).params
        return await self._door.pass_through(lambda: self.answer(params))

    def answer(self, params: dict[str, str]) -> Answer:
        """Check a call and act on it."""
        method = params.get("method", "")
        if not self._genuine(params):
            wrong = {"code": "40002", "msg": "Invalid Arguments"}
            reason = {"sub_code": "isv.invalid-signature", "sub_msg": "无效签名"}
            return self._signed(method, wrong | reason)
        self.settle_due()
        business = params.get("biz_content", "{}")
        try:
            match method:
                case "alipay.trade.refund":
                    return self._refund(msgspec.json.decode(business, type=_RefundRequest))
                case "alipay.trade.fastpay.refund.query":
                    return self._query(msgspec.json.decode(business, type=_QueryRequest))
                case _:
                    wrong = {"code": "40002", "msg": "Invalid Arguments"}
                    return self._signed(method, wrong | {"sub_code": "isv.invalid-method"})
        except msgspec.MsgspecError as error:
            wrong = {"code": "40002", "msg": "Invalid Arguments"}
            return self._signed(
                method, wrong | {"sub_code": "isv.invalid-parameter", "sub_msg": str(error)}
            )

    @property
    def late(self) -> int:
        """How many refunds were taken whose money has not moved."""
        return len(self._pending)

    def settle_due(self) -> None:
        """Move the money of late refunds that fell due."""
        now_ms = self._world.clock()
        for key, refund in list(self._pending.items()):
            if refund.settles_at_ms <= now_ms:
                del self._pending[key]
                settled = msgspec.structs.replace(self.refunds[key], moved=1)
                self.refunds[key] = settled

    def _refund(self, request: _RefundRequest) -> Answer:
        method, key = "alipay.trade.refund", (request.out_trade_no, request.out_request_no)
        order = self._order(request.out_trade_no)
        amount_fen = fen(request.refund_amount)
        if order is None or not order.paid_at_ms:
            self._tally.note("alipay:refund", "refused")
            return self._failed(method, "ACQ.TRADE_NOT_EXIST", "交易不存在")
        if not amount_fen or not request.out_request_no:
            self._tally.note("alipay:refund", "refused")
            return self._failed(method, "ACQ.INVALID_PARAMETER", "参数无效")
        if self._plan.hit("system_error", "alipay"):
            return self._failed(method, "ACQ.SYSTEM_ERROR", "系统错误")
        known = self.refunds.get(key)
        if known is not None:
            return self._again(known, order, amount_fen)
        taken_fen = self._taken_fen.get(request.out_trade_no, 0)
        if taken_fen + amount_fen > order.paid_fen:
            self._tally.note("alipay:refund", "refused")
            return self._failed(method, "ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
        self._taken_fen[request.out_trade_no] = taken_fen + amount_fen
        late, now_ms = self._plan.hit("late_success", "alipay"), self._world.clock()
        refund = Refund(
            out_trade_no=request.out_trade_no,
            out_request_no=request.out_request_no,
            amount_fen=amount_fen,
            asked_at_ms=now_ms,
            settles_at_ms=now_ms + (LATE_MS if late else 0),
            moved=0 if late else 1,
        )
        self.refunds[key] = refund
        self._tally.note("alipay:refund", "applied")
        if late:
            self._pending[key] = refund
            return self._failed(method, "ACQ.SYSTEM_ERROR", "系统错误")
        return self._refunded(order, request.out_trade_no, fund_change="Y")

    def _again(self, known: Refund, order: Order, amount_fen: int) -> Answer:
        method, key = "alipay.trade.refund", (known.out_trade_no, known.out_request_no)
        self.refunds[key] = msgspec.structs.replace(known, asked=known.asked + 1)
        if known.amount_fen != amount_fen:
            self._tally.note("alipay:refund", "refused")
            return self._failed(method, "ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
        self._tally.note("alipay:refund", "duplicate")
        if not known.moved:
            return self._failed(method, "ACQ.SYSTEM_ERROR", "系统错误")
        return self._refunded(order, known.out_trade_no, fund_change="N")

    def _refunded(self, order: Order, out_trade_no: str, *, fund_change: str) -> Answer:
        total_fen = self._taken_fen[out_trade_no]
        content = {
            "code": "10000",
            "msg": "Success",
            "buyer_logon_id": "130***@example.invalid",
            "fund_change": fund_change,
            "out_trade_no": out_trade_no,
            "refund_fee": yuan(total_fen),
            "send_back_fee": yuan(total_fen),
            "trade_no": _trade_no(order),
        }
        return self._signed("alipay.trade.refund", content, wrote=True)

    def _query(self, request: _QueryRequest) -> Answer:
        method = "alipay.trade.fastpay.refund.query"
        order = self._order(request.out_trade_no)
        if order is None:
            return self._failed(method, "TRADE_NOT_EXIST", "查询退款的交易不存在")
        content = {"code": "10000", "msg": "Success"}
        refund = self.refunds.get((request.out_trade_no, request.out_request_no))
        # What has not happened is an empty success: no status, no amount.
        if refund is not None and refund.moved:
            content |= {
                "out_request_no": refund.out_request_no,
                "out_trade_no": refund.out_trade_no,
                "refund_amount": yuan(refund.amount_fen),
                "refund_status": "REFUND_SUCCESS",
                "total_amount": yuan(order.paid_fen),
                "trade_no": _trade_no(order),
            }
        return self._signed(method, content)

    def _order(self, out_trade_no: str) -> Order | None:
        channel, _, order_no = out_trade_no.partition(":")
        for known in CHANNELS:
            if channel == known:
                return self._world.records.orders.get((known, order_no))
        return None

    def _genuine(self, params: dict[str, str]) -> bool:
        if params.get("app_id") != APP_ID or params.get("sign_type") != "RSA2":
            return False
        try:
            signature = b64decode(params.get("sign", ""), validate=True)
            self._public.verify(
                signature, alipay_content(params), padding.PKCS1v15(), hashes.SHA256()
            )
        except (ValueError, InvalidSignature):
            return False
        return True

    def _failed(self, method: str, sub_code: str, sub_message: str) -> Answer:
        content = {"code": "40004", "msg": "Business Failed"}
        return self._signed(method, content | {"sub_code": sub_code, "sub_msg": sub_message})

    def _signed(self, method: str, content: dict[str, Any], *, wrote: bool = False) -> Answer:
        node = msgspec.json.encode(content)
        signature = self._keys.gateway.sign(node, padding.PKCS1v15(), hashes.SHA256())
        key = f"{method.replace('.', '_')}_response"
        body = msgspec.json.encode({key: msgspec.Raw(node), "sign": b64encode(signature).decode()})
        return Answer(body=body, wrote=wrote)


def _trade_no(order: Order) -> str:
    return f"2026{order.serial:024d}"
