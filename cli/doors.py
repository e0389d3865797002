"""Calling a service's own doors from a terminal, found by the service's settings or by a URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx2
import msgspec

from chassis.client import trusted
from chassis.settings import PREFIX, Settings
from cli.reach import NotReached, settings_of

TIMEOUT_S: Final = 15.0
FAULTS_TOLD: Final = 5
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})


class Refused(Exception):
    """The service said no, or did not answer; the text is for people."""

    remedy = ""

    def __init__(
        self, message: str, *, status: int = 0, code: str = "", problem: object = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.problem = problem
        """What the service answered, as it is, where it said no."""


def door(kind: type[Settings], url: str = "") -> tuple[str, str]:
    """Base URL of a service's own doors, and the bearer token they want.

    `url` is given by hand; else it is made of the service's http_host and http_port, `kind`. Raises NotReached.
    """
    of_service = settings_of(kind)
    prefix = str(kind.model_config.get("env_prefix", PREFIX))
    if not url and not of_service.http_port:
        raise NotReached(
            "where the service's doors answer is not known",
            f"set {prefix}HTTP_PORT as the service has it, or give --url http://host:port",
        )
    token = of_service.api_token.get_secret_value().partition(",")[0].strip()
    if not token:
        raise NotReached("there is no access token", "set DANSHU_API_TOKEN as the service has it")
    host = "127.0.0.1" if of_service.http_host in EVERYWHERE else of_service.http_host
    return url.rstrip("/") or f"http://{host}:{of_service.http_port}", token


def _place(fault: Mapping[str, str]) -> str:
    """Where a request is wrong: the field or the parameter."""
    return fault.get("pointer", "") or fault.get("parameter", "")


def call(
    kind: type[Settings],
    method: str,
    path: str,
    url: str,
    *,
    body: Mapping[str, Any] | None = None,
    content: bytes | None = None,
    query: Mapping[str, str | Sequence[str]] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """One answer, read from JSON. `kind` are the service's settings; `content` is sent as it is. Raises Refused."""
    try:
        start, token = door(kind, url)
    except NotReached as unknown:
        raise Refused(str(unknown)) from None
    try:
        answer = httpx2.request(
            method,
            start + path,
            params=query,
            content=content if body is None else msgspec.json.encode(body),
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            timeout=timeout_s,
            trust_env=False,
            verify=trusted(),
        )
        said: Any = msgspec.json.decode(answer.content)
    except (httpx2.HTTPError, httpx2.InvalidURL, msgspec.DecodeError, UnicodeError) as error:
        raise Refused(f"the service does not answer at {start}: {error}") from error
    if answer.status_code >= 400:
        code = said.get("code", "")
        faults = (
            f"{one['detail']} ({_place(one)})" for one in said.get("errors", ())[:FAULTS_TOLD]
        )
        words = ": ".join(filter(None, (said.get("title", ""), said.get("detail", ""), *faults)))
        raise Refused(f"{words} ({code})", status=answer.status_code, code=code, problem=said)
    return said
