"""Telling a channel which has to be asked first, over a real socket: the first answer may decide already."""

import json
from collections.abc import AsyncIterator
from types import MappingProxyType
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.clock import SystemClock
from chassis.http import Door
from chassis.outgoing import Outgoing
from services.ingest.channels import Applied, Refused, Retry, Unsupported, WriteBack
from services.ingest.channels.shopify import CHANNEL
from services.ingest.channels.shopify.gateway import VERSION
from services.ingest.domain.write_backs import Told, WriteBacks
from services.ingest.shared import Shared
from services.ingest.shops import Shop
from services.ingest.telling import tell as tell_channel

TOLD = Told(kind="shipment", document_no="P1", carrier="SF", waybill_no="SF1", lines=(("1", 1),))
ROW = {
    "channel": "shopify",
    "shop": "s1",
    "channel_order_no": "55",
    "key": "SP1",
    "lines": '[["1", 1]]',
    "mapped": None,
    "imported": None,
}
OPEN = {
    "id": 81,
    "status": "open",
    "line_items": [{"id": 91, "line_item_id": 1, "fulfillable_quantity": 1}],
}


class Shopfront:
    """A shop that keeps what it was sent."""

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = [OPEN]
        self.status = 200
        self.sent: list[tuple[str, str, bytes]] = []

    async def answer(self, request: Request) -> Response:
        self.sent.append((request.method, request.url.path, await request.body()))
        if request.method == "GET":
            return JSONResponse({"fulfillment_orders": self.orders}, status_code=self.status)
        return JSONResponse({"fulfillment": {"id": 1, "status": "success"}}, status_code=201)


async def tell(base_url: str, told: Told = TOLD, *, hold: str = "") -> WriteBack:
    shop = Shop(
        channel="shopify",
        shop="s1",
        app_key="key",
        app_secret="planted",
        access_token="token",
        base_url=base_url,
    )
    async with Outgoing() as outgoing:
        shared = Shared(
            pool=cast("Any", None),
            outgoing=outgoing,
            publisher=cast("Any", None),
            desk=cast("Any", None),
            codec=cast("Any", None),
            clock=SystemClock(),
            payloads=cast("Any", None),
            channels=MappingProxyType({"shopify": CHANNEL}),
            shops={("shopify", "s1"): shop},
        )
        return await tell_channel(shared, ROW | {"hold": hold}, WriteBacks(told=(told,)), told)


@pytest.fixture
async def shopfront() -> Shopfront:
    return Shopfront()


@pytest.fixture
async def base_url(shopfront: Shopfront) -> AsyncIterator[str]:
    routes = [Route("/{path:path}", shopfront.answer, methods=["GET", "POST"])]
    door = Door(Starlette(routes=routes), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{await door.open()}"
    await door.close()


async def test_a_parcel_is_told_by_what_the_shop_was_asked_for_first(
    shopfront: Shopfront, base_url: str
) -> None:
    assert await tell(base_url) == Applied()
    asked, told = shopfront.sent
    assert asked[:2] == ("GET", f"/admin/api/{VERSION}/orders/55/fulfillment_orders.json")
    assert told[:2] == ("POST", f"/admin/api/{VERSION}/fulfillments.json")
    assert json.loads(told[2])["fulfillment"]["tracking_info"]["number"] == "SF1"


@pytest.mark.parametrize(
    ("orders", "status", "kind"),
    [
        ([{**OPEN, "status": "closed"}], 200, Applied),
        ([{**OPEN, "status": "on_hold"}], 200, Refused),
        ([], 429, Retry),
        ([], 404, Refused),
        ([], 500, Retry),
    ],
)
async def test_what_the_first_answer_decides_needs_no_second_call(
    shopfront: Shopfront,
    base_url: str,
    orders: list[dict[str, Any]],
    status: int,
    kind: type,
) -> None:
    shopfront.orders, shopfront.status = orders, status
    assert isinstance(await tell(base_url), kind)
    assert len(shopfront.sent) == 1


async def test_a_shop_that_does_not_answer_is_told_again_later() -> None:
    assert isinstance(await tell("http://127.0.0.1:1"), Retry)


@pytest.mark.parametrize(
    ("hold", "calls"), [("shipped_elsewhere", 0), ("partly_shipped_elsewhere", 0), ("", 1)]
)
async def test_a_shop_is_not_told_to_close_what_a_person_shipped_there(
    shopfront: Shopfront, base_url: str, hold: str, calls: int
) -> None:
    answer = await tell(base_url, Told(kind="cancellation", document_no="SP1"), hold=hold)
    assert len(shopfront.sent) == calls
    assert isinstance(answer, Unsupported) is (calls == 0)
