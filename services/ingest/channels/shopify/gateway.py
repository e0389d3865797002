"""Shopify's Admin REST calls: a token in a header, and refusals in words beside an HTTP status."""

from collections.abc import Callable
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
from services.ingest.channels._wire import present, read_json

VERSION = "2025-10"


class Envelope(msgspec.Struct):
    """Every answer may be an error."""

    errors: msgspec.Raw = msgspec.Raw()


E = TypeVar("E", bound=Envelope)
_decode_failed = msgspec.json.Decoder(Envelope).decode


def call(credentials: Credentials, method: str, path: str, body: bytes = b"") -> HttpRequest:
    """Return one call; its token is all that says whose it is."""
    return HttpRequest(
        method=method,
        url=f"{credentials.base_url}/admin/api/{VERSION}/{path}",
        headers=(
            ("content-type", "application/json"),
            ("x-shopify-access-token", credentials.access_token),
        ),
        body=body,
    )


def opened(answer: HttpAnswer, decode: Callable[[bytes], E]) -> E | ChannelError:
    """Decode an answer, or return the error it is; a refusal's own words are in its body."""
    if answer.status in {404, 406, 422}:
        failed = read_json(_decode_failed, answer.body)
        words = bytes(failed.errors) if isinstance(failed, Envelope) else b""
        detail = words.decode("utf-8", "replace")[:200] or "refused"
        return calls.error(ErrorKind.REFUSED, f"http_{answer.status}", detail)
    found = calls.opened(answer, decode)
    if isinstance(found, ChannelError) or not present(found.errors):
        return found
    detail = bytes(found.errors).decode("utf-8", "replace")[:200]
    return calls.error(ErrorKind.REFUSED, "errors", detail)
