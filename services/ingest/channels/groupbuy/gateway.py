"""快团团 over Pinduoduo's gateway: one signed form POST per call, errors inside HTTP 200."""

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
from services.ingest.channels import _pinduoduo as numbered
from services.ingest.channels._wire import Id, Text, clean, text_of

PATH = "/api/router"
PAGE_SIZE = 100
_THROTTLED_WORDS = ("频", "限流", "流量", "上限")


class ErrorResponse(msgspec.Struct):
    """What the gateway says instead of an answer."""

    error_code: Id = None
    error_msg: Text = None
    sub_code: Id = None
    sub_msg: Text = None


class Envelope(msgspec.Struct):
    """Every answer may be an error."""

    error_response: ErrorResponse | None = None


E = TypeVar("E", bound=Envelope)


def sign(secret: str, fields: Mapping[str, str]) -> str:
    """Return the signature over all fields in byte order of their names, empty values included."""
    ordered = sorted(fields.items(), key=lambda field: field[0].encode())
    text = "".join([key + value for key, value in ordered if key != "sign"])
    return calls.md5_hex(secret, text, secret).upper()


def call(
    credentials: Credentials, method: str, business: Mapping[str, str], now: datetime
) -> HttpRequest:
    """Return one signed call."""
    fields = {
        "type": method,
        "client_id": credentials.app_key,
        "access_token": credentials.access_token,
        "timestamp": str(int(now.timestamp())),
        "data_type": "JSON",
        "version": "V1",
        **business,
    }
    fields["sign"] = sign(credentials.app_secret, fields)
    return calls.form_post(credentials.base_url + PATH, fields)


def milliseconds(moment: datetime) -> str:
    """Write a time as these calls take it."""
    return str(int(moment.timestamp()) * 1000)


def fault_of(found: ErrorResponse) -> ChannelError:
    """Sort an error by its number, or by its words where the number is not known."""
    code = text_of(found.error_code) or "no_code"
    sub = text_of(found.sub_code)
    detail = " ".join(filter(None, (sub, clean(found.sub_msg) or clean(found.error_msg))))
    if code in numbered.THROTTLED or any(word in detail for word in _THROTTLED_WORDS):
        return calls.error(ErrorKind.THROTTLED, code, detail)
    if code in numbered.TOKEN:
        return calls.error(ErrorKind.TOKEN, code, detail)
    return calls.error(
        ErrorKind.RETRY if code in numbered.RETRY else ErrorKind.REFUSED, code, detail
    )


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or found.error_response is None:
        return found
    return fault_of(found.error_response)
