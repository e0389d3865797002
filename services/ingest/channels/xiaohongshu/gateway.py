"""Xiaohongshu's ARK gateway: flat JSON POST; the signature covers the gateway's own fields only."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

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

PATH = "/ark/open_api/v3/common_controller"
VERSION = "2.0"
PAGE_SIZE = 100
_JSON = (("content-type", "application/json;charset=utf-8"),)
# The platform's list of codes is not public: its words decide.
_THROTTLED_WORDS = ("限流", "频繁", "频率", "qps", "QPS", "超过限制")
_TOKEN_WORDS = ("accessToken", "access_token", "token", "授权")
_RETRY_WORDS = ("系统异常", "系统繁忙", "服务异常", "超时")

Parameter = str | int | bool | list[str] | list[int]


class Envelope(msgspec.Struct):
    """Every answer says whether it is well, twice."""

    success: bool | None = None
    error_code: Id = None
    error_msg: Text = None

    @property
    def well(self) -> bool:
        """Whether both say so; an answer with one of them missing is as the other says."""
        return self.success is not False and text_of(self.error_code) in {"", "0"}


E = TypeVar("E", bound=Envelope)


def sign(secret: str, *, method: str, app_id: str, timestamp: str) -> str:
    """Return a call's signature; business fields are no part of it."""
    text = f"{method}?appId={app_id}&timestamp={timestamp}&version={VERSION}{secret}"
    return calls.md5_hex(text)


def call(
    credentials: Credentials, method: str, parameters: Mapping[str, Parameter], now: datetime
) -> HttpRequest:
    """Return one signed call; business fields stand beside the gateway's own."""
    timestamp = str(int(now.timestamp()))
    fields: dict[str, Parameter] = {
        **parameters,
        "method": method,
        "appId": credentials.app_key,
        "timestamp": timestamp,
        "version": VERSION,
        "accessToken": credentials.access_token,
        "sign": sign(
            credentials.app_secret, method=method, app_id=credentials.app_key, timestamp=timestamp
        ),
    }
    return HttpRequest(
        method="POST",
        url=credentials.base_url + PATH,
        headers=_JSON,
        body=msgspec.json.encode(fields),
    )


def fault_of(found: Envelope) -> ChannelError:
    """Sort an error by its words."""
    code = text_of(found.error_code) or "unsuccessful"
    detail = clean(found.error_msg)
    for kind, words in (
        (ErrorKind.THROTTLED, _THROTTLED_WORDS),
        (ErrorKind.TOKEN, _TOKEN_WORDS),
        (ErrorKind.RETRY, _RETRY_WORDS),
    ):
        if any(word in detail for word in words):
            return calls.error(kind, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError):
        return found
    if found.success is None and found.error_code is None:
        return calls.no_answer("success")
    return found if found.well else fault_of(found)
