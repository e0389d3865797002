"""The door for a gateway's notices: POST /notices/{gateway}, without our bearer token.

Guarantees: a notice that the gateway did not sign is refused; one that it did only has its refund asked about
at once. What became of the money is read from the answer to our own question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import metrics
from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.http import read_body
from services.refunds.gateways import Credentials, Gateway, Notice, NoticeRefused

NOTICE_BYTES_MAX: Final = 64 * 1024
_DOOR: Final = "refunds.notice"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDoor:
    """Takes notices of the gateway in use. `hurry` asks about the refund of a request number."""

    gateway: Gateway
    credentials: Credentials
    hurry: Callable[[str], Awaitable[None]]
    clock: Clock

    def routes(self) -> list[Route]:
        """One door, whichever gateway there is."""
        return [Route("/notices/{gateway}", self.take, methods=["POST"])]

    async def take(self, request: Request) -> Response:
        """One notice. The answer is in the gateway's own words; a repeated notice asks once more."""
        notices = self.gateway.notices
        if notices is None or request.path_params["gateway"] != self.gateway.name:
            metrics.DOOR_REQUESTS.labels(_DOOR, "unknown_gateway").inc()
            return Response(status_code=404)
        status, code = await self._take(request)
        metrics.DOOR_REQUESTS.labels(_DOOR, code or "accepted").inc()
        return Response(notices.reply(code), status_code=status, media_type="application/json")

    async def _take(self, request: Request) -> tuple[int, str]:
        """HTTP status and refusal code; "" when it was taken."""
        assert self.gateway.notices is not None
        body = await read_body(request, NOTICE_BYTES_MAX)
        if body is None:
            return 413, "too_large"
        # Starlette names headers in lower case.
        notice = Notice(headers=dict(request.headers), body=body)
        found = self.gateway.notices.read(self.credentials, notice, self.clock.now())
        if isinstance(found, NoticeRefused):
            return found.status, found.code
        if found.request_no:
            try:
                await self.hurry(found.request_no)
            except Unavailable:
                return 503, "away"
        return 200, ""
