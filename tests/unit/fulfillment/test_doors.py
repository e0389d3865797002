"""The warehouse's doors: what they let in, and what they say while a server is away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import pytest
from starlette.applications import Starlette

from chassis.clock import ManualClock
from chassis.commands import CommandDesk, StillPending
from chassis.producer import DeliveryFailed
from services.fulfillment.doors import WarehouseDoors
from services.fulfillment.store import ParcelReader
from services.fulfillment.weights import SkuWeights
from tests.unit.fulfillment.parcels import NOON

TOKEN = "token-of-the-test"
STEP = {"actor": "仓管01", "command_id": "c1", "parcel_id": "parcel-1"}
REPLACEMENT = {**STEP, "carrier": "ZTO", "waybill_no": "750002", "reason": "贴错面单"}
BODIES: dict[str, dict[str, Any]] = {
    "/parcels/TB1/pick": STEP,
    "/parcels/TB1/replace-waybill": REPLACEMENT,
}
ONE_OF_MANY = {"order_id": "TB1", "action": "pick", **STEP}


@dataclass(kw_only=True)
class Behind:
    """Kafka and the tables, each as far as a door needs it."""

    failing: Exception | None = None
    asked: list[Any] = field(default_factory=list)
    read_of: list[str] = field(default_factory=list)

    async def ask(self, command: Any, _timeout_s: float) -> StillPending:
        if self.failing is not None:
            raise self.failing
        self.asked.append(command)
        return StillPending(command.command_id)

    async def parcel(self, order_id: str) -> None:
        self.read_of.append(order_id)

    async def read(self, sku: str) -> None:
        self.read_of.append(sku)

    async def keep(self, weights: dict[str, int], **_said: object) -> int:
        self.asked.append(weights)
        return len(weights)


async def answered(
    behind: Behind, path: str, body: object = None, method: str = "POST"
) -> httpx2.Response:
    doors = WarehouseDoors(
        reader=cast("ParcelReader", behind),
        sku_weights=cast("SkuWeights", behind),
        desk=cast("CommandDesk", behind),
        clock=ManualClock(NOON),
        token=TOKEN,
    )
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=Starlette(routes=doors.routes())),
        base_url="http://door",
        headers={"authorization": f"Bearer {TOKEN}"},
    ) as client:
        return await client.request(method, path, json=body)


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, body in BODIES.items() for name in body]
)
async def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_published(
    path: str, name: str
) -> None:
    for text in ("\0", "a\0", "a\x1bb", "长" * 201):
        behind = Behind()
        refused = await answered(behind, path, BODIES[path] | {name: text})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_body"), repr(text)
        assert f"$.{name}" in refused.json()["detail"]
        assert behind.asked == []
    assert (await answered(Behind(), path, BODIES[path])).status_code == 202


@pytest.mark.parametrize("name", [name for name in ONE_OF_MANY if name != "action"])
async def test_one_bad_text_among_many_steps_lets_none_of_them_in(name: str) -> None:
    behind = Behind()
    wanted = [ONE_OF_MANY, ONE_OF_MANY | {name: "a\0"}]
    refused = await answered(behind, "/parcels/commands", wanted)
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_body")
    assert behind.asked == []


@pytest.mark.parametrize("name", ["actor", "reason", "sku"])
async def test_a_weight_is_kept_with_words_that_can_be_read(name: str) -> None:
    behind = Behind()
    said = {"actor": "仓管01", "reason": "重新称过", "sku": "CL01-01"} | {name: "a\0"}
    weights = [{"sku": said.pop("sku"), "weight_g": 300}]
    refused = await answered(behind, "/sku-weights", said | {"weights": weights})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_body")
    assert behind.asked == []


@pytest.mark.parametrize("order_id", ["%00", "TB%00", "TB%0A", "7" * 81])
@pytest.mark.parametrize("path", ["", *(path.removeprefix("/parcels/TB1") for path in BODIES)])
async def test_an_order_that_cannot_be_is_not_looked_for(path: str, order_id: str) -> None:
    behind = Behind()
    method = "POST" if path else "GET"
    body = BODIES.get(f"/parcels/TB1{path}")
    unknown = await answered(behind, f"/parcels/{order_id}{path}", body, method)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_parcel")
    assert (behind.asked, behind.read_of) == ([], [])


async def test_a_sku_that_cannot_be_has_no_weight() -> None:
    behind = Behind()
    refused = await answered(behind, "/sku-weights?sku=%00", method="GET")
    assert (refused.status_code, refused.json()["code"]) == (400, "sku_missing")
    assert behind.read_of == []


@pytest.mark.parametrize("limit", ["0", "1001", "x", "9" * 5_000])
async def test_a_queue_of_no_sensible_length_is_refused(limit: str) -> None:
    refused = await answered(Behind(), f"/parcels?limit={limit}", method="GET")
    assert (refused.status_code, refused.json()["code"]) == (400, "limit_out_of_range")


@pytest.mark.parametrize("path", [*BODIES, "/parcels/commands"])
async def test_a_command_that_kafka_did_not_take_is_to_be_asked_again(path: str) -> None:
    behind = Behind(failing=DeliveryFailed("timed out"))
    answer = await answered(behind, path, BODIES.get(path, [ONE_OF_MANY]))
    assert (answer.status_code, answer.json()["code"]) == (503, "away")
    assert answer.headers["retry-after"] == "2"
