"""WeChat Pay, APIv3: domestic refunds, signed with SHA256-RSA2048.

POST /v3/refund/domestic/refunds; `out_refund_no` makes a refund idempotent. Its success only says that the refund
was taken: `status` tells where the money is, and the query or a notice tells later. Answers and notices are signed
over time, nonce and raw body, a line each, and name the key; answers to calls whose own signature was not accepted
are unsigned, and decide nothing here. `out_trade_no` may not hold a colon, so it is the shop's own number: what
stands behind the channel in `trade_no`.
Sources: wechatpay-apiv3/wechatpay-go (credentials, validators, notify, refunddomestic) and the API pages. Not
confirmed there: that error answers are always signed, and the whole list of error codes; those not named below
leave the outcome open.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.currency import CNY
from chassis.ids import framed
from chassis.signatures import ACCEPT, REJECT, SignatureVector
from services.refunds.domain.payout import (
    Answer,
    Closed,
    Declined,
    Differs,
    NotFound,
    NotNow,
    Payment,
    Settled,
    Unclear,
    Underway,
)
from services.refunds.gateways import (
    Credentials,
    Gateway,
    HttpAnswer,
    HttpRequest,
    Notice,
    Noticed,
    NoticeRefused,
    Notices,
)
from services.refunds.gateways._rsa import genuine, sign, usable

REFUNDS: Final = "/v3/refund/domestic/refunds"
SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
ANSWER_BYTES_MAX: Final = 256 * 1024
REASON_BYTES_MAX: Final = 80
NOTICE_KEY_BYTES: Final = 32
CLOCK_SKEW_MAX: Final = timedelta(minutes=5)
"""Older notices are refused, as the platform's own clients do: somebody may repeat them."""

_NONCE_CHARS: Final = 32
# Our access, settings, balance or pace: the refund was not judged, and the same number may be sent again.
_NOT_JUDGED: Final = frozenset(
    {
        "SIGN_ERROR",
        "NO_AUTH",
        "PARAM_ERROR",
        "FREQUENCY_LIMITED",
        "RATELIMIT_EXCEEDED",
        "NOT_ENOUGH",
    }
)
# INVALID_REQUEST is not among them: "amount differs from the earlier request" says that there was one.
_DECLINED: Final = frozenset({"RESOURCE_NOT_EXISTS", "USER_ACCOUNT_ABNORMAL"})
_NO_REFUND: Final = "RESOURCE_NOT_EXISTS"


class _Amount(msgspec.Struct):
    refund: int


class _Refund(msgspec.Struct):
    out_refund_no: str
    out_trade_no: str
    status: str
    amount: _Amount


class _Fault(msgspec.Struct):
    code: str


class _Resource(msgspec.Struct):
    algorithm: str
    ciphertext: str
    nonce: str
    associated_data: str = ""


class _Event(msgspec.Struct):
    event_type: str
    resource: _Resource


class _Told(msgspec.Struct):
    out_refund_no: str


def request_text(method: str, path: str, timestamp: str, nonce: str, body: str) -> str:
    """What our signature covers; `path` is with its query."""
    return "".join(f"{part}\n" for part in (method, path, timestamp, nonce, body))


def answer_text(timestamp: str, nonce: str, body: bytes) -> bytes:
    """What WeChat Pay's signature covers, of answers and notices."""
    return f"{timestamp}\n{nonce}\n".encode() + body + b"\n"


def opened(key: str, nonce: str, associated_data: str, ciphertext: str) -> bytes | None:
    """Return the text of an AEAD_AES_256_GCM resource, or None where it does not open."""
    try:
        sealed = b64decode(ciphertext, validate=True)
        return AESGCM(key.encode()).decrypt(nonce.encode(), sealed, associated_data.encode())
    except (ValueError, InvalidTag):
        return None


