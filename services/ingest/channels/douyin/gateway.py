"""Douyin's gateway: the body is the signed parameters, byte for byte; results carry a code."""

import hashlib
import hmac
import json
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
OK = "10000"
_RETRY = frozenset({"20000", "20001"})
_THROTTLED = frozenset({"60000"})
_TOKEN = frozenset({"30001", "30002"})
_JSON = (("content-type", "application/json;charset=utf-8"),)

Parameter = str | int | bool | list["Parameter"] | dict[str, "Parameter"]


class Envelope(msgspec.Struct):
    """Every answer carries its code; 10000 is well."""

    code: Id = None
    msg: Text = None
    sub_code: Text = None
    sub_msg: Text = None


E = TypeVar("E", bound=Envelope)


def sorted_json(parameters: Mapping[str, Parameter]) -> str:
    """Return compact JSON, names sorted at every depth, nothing escaped that need not be."""
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sorted_text(parameters: str) -> str:
    """Return a JSON text as `sorted_json` writes it; what is no JSON object as it stands."""
    try:
        found = json.loads(parameters)
    except (ValueError, RecursionError):
        return parameters
    return sorted_json(found) if isinstance(found, dict) else parameters


def sign(secret: str, *, app_key: str, method: str, param_json: str, timestamp: str) -> str:
    """Return a call's signature, version 2; the access token is not part of it."""
    text = f"{secret}app_key{app_key}method{method}param_json{param_json}timestamp{timestamp}v2{secret}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sign_push(secret: str, *, app_key: str, body: bytes) -> str:
    """Return the `event-sign` of a push."""
    return calls.md5_hex(app_key, body, secret)


def sign_spi(
    secret: str, *, app_key: str, param_json: str, timestamp: str, sign_method: str
) -> str:
    """Return the signature of a call the platform makes to us, whose parameters it sorts before it signs."""
    param_json = sorted_text(param_json)
    text = f"{secret}app_key{app_key}param_json{param_json}timestamp{timestamp}{secret}"
    if sign_method == "md5":
        return calls.md5_hex(text)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def call(
    credentials: Credentials, method: str, parameters: Mapping[str, Parameter], now: datetime
) -> HttpRequest:
    """Return one signed call; the method names the path."""
    param_json = sorted_json(parameters)
    timestamp = str(int(now.timestamp()))
    query = {
        "app_key": credentials.app_key,
        "method": method,
        "access_token": credentials.access_token,
        "timestamp": timestamp,
        "v": "2",
        "sign_method": "hmac-sha256",
        "sign": sign(
            credentials.app_secret,
            app_key=credentials.app_key,
            method=method,
            param_json=param_json,
            timestamp=timestamp,
        ),
    }
    path = "/" + method.replace(".", "/")
    return HttpRequest(
        method="POST",
        url=f"{credentials.base_url}{path}?{urlencode(query)}",
        headers=_JSON,
        body=param_json.encode(),
    )


def fault_of(found: Envelope) -> ChannelError:
    """Sort an error: by code first, then "isp." is the platform's fault (again later)."""
    code = text_of(found.code) or "no_code"
    sub = clean(found.sub_code)
    detail = " ".join([part for part in (sub, clean(found.sub_msg) or clean(found.msg)) if part])
    if code in _THROTTLED:
        return calls.error(ErrorKind.THROTTLED, code, detail)
    if code in _TOKEN:
        return calls.error(ErrorKind.TOKEN, code, detail)
    if code in _RETRY or sub.startswith("isp."):
        return calls.error(ErrorKind.RETRY, code, detail)
    return calls.error(ErrorKind.REFUSED, code, detail)


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is."""
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or text_of(found.code) == OK:
        return found
    if found.code is None:
        return calls.no_answer("code")
    return fault_of(found)
