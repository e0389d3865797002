"""WeChat's gateway: JSON POST with the token in the query; calls are not signed.

Tokens are renewed elsewhere, by one central refresher: two of them would end each other's.
"""

from collections.abc import Callable
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

PATH = "/channels/ec/"
OK = "0"
_THROTTLED = frozenset({"45009", "45011"})
_TOKEN = frozenset({"40001", "40014", "41001", "42001"})
_RETRY = frozenset({"-1"})
_JSON = (("content-type", "application/json;charset=utf-8"),)


class Envelope(msgspec.Struct):
    """Every answer carries its code; 0 is well."""

    errcode: Id = None
    errmsg: Text = None


E = TypeVar("E", bound=Envelope)


def call(credentials: Credentials, path: str, parameters: object, now: datetime) -> HttpRequest:
    """Return one call."""
    del now
    query = urlencode({"access_token": credentials.access_token})
    return HttpRequest(
        method="POST",
        url=f"{credentials.base_url}{PATH}{path}?{query}",
        headers=_JSON,
        body=msgspec.json.encode(parameters),
    )


def fault_of(found: Envelope) -> ChannelError:
    """Sort an error by its code."""
    code = text_of(found.errcode) or "no_code"
    detail = clean(found.errmsg)
    if code in _THROTTLED:
        return calls.error(ErrorKind.THROTTLED, code, detail)
    if code in _TOKEN:
        return calls.error(ErrorKind.TOKEN, code, detail)
    if code in _RETRY:
        return calls.error(ErrorKind.RETRY, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or text_of(found.errcode) == OK:
        return found
    if found.errcode is None:
        return calls.no_answer("errcode")
    return fault_of(found)
