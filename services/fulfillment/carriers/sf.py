"""SF Express: orders with their waybill, cancelling, routes asked for and pushed.

A form POST of partnerID, requestID, serviceCode, timestamp (ms), msgData (JSON) and msgDigest, which covers msgData,
timestamp and the check word: `standard_md5` URL-encodes them as Java does, `simple_md5` does not, `sm3` is hex. Success
has two layers: apiResultCode A1000 is the transport's, the JSON text in apiResultData has its own success. An order
number is taken once: asked again, SF says 8016 and the waybill has to be looked up. Route pushes are JSON without a
signature, so the address given to SF carries our secret as `?key=`.
Sources: SF's open platform pages as quoted by public clients; samples in tests/contract/examples/carriers. Not
confirmed: the opCodes but 54, 30, 31, 36; that pushes are never signed; the error numbers.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import quote_plus, urlencode

import msgspec
from cryptography.hazmat.primitives import hashes

from chassis.ids import framed
from chassis.signatures import SignatureVector
from services.fulfillment.carriers import (
    Account,
    Address,
    Ask,
    CallFailed,
    Discarded,
    FailureKind,
    Find,
    GivenBefore,
    HttpAnswer,
    HttpRequest,
    Label,
    Provider,
    PushRefused,
    Routes,
    Seen,
    Sender,
    Tracking,
    TrackingPush,
    Waybills,
    WaybillsGiven,
)
from services.fulfillment.carriers._said import code, said
from services.fulfillment.carriers._trace import TEXTS, moved_at, place_of
from services.fulfillment.domain.rules import WAYBILL_NO

CREATE = "EXP_RECE_CREATE_ORDER"
FIND = "EXP_RECE_SEARCH_ORDER_RESP"
CANCEL = "EXP_RECE_UPDATE_ORDER"
ROUTES = "EXP_RECE_SEARCH_ROUTES"
OUR_CODE = "SF"
STEPS_MAX = 500  # in one push or answer: no parcel's journey is as long
STATES: Mapping[str, str] = MappingProxyType(
    {
        "50": "picked_up",
        "54": "picked_up",
        "30": "in_transit",
        "31": "in_transit",
        "36": "in_transit",
        "44": "delivering",
        "70": "problem",
        "80": "delivered",
        "8000": "delivered",  # follows 80: who signed can be looked up
        "99": "returning",
        "648": "returning",
    }
)
_FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)
_LANGUAGE = "zh-CN"
_SENDER_PAYS = 1
_NOT_SERVED = 3  # filterResult: 1 a person at SF decides, 2 served, 3 not served
_DONE = 2  # resStatus: 1 order and waybill do not belong together
_MAIN = 1  # waybillType: 2 is a sub-parcel, 3 a signed receipt
_GIVEN_BEFORE = "8016"
_VOID_BEFORE = frozenset({"8037", "8253"})
# The monthly account is wrong: that is never the parcel's fault.
_OUR_ACCOUNT = frozenset({"6126", "8114", "8119", "20052"})
_CLEAR_PHONE = re.compile(r"\+?[0-9][0-9 \-]{4,24}")
_PHONE_TAIL = 4

_T = TypeVar("_T", bound=msgspec.Struct)


class _Number(msgspec.Struct):
    waybillNo: str = ""  # noqa: N815 — the platform's names
    waybillType: int = _MAIN  # noqa: N815


class _Order(msgspec.Struct):
    orderId: str  # noqa: N815
    filterResult: int | str | None = None  # noqa: N815
    resStatus: int | None = None  # noqa: N815
    waybillNoInfoList: tuple[_Number, ...] | None = None  # noqa: N815


class _Step(msgspec.Struct, kw_only=True):
    acceptTime: str  # noqa: N815
    opCode: str  # noqa: N815
    acceptAddress: str | None = None  # noqa: N815


class _Journey(msgspec.Struct):
    mailNo: str  # noqa: N815
    routes: tuple[_Step, ...] = ()


class _Journeys(msgspec.Struct):
    routeResps: tuple[_Journey, ...]  # noqa: N815


class _PushedStep(_Step, kw_only=True):
    mailno: str


class _PushedSteps(msgspec.Struct):
    WaybillRoute: tuple[_PushedStep, ...]


class _Push(msgspec.Struct):
    Body: _PushedSteps


class _Result(msgspec.Struct):
    success: bool
    errorCode: str | None = None  # noqa: N815
    errorMsg: str | None = None  # noqa: N815
    msgData: msgspec.Raw = msgspec.Raw(b"{}")  # noqa: N815


class _Answer(msgspec.Struct):
    apiResultCode: str  # noqa: N815
    apiResultData: str | None = None  # noqa: N815


def standard_md5(content: str, check_word: str) -> str:
    """Return Base64(MD5(URLEncoder.encode(content + check word))): blank is +, * stays, ~ is %7E."""
    encoded = quote_plus(content + check_word, safe="*").replace("~", "%7E")
    return _base64_md5(encoded)


def simple_md5(content: str, check_word: str) -> str:
    """Return Base64(MD5(content + check word))."""
    return _base64_md5(content + check_word)


def sm3(content: str, check_word: str) -> str:
    """Return lower-case hex SM3(content + check word)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update((content + check_word).encode())
    return digest.finalize().hex()


