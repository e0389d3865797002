"""The doors under /_sim: what no platform has, for demos, tests and checkers.

Guarantees: what is asked for wrongly is answered 400 with the reason; nothing here counts as the
merchant's doing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from simulators import ledger
from simulators.bulk import bulk_orders, native_payload
from simulators.carriers import cainiao
from simulators.carriers.tracking import SALT
from simulators.drawing import CANARY_PREFIX, Step
from simulators.orders import Channel, check_channel
from simulators.payments.alipay import APP_ID
from simulators.registry import SHOPS
from simulators.settings import Mix
from simulators.simulation import NobodyPushes, Simulation, TrafficOrder

JSON = "application/json"
_T = TypeVar("_T")


class Doors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where pushes go, marketplaces' by shop; what is left out stays, an empty text unsubscribes."""

    push_urls: dict[str, str] = {}
    tracking_push_url: str | None = None


class OrdersWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Orders to place now."""

    count: int
    channel: Channel | None = None
    mix: Mix | None = None

    def __post_init__(self) -> None:
        if self.channel is not None:
            check_channel(self.channel)


class ActWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A buyer's (or clerk's) step to take now; `claim` may name lines and an amount."""

    channel: Channel
    order_no: str
    step: Step
    line_nos: tuple[str, ...] | None = None
    amount_fen: int | None = None


class OutageWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which platform is away, and for how long; 0 ends an outage."""

    channel: Channel
    seconds: float

    def __post_init__(self) -> None:
        check_channel(self.channel)
        if not 0 <= self.seconds <= 86_400:
            message = f"seconds must be 0..86400, not {self.seconds}"
            raise ValueError(message)


class HandoverWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parcels the carrier takes now."""

    waybill: str = ""
    waybills: tuple[str, ...] = ()


def accounts(simulation: Simulation, base_url: str) -> dict[str, Any]:
    """Return everything the merchant needs to call the outside world."""
    return {
        "base_url": base_url,
        "shops": [
            {
                "channel": shop.channel,
                "shop": shop.shop,
                "app_key": shop.app_key,
                "app_secret": shop.app_secret,
                "access_token": shop.access_token,
                "base_url": base_url,
                "push_secret": shop.push_secret,
                "push_token": shop.push_token,
                "settled_after_s": simulation.settings.settled_after_s,
                "carriers": shop.carriers,
                "stock_location": shop.stock_location,
                "refusal_code": shop.refusal_code,
            }
            for shop in SHOPS
        ],
        "pushing_shops": list(simulation.pushes),
        "cainiao": {
            "url": f"{base_url}/gateway/link.do",
            "logistic_provider_id": cainiao.PROVIDER_ID,
            "secret": cainiao.SECRET,
        },
        "tracking": {"salt": SALT},
        "alipay": {
            "url": f"{base_url}/gateway.do",
            "app_id": APP_ID,
            "merchant_private_key_pem": simulation.keys.merchant_private_pem(),
            "alipay_public_key_pem": simulation.keys.gateway_public_pem(),
        },
    }


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status_code=status, media_type=JSON)


