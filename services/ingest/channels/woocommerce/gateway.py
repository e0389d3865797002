"""WooCommerce's REST calls: a key pair as basic authentication, or signing over plain http."""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

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
from services.ingest.channels._wire import Text, clean, read_json

PAGE_SIZE = 100
PATH = "/wp-json/wc/v3/"
_SPEAKING = frozenset({200, 201, 400, 401, 403, 404, 409, 410})
_RETRY = frozenset({"woocommerce_rest_busy", "internal_server_error"})


class Failed(msgspec.Struct):
    """What the shop says instead of an answer, whatever its HTTP status."""

    code: Text = None
    message: Text = None


T = TypeVar("T")
_decode_failed = msgspec.json.Decoder(Failed).decode


def _escaped(text: str) -> str:
    return quote(text, safe="-._~")


def oauth_signature(method: str, url: str, query: Mapping[str, str], secret: str) -> str:
    """Return the OAuth 1.0a signature of a call without a token of its own."""
    pairs = sorted((_escaped(name), _escaped(value)) for name, value in query.items())
    text = "&".join(f"{name}={value}" for name, value in pairs)
    signed = "&".join(map(_escaped, (method, url, text)))
    mac = hmac.new(f"{_escaped(secret)}&".encode(), signed.encode(), hashlib.sha256).digest()
    return b64encode(mac).decode()


def call(
    credentials: Credentials,
    method: str,
    path: str,
    now: datetime,
    *,
    query: Mapping[str, str] | None = None,
    body: bytes = b"",
) -> HttpRequest:
    """Return one call; over plain http the key pair must not travel, so it signs."""
    url = credentials.base_url + PATH + path
    sent = dict(query or {})
    headers = [("content-type", "application/json")]
    if credentials.base_url.startswith("https:"):
        pair = f"{credentials.app_key}:{credentials.app_secret}".encode()
        headers.append(("authorization", f"Basic {b64encode(pair).decode()}"))
    else:
        stamp = str(int(now.timestamp()))
        # The store takes a nonce once, and the same call may be made twice in a second.
        told = f"{method} {url} {sorted(sent.items())} {now.isoformat()}".encode()
        sent |= {
            "oauth_consumer_key": credentials.app_key,
            "oauth_nonce": hashlib.sha256(told + body).hexdigest()[:32],
            "oauth_signature_method": "HMAC-SHA256",
            "oauth_timestamp": stamp,
        }
        sent["oauth_signature"] = oauth_signature(method, url, sent, credentials.app_secret)
    tail = f"?{urlencode(sent)}" if sent else ""
    return HttpRequest(method=method, url=url + tail, headers=tuple(headers), body=body)


def fault_of(failed: Failed) -> ChannelError:
    """Sort an error by its code."""
    code, words = clean(failed.code), clean(failed.message)
    if "authentication" in code or "cannot_view" in code or "cannot_edit" in code:
        return calls.error(ErrorKind.TOKEN, code, words)
    return calls.error(ErrorKind.RETRY if code in _RETRY else ErrorKind.REFUSED, code, words)


def opened(answer: HttpAnswer, decode: Callable[[bytes], T]) -> T | ChannelError:
    """Decode an answer, or return the error it is: an object with a code where rows are usual."""
    failed = read_json(_decode_failed, answer.body)
    if isinstance(failed, Failed) and failed.code and answer.status in _SPEAKING:
        return fault_of(failed)
    return calls.opened(answer, decode)


def next_page(answer: HttpAnswer, page: PageToken | None) -> PageToken | ChannelError | None:
    """Return the page to read next, from the last one down to the first; without a count of rows, the error."""
    total = answer.headers.get("x-wp-total", "")
    if not total.isascii() or not total.isdecimal() or len(total) > 9:
        return calls.no_answer("x-wp-total")
    return calls.page_below(page, total=int(total), size=PAGE_SIZE, first=1)
