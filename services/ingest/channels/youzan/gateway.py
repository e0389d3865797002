"""Youzan's gateway: the token in the query, JSON bodies, and errors of two shapes inside HTTP 200."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

import msgspec

from services.ingest.channels import (
    ChannelError,
    Credentials,
    ErrorKind,
    HttpAnswer,
    HttpRequest,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, Text, clean, text_of

PAGE_SIZE = 100
OK = frozenset({"200", "0"})
# 4201 none sent, 4202 expired, 4203 unknown; refreshed tokens end the older ones.
_TOKEN = frozenset({"4201", "4202", "4203"})
_THROTTLED_WORDS = ("限流", "频繁", "频率", "太快", "上限", "qps", "QPS")
_JSON = (("content-type", "application/json"),)


class GatewayError(msgspec.Struct):
    """What the gateway says before the call has reached anything."""

    err_code: Id = None
    err_msg: Text = None


class Envelope(msgspec.Struct):
    """Every answer says how it went; some calls write the code as text."""

    gw_err_resp: GatewayError | None = None
    code: Id = None
    success: bool | None = None
    message: Text = None
    msg: Text = None


E = TypeVar("E", bound=Envelope)


def call(
    credentials: Credentials, method: str, version: str, parameters: Mapping[str, object]
) -> HttpRequest:
    """Return one call; nothing of it is signed."""
    query = urlencode({"access_token": credentials.access_token})
    return HttpRequest(
        method="POST",
        url=f"{credentials.base_url}/api/{method}/{version}?{query}",
        headers=_JSON,
        body=msgspec.json.encode(parameters),
    )


def seconds(moment: datetime) -> int:
    """Write a time as after-sales calls take it; orders take texts of Beijing."""
    return int(moment.timestamp())


def fault_of(*, gateway: GatewayError | None, code: str, words: str) -> ChannelError:
    """Sort an error by its number, or by its words where the number is not documented."""
    if gateway is not None:
        code, words = text_of(gateway.err_code), clean(gateway.err_msg)
    code = code or "no_code"
    if any(word in words for word in _THROTTLED_WORDS):
        return calls.error(ErrorKind.THROTTLED, code, words)
    if gateway is not None and code in _TOKEN:
        return calls.error(ErrorKind.TOKEN, code, words)
    platform = (gateway is not None and code.startswith("5")) or "系统" in words
    return calls.error(ErrorKind.RETRY if platform else ErrorKind.REFUSED, code, words)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError):
        return found
    code = text_of(found.code)
    if found.gw_err_resp is None and not code and found.success is None:
        return calls.no_answer("code")
    if found.gw_err_resp is None and found.success is not False and code in OK | {""}:
        return found
    words = clean(found.message) or clean(found.msg)
    return fault_of(gateway=found.gw_err_resp, code=code, words=words)
