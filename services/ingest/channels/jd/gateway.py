"""JOS's gateway: one signed form POST per call, errors inside HTTP 200, answers named "responce"."""

import re
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
from services.ingest.channels._wire import Id, Text, beijing_text, clean, text_of

PATH = "/routerjson"
PAGE_SIZE = 100
# JOS answers "system busy" in words only; the numbers behind them are not documented.
_LATER = re.compile(
    r"系统(繁忙|异常|错误)|服务(繁忙|异常|不可用)|网络异常|(系统|服务|接口|网络|请求|调用|处理|连接)超时|稍[后候]"
)
_THROTTLED_WORDS = ("频", "限流", "流量", "上限")


class ErrorResponse(msgspec.Struct):
    """What the gateway says instead of an answer."""

    code: Id = None
    zh_desc: Text = None
    en_desc: Text = None


class ApiResult(msgspec.Struct):
    """The business result inside an answer whose gateway code is "0"."""

    success: bool | str | None = None
    numberCode: Id = None  # noqa: N815 — the wire's name
    errorCode: Id = None  # noqa: N815
    chineseErrCode: Text = None  # noqa: N815
    englishErrCode: Text = None  # noqa: N815
    errorMessage: Text = None  # noqa: N815

    @property
    def well(self) -> bool:
        """Whether the call did what it should; JOS also writes the flag as text."""
        return self.success is True or self.success == "true"


class Envelope(msgspec.Struct):
    """Every answer may be an error."""

    error_response: ErrorResponse | None = None


E = TypeVar("E", bound=Envelope)


def sign(secret: str, fields: Mapping[str, str]) -> str:
    """Return JOS's signature over all fields, empty ones included; a digit sorts before all letters."""
    ordered = sorted(fields.items(), key=lambda field: field[0].encode())
    text = "".join([name + value for name, value in ordered if name != "sign"])
    return calls.md5_hex(secret, text, secret).upper()


def call(
    credentials: Credentials, method: str, business: Mapping[str, str], now: datetime
) -> HttpRequest:
    """Return one signed call; all business parameters travel as one JSON text."""
    fields = {
        "method": method,
        "app_key": credentials.app_key,
        "access_token": credentials.access_token,
        "timestamp": beijing_text(now),
        "v": "2.0",
        "360buy_param_json": msgspec.json.encode(business).decode(),
    }
    fields["sign"] = sign(credentials.app_secret, fields)
    return calls.form_post(credentials.base_url + PATH, fields)


def fault_of(found: ErrorResponse) -> ChannelError:
    """Sort a gateway error by its number."""
    code = text_of(found.code)
    detail = clean(found.zh_desc) or clean(found.en_desc)
    if code == "2":
        return calls.error(ErrorKind.THROTTLED, code, detail)
    if code in {"18", "19"}:
        return calls.error(ErrorKind.TOKEN, code, detail)
    if code in {"1", "65", "66", "67"}:
        return calls.error(ErrorKind.RETRY, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def result_fault(result: ApiResult) -> ChannelError:
    """Name a business failure inside an answer.

    Reading again does no harm, so a read calls it RETRY; write-backs decide for themselves.
    """
    code = text_of(result.numberCode) or text_of(result.errorCode) or "unsuccessful"
    words = result.chineseErrCode or result.englishErrCode or result.errorMessage
    detail = clean(words)
    throttled = any(word in detail for word in _THROTTLED_WORDS)
    return calls.error(ErrorKind.THROTTLED if throttled else ErrorKind.RETRY, code, detail)


def worth_another_try(fault: ChannelError) -> bool:
    """Whether a write that failed so may be tried again: JD has no numbers for that, only words."""
    return fault.kind is ErrorKind.THROTTLED or _LATER.search(fault.detail) is not None


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the gateway error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or found.error_response is None:
        return found
    return fault_of(found.error_response)
