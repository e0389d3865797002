"""The push doors: POST /push/{channel}/{shop}; GET answers a platform's check that the door is ours.

A push is genuine (signature over the raw bytes, constant-time), bounded in size and depth, and durable, in
Kafka or while it is away on local disk, before it is answered with the channel's own "received": a whole order
sealed for the payload topic, a hint for the list of what to fetch. Anything else: 401 forged, 404 unknown shop,
413 too large, 400 not understood, 503 when neither has room (the channel then pushes again). All are counted by
reason. Nothing here waits for Postgres, and nothing for Kafka to start.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import envelope
from chassis.crypto import PayloadSeal
from chassis.http import Later, Problem, problem_response, read_body
from chassis.metrics import DOOR_REQUESTS, DOOR_SECONDS
from schemas.events.channel_hints import HintReceived
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.channels import (
    Channel,
    ChannelError,
    Hint,
    HintKind,
    Push,
    PushRequest,
    RawOrder,
)
from services.ingest.intake import Intake, NoRoom, NotTaken
from services.ingest.push_counts import PushCounts
from services.ingest.settings import IngestSettings
from services.ingest.shops import Shop, Shops, number_of, source_key

DOOR = "push"
UNKNOWN_SHOP = Problem(status=404, code="unknown_shop", title="没有这个店铺的推送入口")
TOO_LARGE = Problem(status=413, code="too_large", title="推送内容过大")
BAD_SIGNATURE = Problem(status=401, code="bad_signature", title="签名不正确")
TOO_DEEP = Problem(status=400, code="too_deep", title="推送内容嵌套过深")
NOT_UNDERSTOOD = Problem(status=400, code="not_understood", title="推送内容无法识别")
NOT_DURABLE = Problem(status=503, code="not_durable", title="暂时无法接收,请稍后重推")
SPOOL_FULL = Problem(status=503, code="spool_full", title="本地暂存已满,请稍后重推")

_NO_BRACKETS = bytes(set(range(256)) - set(b"[{]}"))


def depth_of(body: bytes, limit: int) -> int:
    """How deep brackets nest, counted up to `limit` + 1; strings count too, which errs on the safe side."""
    depth = deepest = 0
    for byte in body.translate(None, _NO_BRACKETS):
        if byte in b"[{":
            depth += 1
            if depth > deepest:
                deepest = depth
                if deepest > limit:
                    return deepest
        else:
            depth -= 1
    return deepest


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the doors lean on: no server."""

    channels: Mapping[str, Channel]
    shops: Shops
    payloads: PayloadSeal
    codec: Codec
    clock: Clock
    intake: Intake
    pushes: PushCounts = field(default_factory=PushCounts)
    staff: Later = field(default_factory=Later)
    """The doors of the merchant's own people and of group-buy leaders, which need the servers."""


class PushDoor:
    """One door for every shop whose channel pushes."""

    def __init__(self, entrance: Entrance, settings: IngestSettings) -> None:
        self._entrance = entrance
        self._settings = settings

    def app(self) -> Starlette:
        """The ASGI application."""
        path = "/push/{channel}/{shop}"
        return Starlette(
            routes=[
                Route(path, self.receive, methods=["POST"]),
                Route(path, self.greet, methods=["GET"]),
                Mount("/", self._entrance.staff),
            ]
        )

    async def greet(self, request: Request) -> Response:
        """Answers the check which some platforms make before they push."""
        shop, push = self._push_of(request)
        if shop is None or push is None or push.greeting is None:
            return _refused(UNKNOWN_SHOP)[0]
        answer = push.greeting(shop.credentials(), self._arrived(request, b""))
        if answer is None:
            return _refused(BAD_SIGNATURE)[0]
        return Response(answer, media_type="text/plain")

    async def receive(self, request: Request) -> Response:
        """Takes one push."""
        with DOOR_SECONDS.labels(DOOR).time():
            answer, outcome = await self._receive(request)
        DOOR_REQUESTS.labels(DOOR, outcome).inc()
        return answer

    async def _receive(self, request: Request) -> tuple[Response, str]:
        shop, push = self._push_of(request)
        if shop is None or push is None:
            return _refused(UNKNOWN_SHOP)
        try:
            body = await read_body(request, self._settings.push_bytes_max)
        except ClientDisconnect:
            return _refused(NOT_UNDERSTOOD)
        if body is None:
            return _refused(TOO_LARGE)
        arrived = self._arrived(request, body)
        if not push.verify(shop.credentials(), arrived):
            return _refused(BAD_SIGNATURE)
        if push.opened is not None:
            text = push.opened(shop.credentials(), arrived)
            if text is None:
                return _refused(BAD_SIGNATURE)
            arrived = replace(arrived, body=text)
        if depth_of(arrived.body, self._settings.push_depth_max) > self._settings.push_depth_max:
            return _refused(TOO_DEEP)
        found = push.read(shop.credentials(), arrived)
        if isinstance(found, ChannelError):
            return _refused(NOT_UNDERSTOOD)
        records = [
            envelope(self._entrance.codec, event, "ingest")
            for event in [self._event(shop, pushed, arrived.at) for pushed in found]
            if event is not None
        ]
        try:
            await self._entrance.intake.take(records)
        except NoRoom:
            return _refused(SPOOL_FULL, {"retry-after": "30"})
        except NotTaken:
            return _refused(NOT_DURABLE, {"retry-after": "5"})
        self._entrance.pushes.note(shop, arrived.at)
        return Response(push.reply, media_type=push.reply_content_type), "accepted"

    def _push_of(self, request: Request) -> tuple[Shop | None, Push | None]:
        names = request.path_params
        shop = self._entrance.shops.get((names["channel"], names["shop"]))
        return shop, self._entrance.channels[shop.channel].push if shop else None

    def _arrived(self, request: Request, body: bytes) -> PushRequest:
        return PushRequest(
            headers=dict(request.headers),
            query=dict(request.query_params),
            body=body,
            at=self._entrance.clock.now(),
        )

    def _event(
        self, shop: Shop, pushed: Hint | RawOrder, at: datetime
    ) -> HintReceived | PayloadReceived | None:
        """What goes to Kafka: a whole order sealed, a hint as it is; nothing for a probe."""
        order_no = number_of(pushed.order_no)
        if isinstance(pushed, RawOrder):
            return PayloadReceived(
                source_key=source_key(shop.channel, shop.shop, order_no),
                channel=shop.channel,
                shop=shop.shop,
                channel_order_no=order_no,
                door=DOOR,
                accepted_at=at,
                body=self._entrance.payloads.seal_payload(pushed.body),
            )
        if pushed.kind is HintKind.PROBE or not order_no:
            return None
        return HintReceived(
            source_key=source_key(shop.channel, shop.shop, order_no),
            channel=shop.channel,
            shop=shop.shop,
            channel_order_no=order_no,
            message_id=pushed.message_id or str(uuid.uuid4()),
            accepted_at=at,
        )


def _refused(problem: Problem, headers: dict[str, str] | None = None) -> tuple[Response, str]:
    return problem_response(problem, headers), problem.code
