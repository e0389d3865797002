"""Alipay: `alipay.trade.refund` and its query, signed with RSA2.

Form posts to /gateway.do; `out_request_no` makes a refund idempotent, `fund_change` other than Y says that
nothing moved this time, so the query decides; a query answered without `refund_status` knows no refund that
succeeded. `refund_fee` is the sum of all refunds of a trade and proves nothing about this one.
Source: alipay/alipay-sdk-python-all (SignatureUtils, AlipayTradeRefundModel) and the API pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final
from urllib.parse import urlencode

import msgspec

from chassis.currency import CNY
from chassis.money import fen_of_yuan, yuan_text
from chassis.signatures import ACCEPT, REJECT, SignatureVector
from services.refunds.domain.payout import (
    Answer,
    Declined,
    Differs,
    NotFound,
    NotNow,
    Payment,
    Settled,
    Unclear,
)
from services.refunds.gateways import Credentials, Gateway, HttpAnswer, HttpRequest
from services.refunds.gateways._rsa import genuine, sign, usable

REFUND: Final = "alipay.trade.refund"
QUERY: Final = "alipay.trade.fastpay.refund.query"
BEIJING: Final = timezone(timedelta(hours=8))
REQUEST: Final = frozenset({"sign"})
"""What a request's signature leaves out."""
NOTICE: Final = frozenset({"sign", "sign_type"})
ANSWER_BYTES_MAX: Final = 256 * 1024
REASON_CHARS_MAX: Final = 80

_OK: Final = "10000"
_FAILED: Final = "40004"
# Our access is wrong or throttled: the gateway did not look at the refund at all.
_NOT_JUDGED: Final = frozenset({"20001", "40001", "40002", "40003", "40005", "40006"})
# "System error" may hide a refund that happened; a repeat with another amount means that one exists.
_DOUBTFUL: Final = frozenset({"ACQ.SYSTEM_ERROR", "SYSTEM_ERROR", "ACQ.DISCORDANT_REPEAT_REQUEST"})
_NO_TRADE: Final = frozenset({"ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"})


class _Node(msgspec.Struct):
    code: str
    sub_code: str = ""
    fund_change: str = ""
    out_trade_no: str = ""
    out_request_no: str = ""
    refund_amount: str = ""
    refund_status: str = ""


def signed_text(params: Mapping[str, str], *, leaving_out: frozenset[str] = REQUEST) -> str:
    """What is signed: sorted `k=v` joined by `&`, values raw, empty ones left out."""
    return "&".join(
        f"{name}={params[name]}"
        for name in sorted(params)
        if name not in leaving_out and params[name]
    )


def check(credentials: Credentials) -> str:
    """What is wrong with our access."""
    if not credentials.url or not credentials.app_id:
        return "URL and app id must be set"
    if not usable(credentials.private_key, credentials.gateway_key):
        return "the private key or the gateway's public key is no RSA key"
    return ""


def refund_request(credentials: Credentials, payment: Payment, now: datetime) -> HttpRequest:
    """Ask to give `amount_fen` back; asked again under the same number, nothing moves again."""
    business = {
        "out_trade_no": payment.trade_no,
        "refund_amount": yuan_text(payment.amount_fen),
        "out_request_no": payment.request_no,
    }
    if payment.reason:
        business["refund_reason"] = payment.reason[:REASON_CHARS_MAX]
    return _request(credentials, REFUND, business, now)


def query_request(credentials: Credentials, payment: Payment, now: datetime) -> HttpRequest:
    """Ask what became of a refund."""
    business = {"out_trade_no": payment.trade_no, "out_request_no": payment.request_no}
    return _request(credentials, QUERY, business, now)


def read_refund(credentials: Credentials, payment: Payment, answer: HttpAnswer) -> Answer:
    """What the answer to a refund request says."""
    node = _node(credentials, REFUND, answer)
    if not isinstance(node, _Node):
        return node
    if node.code == _OK:
        if node.out_trade_no != payment.trade_no:
            return Unclear("answers about another trade")
        if node.fund_change != "Y":
            return Unclear("nothing moved this time")
        return Settled()
    return _not_ok(node)


def read_query(credentials: Credentials, payment: Payment, answer: HttpAnswer) -> Answer:
    """What the answer to a query says."""
    node = _node(credentials, QUERY, answer)
    if not isinstance(node, _Node):
        return node
    if node.code == _FAILED and node.sub_code in _NO_TRADE:
        return NotFound()
    if node.code != _OK:
        return _not_ok(node)
    if not node.refund_status:
        return NotFound()
    if node.refund_status != "REFUND_SUCCESS":
        return Unclear(f"refund status {node.refund_status[:40]}")
    if (node.out_trade_no, node.out_request_no) != (payment.trade_no, payment.request_no):
        return Unclear("answers about another refund")
    if fen_of_yuan(node.refund_amount) != payment.amount_fen:
        return Differs("the gateway refunded another amount")
    return Settled()


def _request(
    credentials: Credentials, method: str, business: Mapping[str, str], now: datetime
) -> HttpRequest:
    params = {
        "app_id": credentials.app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": now.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        "biz_content": msgspec.json.encode(business).decode(),
    }
    params["sign"] = sign(signed_text(params), credentials.private_key)
    return HttpRequest(
        method="POST",
        url=credentials.url,
        headers=(("content-type", "application/x-www-form-urlencoded;charset=utf-8"),),
        body=urlencode(params).encode(),
    )


def _node(credentials: Credentials, method: str, answer: HttpAnswer) -> _Node | Unclear:
    """The method's node, if the gateway signed exactly these bytes."""
    if answer.status != 200:
        return Unclear(f"HTTP {answer.status}")
    if len(answer.body) > ANSWER_BYTES_MAX:
        return Unclear("the answer is too large")
    try:
        parts = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
        raw = bytes(parts[f"{method.replace('.', '_')}_response"])
        signature = msgspec.json.decode(parts["sign"], type=str)
        node = msgspec.json.decode(raw, type=_Node)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
        return Unclear("the answer cannot be read")
    if not genuine(raw, signature, credentials.gateway_key):
        return Unclear("the answer's signature is wrong")
    return node


def _not_ok(node: _Node) -> Answer:
    said = re.sub(r"[^\w.\- ]", "", f"{node.code} {node.sub_code}")[:80].strip()
    if node.code in _NOT_JUDGED:
        return NotNow(said)
    if node.code == _FAILED and node.sub_code and node.sub_code not in _DOUBTFUL:
        return Declined(said)
    return Unclear(said)


def recompute(vector: SignatureVector) -> str:
    """Return the text that is signed, REJECT beside a signature that is not of it; or the verdict on one."""
    try:
        params = msgspec.json.decode(vector.fields.get("params", "{}"), type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError):
        return REJECT
    text = signed_text(params, leaving_out=NOTICE if vector.kind == "notify" else REQUEST)
    signature = vector.given or vector.fields.get("signature", "")
    if signature and not genuine(text.encode(), signature, vector.fields.get("public_key_pem", "")):
        return REJECT
    return ACCEPT if vector.given else text


GATEWAY: Final = Gateway(
    name="alipay",
    title_zh="支付宝",
    currencies=frozenset({CNY}),
    check=check,
    refund_request=refund_request,
    read_refund=read_refund,
    query_request=query_request,
    read_query=read_query,
    recompute=recompute,
)