DIGESTS: Mapping[str, Callable[[str, str], str]] = MappingProxyType(
    {"standard_md5": standard_md5, "simple_md5": simple_md5, "sm3": sm3}
)
"""How calls may be signed; what SF has on record for us decides."""


def unfit(carrier: str, ask: Ask) -> str:
    """SF carries for itself only, and looks up no masked receivers."""
    if carrier != OUR_CODE:
        return f"carrier_unsupported:{carrier}"
    if ask.recipient.receiver_key or not _CLEAR_PHONE.fullmatch(ask.recipient.mobile):
        return "receiver_not_clear"
    return ""


def get_request(
    account: Account, sender: Sender, _carrier: str, asks: tuple[Ask, ...], now: datetime
) -> HttpRequest:
    """Order one parcel's carriage, paid by our monthly account; the parcel id is the order number."""
    (ask,) = asks
    recipient = ask.recipient
    content = {
        "language": _LANGUAGE,
        "orderId": ask.parcel_id,
        "monthlyCard": account.monthly_card,
        "payMethod": _SENDER_PAYS,
        "expressTypeId": account.product_id,
        "parcelQty": 1,
        "cargoDetails": [{"name": item.name, "count": item.count} for item in ask.items],
        "contactInfoList": [
            _contact(1, sender.name, sender.mobile, sender.address),
            _contact(2, recipient.name, recipient.mobile, recipient.address),
        ],
    }
    return _call(account, CREATE, ask.parcel_id, content, now)


def read_get_answer(answer: HttpAnswer) -> WaybillsGiven | GivenBefore | CallFailed:
    """Read the waybill of an order."""
    read = _read(answer, _Order)
    if isinstance(read, CallFailed):
        return GivenBefore() if read.code == _GIVEN_BEFORE else read
    return _given(read)


def find_request(account: Account, parcel_id: str, now: datetime) -> HttpRequest:
    """Ask for the waybill of an order made before."""
    content = {"language": _LANGUAGE, "orderId": parcel_id, "searchType": "1"}
    return _call(account, FIND, parcel_id, content, now)


def read_find_answer(answer: HttpAnswer) -> WaybillsGiven | CallFailed:
    """Read the waybill of an order made before."""
    read = _read(answer, _Order)
    return read if isinstance(read, CallFailed) else _given(read)


def discard_request(account: Account, label: Label, now: datetime) -> HttpRequest:
    """Cancel an order, and its waybill with it."""
    content = {"language": _LANGUAGE, "orderId": label.parcel_id, "dealType": 2}
    return _call(account, CANCEL, label.parcel_id, content, now)


def read_discard_answer(answer: HttpAnswer) -> Discarded | CallFailed:
    """Read whether the order is cancelled."""
    read = _read(answer, _Order)
    if isinstance(read, CallFailed):
        return Discarded() if read.code in _VOID_BEFORE else read
    if read.resStatus != _DONE:
        return CallFailed(kind=FailureKind.REFUSED, code=f"res_status_{read.resStatus}", detail="")
    return Discarded()


def routes_request(account: Account, waybill_no: str, phone: str, now: datetime) -> HttpRequest:
    """Ask where a parcel is; `phone` is the sender's or the receiver's, of which four digits are sent."""
    content = {
        "language": "0",
        "trackingType": 1,
        "trackingNumber": [waybill_no],
        "methodType": 1,
        "checkPhoneNo": phone[-_PHONE_TAIL:],
    }
    return _call(account, ROUTES, waybill_no, content, now)


def read_routes_answer(answer: HttpAnswer) -> tuple[Seen, ...] | CallFailed:
    """Read every step of the parcels asked for, the oldest first."""
    read = _read(answer, _Journeys)
    if isinstance(read, CallFailed):
        return read
    steps = [(one.mailNo, step) for one in read.routeResps for step in one.routes]
    seen = _seen(steps)
    if seen is None:
        return CallFailed(kind=FailureKind.AGAIN, code="unreadable", detail="")
    return seen


def read_push(push: TrackingPush, secret: str) -> tuple[Seen, ...] | PushRefused:
    """Compare the address' key, then read every step, the oldest first."""
    if not secret or not hmac.compare_digest(push.key.encode(), secret.encode()):
        return PushRefused(status=401, code="bad_key")
    try:
        read = msgspec.json.decode(push.body, type=_Push)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return PushRefused(status=400, code="bad_body")
    seen = _seen([(step.mailno, step) for step in read.Body.WaybillRoute])
    return PushRefused(status=400, code="bad_step") if seen is None else seen