def check(credentials: Credentials) -> str:
    """What is wrong with our access."""
    if urlsplit(credentials.url).scheme not in {"http", "https"} or not credentials.app_id:
        return "the URL and the merchant number (_GATEWAY_APP_ID) must be set"
    if not usable(credentials.private_key, credentials.gateway_key):
        return "the private key or the gateway's public key is no RSA key"
    if not credentials.key_serial or not credentials.gateway_key_id:
        return (
            "the serial of our certificate (_GATEWAY_KEY_SERIAL) and the id of the gateway's key "
            "(_GATEWAY_PUBLIC_KEY_ID) must be set"
        )
    if credentials.notice_url and len(credentials.notice_key.encode()) != NOTICE_KEY_BYTES:
        return f"notices need the APIv3 key of {NOTICE_KEY_BYTES} bytes (_GATEWAY_NOTICE_KEY)"
    return ""


def refund_request(credentials: Credentials, payment: Payment, now: datetime) -> HttpRequest:
    """Ask to give `amount_fen` back; asked again under the same number, nothing moves again."""
    content: dict[str, object] = {
        "out_trade_no": _out_trade_no(payment),
        "out_refund_no": payment.request_no,
        "amount": {
            "refund": payment.amount_fen,
            "total": payment.paid_fen,
            "currency": payment.currency,
        },
    }
    if payment.reason:
        content["reason"] = payment.reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")
    if credentials.notice_url:
        content["notify_url"] = credentials.notice_url
    return _request(credentials, "POST", REFUNDS, msgspec.json.encode(content), now)


def query_request(credentials: Credentials, payment: Payment, now: datetime) -> HttpRequest:
    """Ask what became of a refund."""
    path = f"{REFUNDS}/{quote(payment.request_no, safe='')}"
    return _request(credentials, "GET", path, b"", now)


def read_refund(credentials: Credentials, payment: Payment, answer: HttpAnswer) -> Answer:
    """What the answer to a refund request says."""
    read = _read(credentials, answer)
    if isinstance(read, _Refund):
        return _outcome(read, payment)
    if isinstance(read, _Fault):
        said = _said(answer, read)
        if read.code in _NOT_JUDGED:
            return NotNow(said)
        return Declined(said) if read.code in _DECLINED else Unclear(said)
    return read


def read_query(credentials: Credentials, payment: Payment, answer: HttpAnswer) -> Answer:
    """What the answer to a query says."""
    read = _read(credentials, answer)
    if isinstance(read, _Refund):
        return _outcome(read, payment)
    if isinstance(read, _Fault):
        if (answer.status, read.code) == (404, _NO_REFUND):
            return NotFound()
        said = _said(answer, read)
        return NotNow(said) if read.code in _NOT_JUDGED else Unclear(said)
    return read


def read_notice(credentials: Credentials, notice: Notice, now: datetime) -> Noticed | NoticeRefused:
    """Verify a notice over its raw body and its time, open it, and say which refund it is about."""
    timestamp = notice.headers.get("wechatpay-timestamp", "")
    fresh = timestamp.isdecimal() and len(timestamp) <= 12 and timestamp.isascii()
    if not fresh or abs(now.timestamp() - int(timestamp)) > CLOCK_SKEW_MAX.total_seconds():
        return NoticeRefused(status=401, code="not_fresh")
    if not _signed(credentials, notice.headers, notice.body):
        return NoticeRefused(status=401, code="bad_signature")
    try:
        event = msgspec.json.decode(notice.body, type=_Event)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NoticeRefused(status=400, code="bad_notice")
    if not event.event_type.startswith("REFUND."):
        return Noticed("")
    sealed = event.resource
    text = opened(credentials.notice_key, sealed.nonce, sealed.associated_data, sealed.ciphertext)
    if text is None:
        return NoticeRefused(status=400, code="does_not_open")
    try:
        return Noticed(msgspec.json.decode(text, type=_Told).out_refund_no)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NoticeRefused(status=400, code="bad_notice")


def reply(refusal: str) -> bytes:
    """Return what WeChat Pay reads as received (""), or as a reason to send the notice again."""
    if refusal:
        return msgspec.json.encode({"code": "FAIL", "message": refusal})
    return msgspec.json.encode({"code": "SUCCESS", "message": "成功"})


