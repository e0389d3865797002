"""Kuaishou's gateway: parameters as one JSON text, signed before they are URL-encoded.

Reads are GET, writes are form POST. `Credentials.app_secret` is the signSecret: the app's own secret
only serves to renew tokens.
"""

import base64
import hashlib
import hmac
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
    PageToken,
)
from services.ingest.channels import _calls as calls
from services.ingest.channels._wire import Id, Text, clean, text_of

OK = "1"
NO_MORE = frozenset({"nomore", "no_more", ""})
HMAC_SHA256 = "HMAC_SHA256"
_THROTTLED = frozenset({"15", "16", "17", "1016", "1017", "802000"})
_TOKEN = frozenset({"21", "24"})
_FORM = (("content-type", "application/x-www-form-urlencoded;charset=utf-8"),)


class Envelope(msgspec.Struct):
    """Every answer carries its result; 1 is well."""

    result: Id = None
    error_msg: Text = None
    msg: Text = None
    sub_code: Id = None
    sub_msg: Text = None


E = TypeVar("E", bound=Envelope)


def sign(secret: str, fields: Mapping[str, str]) -> str:
    """Return the signature over k=v in order of the names, by the method the fields name."""
    ordered = sorted((key, value) for key, value in fields.items() if key != "sign")
    text = "&".join([f"{key}={value}" for key, value in ordered] + [f"signSecret={secret}"])
    if fields.get("signMethod") == HMAC_SHA256:
        digest = hmac.new(secret.encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
        return base64.b64encode(digest).decode()
    return calls.md5_hex(text)


def call(
    credentials: Credentials,
    method: str,
    parameters: Mapping[str, int | str],
    now: datetime,
    *,
    writes: bool = False,
) -> HttpRequest:
    """Return one signed call; the method names the path."""
    fields = {
        "appkey": credentials.app_key,
        "method": method,
        "version": "1",
        "access_token": credentials.access_token,
        "timestamp": str(int(now.timestamp() * 1000)),
        "signMethod": HMAC_SHA256,
        "param": msgspec.json.encode(parameters).decode(),
    }
    fields["sign"] = sign(credentials.app_secret, fields)
    url = f"{credentials.base_url}/{method.replace('.', '/')}"
    if writes:
        return calls.form_post(url, fields)
    return HttpRequest(method="GET", url=f"{url}?{urlencode(fields)}", headers=_FORM, body=b"")


def fault_of(found: Envelope) -> ChannelError:
    """Sort an error by its result."""
    code = text_of(found.result) or "no_result"
    detail = clean(found.error_msg) or clean(found.sub_msg) or clean(found.msg)
    if code in _THROTTLED:
        return calls.error(ErrorKind.THROTTLED, code, detail)
    if code in _TOKEN:
        return calls.error(ErrorKind.TOKEN, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or text_of(found.result) == OK:
        return found
    if found.result is None:
        return calls.no_answer("result")
    return fault_of(found)


def page_beyond(cursor: Text, asked: PageToken | None) -> PageToken | ChannelError | None:
    """Return the next page; a cursor that does not move would be read for ever."""
    following = clean(cursor).strip()
    if following in NO_MORE:
        return None
    if asked is not None and asked.cursor == following:
        return calls.error(ErrorKind.RETRY, "cursor_stands_still", "the same cursor again")
    return PageToken(number=(asked.number if asked else 1) + 1, cursor=following)
