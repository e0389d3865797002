"""The door for pushes: who is let in, and what becomes of the news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx2
from starlette.applications import Starlette

from chassis import plugins
from chassis.clock import ManualClock
from chassis.commands import CommandDesk
from services.fulfillment.carriers import Provider
from services.fulfillment.store import ParcelReader
from services.fulfillment.tracking import TrackingDoor
from tests.unit.fulfillment.parcels import NOON, ORDER

SECRET = "planted-secret"
CARRIERS = Path(__file__).parents[2] / "contract" / "examples" / "carriers"
PUSH = (CARRIERS / "sf_route_push.json").read_bytes()


@dataclass(kw_only=True)
class Inside:
    """The commands' topic, and who holds which waybill."""

    orders: dict[str, str]
    issued: list[Any] = field(default_factory=list)

    async def issue(self, commands: Sequence[Any]) -> None:
        self.issued += commands

    async def holders(self, waybills: Sequence[str]) -> dict[str, str]:
        return {one: self.orders[one] for one in waybills if one in self.orders}


async def pushed(inside: Inside, path: str) -> httpx2.Response:
    door = TrackingDoor(
        providers=plugins.load("services.fulfillment.carriers", "PROVIDER", Provider),
        secrets={"sf": SECRET},
        bytes_max=64 * 1024,
        reader=cast("ParcelReader", inside),
        desk=cast("CommandDesk", inside),
        clock=ManualClock(NOON),
    )
    transport = httpx2.ASGITransport(app=Starlette(routes=door.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://door") as client:
        return await client.post(path, content=PUSH)


async def test_an_address_with_the_key_lets_news_in_step_by_step() -> None:
    inside = Inside(orders={"SF0000000000001": ORDER, "SF0000000000002": "TB2"})
    answer = await pushed(inside, f"/tracking/sf?key={SECRET}")
    assert (answer.status_code, answer.json()["return_code"]) == (200, "0000")
    assert [(one.order_id, one.status) for one in inside.issued] == [
        (ORDER, "picked_up"),
        ("TB2", "in_transit"),
        (ORDER, "delivered"),
    ]


async def test_an_address_without_the_key_lets_nothing_in() -> None:
    inside = Inside(orders={"SF0000000000001": ORDER})
    for path in ("/tracking/sf", "/tracking/sf?key=other", "/tracking/sf?key="):
        answer = await pushed(inside, path)
        assert (answer.status_code, answer.json()["return_msg"]) == (401, "bad_key")
    assert inside.issued == []


async def test_a_parcel_of_somebody_else_keeps_none_of_ours_back() -> None:
    inside = Inside(orders={"SF0000000000001": ORDER})
    answer = await pushed(inside, f"/tracking/sf?key={SECRET}")
    assert (answer.status_code, answer.json()["return_msg"]) == (404, "unknown_waybill")
    assert [one.status for one in inside.issued] == ["picked_up", "delivered"]


async def test_a_provider_without_a_secret_has_no_door() -> None:
    assert (await pushed(Inside(orders={}), "/tracking/kuaidi100")).status_code == 404