def recompute(vector: SignatureVector) -> str:
    """Return the text of a resource, what a request signs, or the verdict on an answer or a notice."""
    given = vector.fields
    if "ciphertext" in given:
        text = opened(
            vector.secret,
            given.get("nonce", ""),
            given.get("associated_data", ""),
            given["ciphertext"],
        )
        return REJECT if text is None else text.decode("utf-8", "replace")
    timestamp, nonce, body = (given.get(name, "") for name in ("timestamp", "nonce", "body"))
    if "method" in given:
        return request_text(given["method"], given.get("url", ""), timestamp, nonce, body)
    signature = vector.given or given.get("signature", "")
    signed = answer_text(timestamp, nonce, body.encode())
    return ACCEPT if genuine(signed, signature, given.get("public_key_pem", "")) else REJECT


def _request(
    credentials: Credentials, method: str, path: str, body: bytes, now: datetime
) -> HttpRequest:
    timestamp = str(int(now.timestamp()))
    digest = sha256(framed(method, path, now.isoformat()).encode() + body).hexdigest()
    nonce = digest[:_NONCE_CHARS].upper()
    text = request_text(method, path, timestamp, nonce, body.decode())
    authorization = (
        f'{SCHEME} mchid="{credentials.app_id}",nonce_str="{nonce}",timestamp="{timestamp}",'
        f'serial_no="{credentials.key_serial}",signature="{sign(text, credentials.private_key)}"'
    )
    headers = (
        ("authorization", authorization),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("wechatpay-serial", credentials.gateway_key_id),
    )
    url = credentials.url.rstrip("/") + path
    return HttpRequest(method=method, url=url, headers=headers, body=body)


def _read(credentials: Credentials, answer: HttpAnswer) -> _Refund | _Fault | Unclear:
    """The answer, if WeChat Pay signed exactly these bytes."""
    if len(answer.body) > ANSWER_BYTES_MAX:
        return Unclear("the answer is too large")
    if not _signed(credentials, answer.headers, answer.body):
        return Unclear(f"HTTP {answer.status}, unsigned")
    try:
        if answer.status == 200:
            return msgspec.json.decode(answer.body, type=_Refund)
        return msgspec.json.decode(answer.body, type=_Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Unclear(f"HTTP {answer.status}, unreadable")


def _signed(credentials: Credentials, headers: Mapping[str, str], body: bytes) -> bool:
    timestamp, nonce, signature, serial = (
        headers.get(f"wechatpay-{name}", "")
        for name in ("timestamp", "nonce", "signature", "serial")
    )
    if serial != credentials.gateway_key_id or not (timestamp + nonce).isascii():
        return False
    return genuine(answer_text(timestamp, nonce, body), signature, credentials.gateway_key)


def _outcome(refund: _Refund, payment: Payment) -> Answer:
    about = refund.out_refund_no, refund.out_trade_no
    if about != (payment.request_no, _out_trade_no(payment)):
        return Unclear("answers about another refund")
    if refund.amount.refund != payment.amount_fen:
        return Differs("the gateway has another amount")
    match refund.status:
        case "SUCCESS":
            return Settled()
        case "PROCESSING":
            return Underway("PROCESSING")
        case "CLOSED":
            return Closed("CLOSED")
        case "ABNORMAL":
            return Differs("ABNORMAL: the buyer's account takes no money; settle it at the gateway")
        case _:
            return Unclear(f"refund status {_plain(refund.status)}")


def _said(answer: HttpAnswer, fault: _Fault) -> str:
    return f"{answer.status} {_plain(fault.code)}"


def _plain(text: str) -> str:
    return re.sub(r"[^\w.\- ]", "", text)[:60]


def _out_trade_no(payment: Payment) -> str:
    return payment.trade_no.partition(":")[2]


GATEWAY: Final = Gateway(
    name="wechatpay",
    title_zh="微信支付",
    currencies=frozenset({CNY}),
    check=check,
    refund_request=refund_request,
    read_refund=read_refund,
    query_request=query_request,
    read_query=read_query,
    recompute=recompute,
    notices=Notices(read=read_notice, reply=reply),
)
