"""kuaidi100 tracking pushes: a form of `sign` and `param`, sign = upper-case hex MD5(param + salt).

Each push carries the whole trace, newest first; `state` speaks of the newest step. It is taken as
received only when answered with `{"result": true, "returnCode": "200"}`. Sources: kuaidi100's push rule
and public clients; the list of states is not confirmed in full, so an unknown one reads as in_transit.
"""

import hashlib
import hmac
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

import msgspec

from chassis.signatures import REJECT, SignatureVector
from services.fulfillment.carriers import Provider, PushRefused, Seen, Tracking, TrackingPush
from services.fulfillment.carriers._trace import TEXTS, moved_at, place_of
from services.fulfillment.domain.rules import WAYBILL_NO

_FIELDS_MAX = 8

STATES: Mapping[str, str] = MappingProxyType(
    {
        "0": "in_transit",
        "1": "picked_up",
        "2": "problem",
        "3": "delivered",
        "4": "returning",  # the return was signed for: it is not with the buyer
        "5": "delivering",
        "6": "returning",
        "7": "in_transit",  # forwarded to another carrier
        "8": "in_transit",  # customs
        "14": "problem",  # refused by the receiver
    }
)


class _Access(msgspec.Struct):
    key: str
    customer: str


class _Step(msgspec.Struct):
    time: str = ""
    ftime: str = ""
    areaName: str | None = None  # noqa: N815 — the platform's name


class _Result(msgspec.Struct):
    nu: str
    state: str
    data: tuple[_Step, ...] = ()


class _Param(msgspec.Struct):
    status: str
    lastResult: _Result | None = None  # noqa: N815


def sign(content: str, secret: str) -> str:
    """Return upper-case hex MD5(content + salt)."""
    return hashlib.md5((content + secret).encode(), usedforsecurity=False).hexdigest().upper()


def read_push(push: TrackingPush, secret: str) -> tuple[Seen, ...] | PushRefused:
    """Verify a push over its exact `param` text and read its newest step."""
    try:
        form = dict(
            parse_qsl(
                push.body.decode(),
                keep_blank_values=True,
                max_num_fields=_FIELDS_MAX,
                errors="strict",
            )
        )
    except ValueError:
        return PushRefused(status=400, code="not_a_form")
    param, given = form.get("param", ""), form.get("sign", "")
    if not param:
        return PushRefused(status=400, code="param_missing")
    if not hmac.compare_digest(given.encode(), sign(param, secret).encode()):
        return PushRefused(status=401, code="bad_signature")
    try:
        read = msgspec.json.decode(param, type=_Param)
    except (msgspec.MsgspecError, RecursionError):
        return PushRefused(status=400, code="bad_param")
    result = read.lastResult
    if read.status == "abort" or result is None:
        return ()
    if not WAYBILL_NO.fullmatch(result.nu):
        return PushRefused(status=400, code="bad_waybill")
    status = STATES.get(result.state, "in_transit")
    newest = max(result.data, key=lambda step: step.time or step.ftime, default=_Step())
    at = moved_at(newest.time or newest.ftime)
    if at is None and result.data:
        return PushRefused(status=400, code="bad_time")
    return (
        Seen(
            waybill_no=result.nu,
            status=status,
            moved_at=at,
            place=place_of(newest.areaName),
            text=TEXTS[status],
        ),
    )


def reply(refusal: str) -> bytes:
    """Return what kuaidi100 reads as received ("") or as a reason to push again."""
    if refusal:
        return msgspec.json.encode({"result": False, "returnCode": "500", "message": refusal})
    return msgspec.json.encode({"result": True, "returnCode": "200", "message": "成功"})


def recompute(vector: SignatureVector) -> str:
    """Return the signature of a push under its salt, or of a query under `{"key", "customer"}`."""
    secret = vector.secret
    if vector.kind == "request":
        try:
            access = msgspec.json.decode(secret, type=_Access)
        except (msgspec.MsgspecError, RecursionError):
            return REJECT
        secret = access.key + access.customer
    return sign(vector.fields.get("param", ""), secret)


PROVIDER = Provider(
    name="kuaidi100",
    title_zh="快递100",
    recompute=recompute,
    tracking=Tracking(signed=True, read_push=read_push, reply=reply),
)
