"""The door for tracking pushes: POST /tracking/{provider}, with `?key=` for those who sign nothing.

Guarantees: a push that is not its provider's is 401, garbage is 4xx, both counted; success is answered only
when all its commands are in Kafka, so that the provider pushes again whatever was lost before; a parcel that
is not ours keeps none of the others in a push back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis import metrics
from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.http import read_body
from chassis.ids import request_id
from chassis.postgres import AWAY
from chassis.producer import DeliveryFailed
from schemas.events.commands_fulfillment import RecordTracking
from services.fulfillment.carriers import Provider, PushRefused, Seen, TrackingPush
from services.fulfillment.store import ParcelReader

FUTURE_MAX = timedelta(days=1)
"""A step dated later than this would keep all true news out as older."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What to answer; an empty code means taken."""

    status: int
    code: str


TAKEN = _Verdict(200, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingDoor:
    """Takes pushes of every provider that has a secret."""

    providers: Mapping[str, Provider]
    secrets: Mapping[str, str]
    bytes_max: int
    reader: ParcelReader
    desk: CommandDesk
    clock: Clock

    def routes(self) -> list[Route]:
        """One door for all providers."""
        return [Route("/tracking/{provider}", self.push, methods=["POST"])]

    async def push(self, request: Request) -> Response:
        """One push. The answer is in the provider's own words."""
        started_ms = self.clock.monotonic_ms()
        name = request.path_params["provider"]
        provider = self.providers.get(name)
        secret = self.secrets.get(name, "")
        if provider is None or provider.tracking is None or not secret:
            # The name came from outside, so it is no label.
            metrics.DOOR_REQUESTS.labels("tracking", "unknown_provider").inc()
            return Response(status_code=404)
        verdict = await self._take(provider, secret, request)
        door = f"tracking/{provider.name}"
        metrics.DOOR_REQUESTS.labels(door, verdict.code or "accepted").inc()
        metrics.DOOR_SECONDS.labels(door).observe((self.clock.monotonic_ms() - started_ms) / 1000)
        return Response(
            provider.tracking.reply(verdict.code),
            status_code=verdict.status,
            media_type="application/json",
        )

    async def _take(self, provider: Provider, secret: str, request: Request) -> _Verdict:
        assert provider.tracking is not None
        body = await read_body(request, self.bytes_max)
        if body is None:
            return _Verdict(413, "too_large")
        push = TrackingPush(body=body, key=request.query_params.get("key", ""))
        news = provider.tracking.read_push(push, secret)
        if isinstance(news, PushRefused):
            return _Verdict(news.status, news.code)
        latest = self.clock.now() + FUTURE_MAX
        if any(seen.moved_at is not None and seen.moved_at > latest for seen in news):
            return _Verdict(400, "bad_time")
        try:
            return await self._record(provider, news)
        except (*AWAY, DeliveryFailed):
            return _Verdict(503, "away")

    async def _record(self, provider: Provider, news: Sequence[Seen]) -> _Verdict:
        orders = await self.reader.holders([seen.waybill_no for seen in news]) if news else {}
        known = [seen for seen in news if seen.waybill_no in orders]
        await self.desk.issue(
            [self._command(provider, orders[seen.waybill_no], seen) for seen in known]
        )
        # Perhaps not ours, perhaps not recorded yet: the provider tries again.
        return TAKEN if len(known) == len(news) else _Verdict(404, "unknown_waybill")

    def _command(self, provider: Provider, order_id: str, seen: Seen) -> RecordTracking:
        now = self.clock.now()
        moved = seen.moved_at.isoformat() if seen.moved_at else ""
        return RecordTracking(
            order_id=order_id,
            command_id=request_id("track", seen.waybill_no, seen.status, moved),
            issued_at=now,
            actor=provider.name,
            waybill_no=seen.waybill_no,
            status=seen.status,
            moved_at=seen.moved_at or now,
            place=seen.place,
            text=seen.text,
        )