async def _stream(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        # Others are served between the parts of a long answer.
        await asyncio.sleep(0)


class Control:
    """Handlers of one simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """Return the doors."""
        return [
            Route("/_sim/catalog", self.catalog),
            Route("/_sim/shops", self.shops),
            Route("/_sim/accounts", self.accounts),
            Route("/_sim/canaries", self.canaries),
            Route("/_sim/listings", self.listings),
            Route("/_sim/ledger", self.ledger),
            Route("/_sim/ledger/{part}", self.ledger_part),
            Route("/_sim/payloads", self.payloads, methods=["GET", "POST"]),
            Route("/_sim/traffic", self.traffic, methods=["GET", "POST", "DELETE"]),
            Route("/_sim/orders", self.orders, methods=["POST"]),
            Route("/_sim/act", self.act, methods=["POST"]),
            Route("/_sim/doors", self.doors, methods=["POST"]),
            Route("/_sim/handover", self.handover, methods=["POST"]),
            Route("/_sim/outage", self.outage, methods=["POST"]),
            Route("/_sim/healthz", self.healthz),
        ]

    async def healthz(self, _request: Request) -> Response:
        """Answer that the process lives."""
        return _json({"ok": True})

    async def catalog(self, _request: Request) -> Response:
        """GET: SKUs, warehouses, initial stock."""
        return _json(self._simulation.world.catalog)

    async def shops(self, request: Request) -> Response:
        """GET: shops with their credentials."""
        return _json(accounts(self._simulation, _own_url(request))["shops"])

    async def accounts(self, request: Request) -> Response:
        """GET: what the ready line says, again."""
        return _json(accounts(self._simulation, _own_url(request)))

    async def canaries(self, _request: Request) -> Response:
        """GET: what must be found in clear nowhere."""
        receivers = [order.receiver for order in self._simulation.world.records.orders.values()]
        return _json(
            {
                "prefix": CANARY_PREFIX,
                "canaries": [receiver.canary for receiver in receivers],
                "mobiles": sorted({receiver.mobile for receiver in receivers}),
            }
        )

    async def listings(self, request: Request) -> Response:
        """GET ?shop=: what a shop sells, with the platform's ids, as its back office would export it."""
        name = request.query_params.get("shop", "")
        return _json(self._simulation.world.shelves.listings(name))

    async def ledger(self, request: Request) -> Response:
        """GET ?offset=&limit=: the whole ledger, streamed; the limits count orders."""
        window = _window(request)
        if window is None:
            return _json({"error": "offset and limit are whole numbers"}, 400)
        offset, limit = window
        parts = ledger.document(self._simulation, offset=offset, limit=limit)
        return StreamingResponse(_stream(parts), media_type=JSON)

    async def ledger_part(self, request: Request) -> Response:
        """GET: one part of the ledger, such as totals, refunds or pushes."""
        found = ledger.section(self._simulation, request.path_params["part"])
        if found is None:
            return _json({"error": "no such part"}, 404)
        return Response(found, media_type=JSON)

    async def payloads(self, request: Request) -> Response:
        """?channel=&count=&seed=: JSON lines of order_no and native payload.

        GET leaves the world alone; POST makes the orders part of it, so that write-backs are known.
        """
        query = request.query_params
        wanted = {name: query[name] for name in ("channel", "count", "seed") if name in query}
        try:
            asked = msgspec.convert(wanted, _PayloadsWanted, strict=False)
        except msgspec.ValidationError as error:
            return _json({"error": str(error)}, 400)
        enter = request.method == "POST"
        return StreamingResponse(
            _stream(self._payload_lines(asked, enter=enter)), media_type="application/x-ndjson"
        )

    def _payload_lines(self, asked: "_PayloadsWanted", *, enter: bool) -> Iterator[bytes]:
        world = self._simulation.world
        now_ms = world.clock()
        for order in bulk_orders(asked.channel, asked.count, asked.seed, at_ms=now_ms):
            if enter and order.key not in world.records.orders:
                world.enter(order, (), now_ms=now_ms)
            row = {
                "shop": order.shop,
                "order_no": order.order_no,
                "payload": msgspec.Raw(native_payload(order)),
            }
            yield msgspec.json.encode(row) + b"\n"

    async def traffic(self, request: Request) -> Response:
        """POST {rate_per_s, seconds|count, mix} starts, DELETE stops, GET tells."""
        traffic = self._simulation.traffic
        if request.method == "POST":
            return await _told(request, TrafficOrder, self._start_traffic)
        if request.method == "DELETE":
            traffic.stop()
        return _json(self._traffic_status())

    def _start_traffic(self, wanted: TrafficOrder) -> dict[str, Any]:
        self._simulation.traffic.start(wanted)
        return self._traffic_status()

    def _traffic_status(self) -> dict[str, Any]:
        traffic = self._simulation.traffic
        placed = len(self._simulation.world.records.orders)
        return {"running": traffic.running, "placed": traffic.placed, "orders": placed}

    async def orders(self, request: Request) -> Response:
        """POST {count, channel?, mix?}: place orders now; answers their keys."""
        return await _told(request, OrdersWanted, self._place)

    def _place(self, wanted: OrdersWanted) -> list[dict[str, str]]:
        world = self._simulation.world
        placed = [world.place(channel=wanted.channel, mix=wanted.mix) for _ in range(wanted.count)]
        return [
            {"channel": order.channel, "shop": order.shop, "order_no": order.order_no}
            for order in placed
        ]

    async def act(self, request: Request) -> Response:
        """POST {channel, order_no, step, line_nos?, amount_fen?}: answers whether it happened."""
        return await _told(request, ActWanted, self._act)

    def _act(self, wanted: ActWanted) -> dict[str, Any]:
        world, key = self._simulation.world, (wanted.channel, wanted.order_no)
        order = world.records.orders.get(key)
        if order is None or wanted.step != "claim":
            return {"done": world.act(key, wanted.step)}
        opened = world.claim(order, line_nos=wanted.line_nos, amount_fen=wanted.amount_fen)
        return {"done": bool(opened), "after_sale_ids": [one.after_sale_id for one in opened]}

    async def doors(self, request: Request) -> Response:
        """POST {push_urls?: {shop: url}, tracking_push_url?}: where pushes go from now on."""
        return await _told(request, Doors, self._subscribe)

    def _subscribe(self, doors: Doors) -> dict[str, Any]:
        simulation = self._simulation
        simulation.subscribe(doors.push_urls)
        tracking = simulation.tracking.queue
        if doors.tracking_push_url is not None:
            tracking.url = doors.tracking_push_url
        urls = {shop: queue.url for shop, queue in simulation.pushes.items()}
        return {"push_urls": urls, "tracking_push_url": tracking.url}

    async def outage(self, request: Request) -> Response:
        """POST {channel, seconds}: the platform neither answers nor pushes for so long."""
        return await _told(request, OutageWanted, self._take_down)

    def _take_down(self, wanted: OutageWanted) -> dict[str, Any]:
        simulation = self._simulation
        until_ms = simulation.clock() + round(wanted.seconds * 1_000)
        simulation.plan.take_down(wanted.channel, until_ms)
        return {"channel": wanted.channel, "until_ms": until_ms}

    async def handover(self, request: Request) -> Response:
        """POST {waybill | waybills}: the carrier takes parcels; answers which it took and which not."""
        return await _told(request, HandoverWanted, self._hand_over)

    def _hand_over(self, wanted: HandoverWanted) -> dict[str, list[str]]:
        named = [*wanted.waybills, *([wanted.waybill] if wanted.waybill else [])]
        taken = [waybill for waybill in named if self._simulation.cainiao.hand_over(waybill)]
        return {"taken": taken, "not_taken": [one for one in named if one not in set(taken)]}


class _PayloadsWanted(msgspec.Struct, frozen=True, kw_only=True):
    channel: Channel
    count: int
    seed: int = 7

    def __post_init__(self) -> None:
        check_channel(self.channel)


async def _told(request: Request, kind: type[_T], act: Callable[[_T], object]) -> Response:
    try:
        wanted = msgspec.json.decode(await request.body() or b"{}", type=kind)
        return _json(act(wanted))
    except (msgspec.MsgspecError, NobodyPushes) as error:
        return _json({"error": str(error)}, 400)


def _own_url(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _window(request: Request) -> tuple[int, int | None] | None:
    offset, limit = request.query_params.get("offset", "0"), request.query_params.get("limit", "")
    if not offset.isdecimal() or not (limit.isdecimal() or not limit):
        return None
    return int(offset), int(limit) if limit else None