def reply(refusal: str) -> bytes:
    """Return what SF reads as received ("") or as a reason to push again."""
    if refusal:
        return msgspec.json.encode({"return_code": "1000", "return_msg": refusal})
    return msgspec.json.encode({"return_code": "0000", "return_msg": "成功"})


def recompute(vector: SignatureVector) -> str:
    """Return the msgDigest of a call, in the way the vector's algorithm names."""
    algorithm = vector.algorithm.lower()
    way = "sm3" if "sm3" in algorithm else "simple_md5" if "simple" in algorithm else "standard_md5"
    content = vector.fields.get("msgData", "") + vector.fields.get("timestamp", "")
    return DIGESTS[way](content, vector.secret)


def _base64_md5(text: str) -> str:
    return b64encode(hashlib.md5(text.encode(), usedforsecurity=False).digest()).decode()


def _contact(kind: int, name: str, mobile: str, address: Address) -> dict[str, object]:
    return {
        "contactType": kind,
        "contact": name,
        "mobile": mobile,
        "province": address.province,
        "city": address.city,
        "county": address.district,
        "address": address.detail,
        "country": "CN",
    }


def _call(
    account: Account, service: str, about: str, content: object, now: datetime
) -> HttpRequest:
    text = msgspec.json.encode(content).decode()
    timestamp = str(int(now.timestamp() * 1000))
    sign = DIGESTS.get(account.digest, standard_md5)
    form = {
        "partnerID": account.partner_id,
        # SF refuses a request id it has seen; the order number is what makes a repeat the same order.
        "requestID": hashlib.sha256(framed(service, about, now.isoformat()).encode()).hexdigest()[
            :32
        ],
        "serviceCode": service,
        "timestamp": timestamp,
        "msgDigest": sign(text + timestamp, account.secret),
        "msgData": text,
    }
    return HttpRequest(url=account.url, headers=_FORM, body=urlencode(form).encode())


def _read(answer: HttpAnswer, kind: type[_T]) -> _T | CallFailed:
    """The business layer's data. Whatever fails before it is not the parcel's fault."""
    if answer.status != 200:
        return CallFailed(kind=FailureKind.AGAIN, code=f"http_{answer.status}", detail="")
    try:
        outer = msgspec.json.decode(answer.body, type=_Answer)
        if outer.apiResultCode != "A1000":
            return CallFailed(kind=FailureKind.AGAIN, code=code(outer.apiResultCode), detail="")
        result = msgspec.json.decode(outer.apiResultData or "", type=_Result)
        if result.success:
            return msgspec.json.decode(result.msgData, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return CallFailed(kind=FailureKind.AGAIN, code="unreadable", detail="")
    why = code(result.errorCode)
    parcels_fault = why.isdecimal() and why not in _OUR_ACCOUNT
    return CallFailed(
        kind=FailureKind.REFUSED if parcels_fault else FailureKind.AGAIN,
        code=why or "no_code",
        detail=said(result.errorMsg),
    )


def _given(order: _Order) -> WaybillsGiven | CallFailed:
    """The main waybill; none yet while a person at SF decides."""
    if str(order.filterResult) == str(_NOT_SERVED):
        return CallFailed(kind=FailureKind.REFUSED, code="not_served", detail="")
    main = [
        number.waybillNo
        for number in order.waybillNoInfoList or ()
        if number.waybillType == _MAIN and WAYBILL_NO.fullmatch(number.waybillNo)
    ]
    return WaybillsGiven(waybills={order.orderId: main[0]} if main else {})


def _seen(steps: Sequence[tuple[str, _Step]]) -> tuple[Seen, ...] | None:
    """Steps as news, the oldest first; None if one of them makes no sense."""
    if len(steps) > STEPS_MAX:
        return None
    seen: list[tuple[datetime, Seen]] = []
    for waybill_no, step in steps:
        at = moved_at(step.acceptTime)
        if at is None or not WAYBILL_NO.fullmatch(waybill_no):
            return None
        status = STATES.get(step.opCode, "in_transit")
        place = place_of(step.acceptAddress)
        news = Seen(
            waybill_no=waybill_no, status=status, moved_at=at, place=place, text=TEXTS[status]
        )
        seen.append((at, news))
    return tuple(news for _, news in sorted(seen, key=lambda one: one[0]))


PROVIDER = Provider(
    name="sf",
    title_zh="顺丰速运",
    recompute=recompute,
    waybills=Waybills(
        needs=("partner_id", "secret", "monthly_card"),
        per_call_max=1,
        unfit=unfit,
        get_request=get_request,
        read_get_answer=read_get_answer,
        discard_request=discard_request,
        read_discard_answer=read_discard_answer,
        find=Find(request=find_request, read=read_find_answer),
    ),
    tracking=Tracking(
        signed=False,
        read_push=read_push,
        reply=reply,
        routes=Routes(request=routes_request, read=read_routes_answer),
    ),
)
