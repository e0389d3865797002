"""TOP's gateway: one signed form POST per call, errors inside HTTP 200."""

import hashlib
import hmac
import re
from collections.abc import Callable
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

PATH = "/router/rest"
PAGE_SIZE = 100
# TOP's own numbers: limits of calls by user, session, partner, app and frequency; a service that is away.
_THROTTLED = frozenset({"4", "5", "6", "7", "8"})
_AWAY = "10"
_BAN = re.compile(r"ban will last for (\d{1,6}) more second")


class ErrorResponse(msgspec.Struct):
    """What TOP says instead of an answer."""

    code: Id = None
    msg: Text = None
    sub_code: Text = None
    sub_msg: Text = None


class Envelope(msgspec.Struct):
    """Every answer may be an error."""

    error_response: ErrorResponse | None = None


E = TypeVar("E", bound=Envelope)


def sign(secret: str, fields: dict[str, str]) -> str:
    """Return TOP's signature by the `sign_method` among the fields; `sign` itself is left out."""
    text = calls.concatenated((k, v) for k, v in fields.items() if k != "sign")
    match fields.get("sign_method"):
        case "hmac":
            return hmac.new(secret.encode(), text.encode(), hashlib.md5).hexdigest().upper()
        case "hmac-sha256":
            return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
        case _:
            return calls.md5_hex(secret, text, secret).upper()


def call(
    credentials: Credentials, method: str, business: dict[str, str], now: datetime
) -> HttpRequest:
    """Return one signed call; empty business parameters are neither sent nor signed."""
    fields = {
        "method": method,
        "app_key": credentials.app_key,
        "session": credentials.access_token,
        "timestamp": beijing_text(now),
        "format": "json",
        "v": "2.0",
        "sign_method": "hmac-sha256",
        **business,
    }
    fields["sign"] = sign(credentials.app_secret, fields)
    return calls.form_post(credentials.base_url + PATH, fields)


def fault_of(found: ErrorResponse) -> ChannelError:
    """Sort an error: "isp." is the platform's fault (again later), "isv." ours (never again)."""
    code = text_of(found.code)
    sub = clean(found.sub_code)
    detail = " ".join([part for part in (sub, clean(found.sub_msg) or clean(found.msg)) if part])
    if code in _THROTTLED or sub.startswith("accesscontrol."):
        ban = _BAN.search(found.sub_msg or "")
        return calls.error(ErrorKind.THROTTLED, code, detail, int(ban[1]) * 1000 if ban else 0)
    if code in {"26", "27"}:
        return calls.error(ErrorKind.TOKEN, code, detail)
    if code == _AWAY or sub.startswith("isp.") or (code == "15" and not sub):
        return calls.error(ErrorKind.RETRY, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or found.error_response is None:
        return found
    return fault_of(found.error_response)
