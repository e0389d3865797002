"""Cainiao LINK e-waybills: TMS_WAYBILL_GET and TMS_WAYBILL_DISCARD.

A form POST of msg_type, logistic_provider_id, logistics_interface (JSON) and data_digest =
Base64(MD5(logistics_interface + secret)). `success` is the text "true"; objectId ties a waybill to its
request, and an answer may hold fewer waybills than were asked for. The same objectId gets the same
waybill. Sources: Cainiao's sign page and public LINK clients; samples in tests/contract/examples/carriers.
"""

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from chassis.signatures import SignatureVector
from services.fulfillment.carriers import (
    Account,
    Address,
    Ask,
    CallFailed,
    Discarded,
    FailureKind,
    HttpAnswer,
    HttpRequest,
    Label,
    Provider,
    Recipient,
    Sender,
    Waybills,
    WaybillsGiven,
)
from services.fulfillment.carriers._said import code, said
from services.fulfillment.domain.rules import WAYBILL_NO

PER_CALL_MAX = 10  # TMS_WAYBILL_GET's own limit
_FORM = (("content-type", "application/x-www-form-urlencoded; charset=utf-8"),)
_CHANNELS: Mapping[str, str] = {"taobao": "TB", "jd": "JD"}
_OTHER_CHANNEL = "OTHERS"
# LINK's own errors (signature, shape, time-out, throttling, account): never the parcel's fault.
_LINK_ERRORS = frozenset(f"S{number:02d}" for number in range(1, 14))


class _Given(msgspec.Struct):
    objectId: str  # noqa: N815 — the platform's names
    waybillCode: str  # noqa: N815


class _Answer(msgspec.Struct):
    success: str
    errorCode: str = ""  # noqa: N815
    errorMsg: str = ""  # noqa: N815
    waybillCloudPrintResponseList: tuple[_Given, ...] = ()  # noqa: N815


def sign(content: str, secret: str) -> str:
    """Return Base64(MD5(content + secret)), which LINK calls data_digest."""
    digest = hashlib.md5((content + secret).encode(), usedforsecurity=False).digest()
    return b64encode(digest).decode()


def unfit(_carrier: str, _ask: Ask) -> str:
    """Cainiao serves every carrier, and finds masked receivers by their key."""
    return ""


def get_request(
    account: Account, sender: Sender, carrier: str, asks: tuple[Ask, ...], _now: datetime
) -> HttpRequest:
    """Ask for the waybills of up to 10 parcels of one sender and carrier."""
    assert 0 < len(asks) <= PER_CALL_MAX, len(asks)
    content = {
        "cpCode": carrier,
        "sender": {
            "address": _address(sender.address),
            "mobile": sender.mobile,
            "name": sender.name,
            "phone": "",
        },
        "tradeOrderInfoDtos": [_parcel(account, ask) for ask in asks],
    }
    return _call(account, "TMS_WAYBILL_GET", content)


def read_get_answer(answer: HttpAnswer) -> WaybillsGiven | CallFailed:
    """Read which parcels got which waybill."""
    read = _read(answer)
    if isinstance(read, CallFailed):
        return read
    return WaybillsGiven(
        waybills={
            given.objectId: given.waybillCode
            for given in read.waybillCloudPrintResponseList
            if WAYBILL_NO.fullmatch(given.waybillCode)
        }
    )


def discard_request(account: Account, label: Label, _now: datetime) -> HttpRequest:
    """Ask to void one waybill."""
    content = {"cpCode": label.carrier, "waybillCode": label.waybill_no}
    return _call(account, "TMS_WAYBILL_DISCARD", content)


def read_discard_answer(answer: HttpAnswer) -> Discarded | CallFailed:
    """Read whether the waybill is void."""
    read = _read(answer)
    return read if isinstance(read, CallFailed) else Discarded()


def _address(address: Address) -> dict[str, str]:
    return {
        "province": address.province,
        "city": address.city,
        "district": address.district,
        "town": "",
        "detail": address.detail,
    }


def _parcel(account: Account, ask: Ask) -> dict[str, object]:
    return {
        "objectId": ask.parcel_id,
        "orderInfo": {
            "orderChannelsType": _CHANNELS.get(ask.channel, _OTHER_CHANNEL),
            "tradeOrderList": [ask.channel_order_no],
        },
        "packageInfo": {
            "id": ask.parcel_id,
            "items": [{"count": item.count, "name": item.name} for item in ask.items],
        },
        "recipient": _recipient(ask.recipient, ask.channel_order_no),
        "templateUrl": account.template_url,
        "userId": account.user_id,
    }


def _recipient(recipient: Recipient, channel_order_no: str) -> dict[str, object]:
    content: dict[str, object] = {
        "address": _address(recipient.address),
        "mobile": recipient.mobile,
        "name": recipient.name,
    }
    if recipient.receiver_key:
        # Masked receivers: Cainiao looks the clear ones up by oaid and trade order.
        content |= {"oaid": recipient.receiver_key, "tid": channel_order_no}
    return content


def _call(account: Account, msg_type: str, content: object) -> HttpRequest:
    text = msgspec.json.encode(content).decode()
    form = {
        "msg_type": msg_type,
        "logistic_provider_id": account.partner_id,
        "logistics_interface": text,
        "data_digest": sign(text, account.secret),
    }
    return HttpRequest(url=account.url, headers=_FORM, body=urlencode(form).encode())


def _read(answer: HttpAnswer) -> _Answer | CallFailed:
    if answer.status != 200:
        return CallFailed(kind=FailureKind.AGAIN, code=f"http_{answer.status}", detail="")
    try:
        read = msgspec.json.decode(answer.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return CallFailed(kind=FailureKind.AGAIN, code="unreadable", detail="")
    if read.success == "true":
        return read
    transient = read.errorCode in _LINK_ERRORS or not read.errorCode
    return CallFailed(
        kind=FailureKind.AGAIN if transient else FailureKind.REFUSED,
        code=code(read.errorCode) or "no_code",
        detail=said(read.errorMsg),
    )


def recompute(vector: SignatureVector) -> str:
    """Return the data_digest of a call."""
    return sign(vector.fields.get("logistics_interface", ""), vector.secret)


PROVIDER = Provider(
    name="cainiao",
    title_zh="菜鸟电子面单",
    recompute=recompute,
    waybills=Waybills(
        needs=("partner_id", "secret"),
        per_call_max=PER_CALL_MAX,
        unfit=unfit,
        get_request=get_request,
        read_get_answer=read_get_answer,
        discard_request=discard_request,
        read_discard_answer=read_discard_answer,
    ),
)
