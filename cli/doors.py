"""Calling a service's own doors from a terminal, found by the service's settings or by a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx2
import msgspec

from chassis.settings import Settings, read

TIMEOUT_S: Final = 15.0


class Refused(Exception):
    """The service said no, or did not answer; the text is for people."""

    remedy = ""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def call(
    kind: type[Settings],
    method: str,
    path: str,
    url: str,
    *,
    body: Mapping[str, Any] | None = None,
    content: bytes | None = None,
    query: Mapping[str, str | Sequence[str]] | None = None,
) -> Any:
    """One answer, read from JSON. `kind` are the service's settings; `content` is sent as it is. Raises Refused."""
    settings = read(kind)
    prefix = str(kind.model_config.get("env_prefix", ""))
    if not url and not settings.http_port:
        raise Refused(f"set {prefix}HTTP_PORT to the service's port, or give --url")
    start = url or f"http://{settings.http_host}:{settings.http_port}"
    try:
        answer = httpx2.request(
            method,
            start.rstrip("/") + path,
            params=query,
            content=content if body is None else msgspec.json.encode(body),
            headers={"authorization": f"Bearer {settings.api_token.get_secret_value()}"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
        said: Any = msgspec.json.decode(answer.content)
    except (httpx2.HTTPError, msgspec.DecodeError) as error:
        raise Refused(f"the service does not answer at {start}: {error}") from error
    if answer.status_code >= 400:
        code = said.get("code", "")
        detail = said.get("detail") or said.get("title", "")
        raise Refused(f"{detail} ({code})", status=answer.status_code, code=code)
    return said
