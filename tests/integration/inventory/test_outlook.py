"""What is to come, promised and set aside: told once a change, and shown to who asks inventory or the console."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from msgspec import Struct

from chassis.clock import SystemClock
from chassis.codec import codec
from schemas.events.commands_inventory import (
    CancelPurchase,
    CloseCampaign,
    OpenPurchase,
    PurchaseLine,
)
from schemas.events.stock_outlook import CampaignUse, StockOutlookChanged
from services.console.stock_views import StockViews
from services.inventory.outlook import Outlook, OutlookPublisher
from services.inventory.presale import Presale
from services.inventory.timers import LevelPublisher
from tests.integration.inventory.papers import TOKEN, Office, office
from tests.integration.inventory.rig import QUOTAS, House, until
from tests.integration.inventory.test_campaigns import opening
from tests.integration.inventory.test_presale import AHEAD, in_turn, ordered, paper
from tests.integration.inventory.test_shown_by_the_console import console_of
from tests.integration.inventory.test_stock_flow import SOUND
from tests.unit.inventory.events import cancelled, placed, receipt

DAY = timedelta(days=1)
BEARER = {"authorization": f"Bearer {TOKEN}"}


def publisher(people: Office, presale: Presale = AHEAD) -> OutlookPublisher:
    return OutlookPublisher(
        people.running.pool,
        people.house.publisher,
        codec(),
        Outlook(presale, QUOTAS),
        clock=SystemClock(),
        producer="inventory",
    )


def buying(number: str, expected_at: datetime, pieces: int = 10, warehouse: str = "HZ") -> Any:
    lines = (PurchaseLine(sku="A", quantity=pieces),)
    said = {"supplier": "S1", "over_receipt_percent": 0, "reason": "spring", "lines": lines}
    return paper(OpenPurchase, number, warehouse=warehouse, expected_at=expected_at, **said)


def a_campaign_and_a_purchase(expected_at: datetime) -> Sequence[Sequence[Struct]]:
    """All of A in GZ is set aside for jd, who holds 2; of 10 to come to HZ 4 are promised."""
    return (
        [receipt("r1", "GZ", [("A", 20)])],
        [opening("HD1", 20, "jd", begins_in=-DAY, warehouse="GZ", ends_at=expected_at)],
        [buying("P1", expected_at)],
        [ordered("o1", 4), placed("o2", [("A", 2)], channel="jd")],
    )


async def outlooks(house: House) -> list[StockOutlookChanged]:
    told = await house.emitted("stock-outlook")
    return [one for one in told if isinstance(one, StockOutlookChanged)]


async def test_each_change_is_told_whole_once_and_so_is_that_nothing_is_left(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people:
        in_five_days = (SystemClock().now() + 5 * DAY).replace(microsecond=0)
        await in_turn(inventory, *a_campaign_and_a_purchase(in_five_days))
        teller = publisher(people)
        assert await teller.look() == 1
        assert await teller.look() == 0
        # Another process knows what was told.
        assert await publisher(people).look() == 0
        (first,) = await outlooks(inventory)
        (line,) = first.receipts
        due = in_five_days + 2 * DAY
        assert (line.purchase_no, line.outstanding, line.promised, line.came) == ("P1", 10, 4, 0)
        assert (line.expected_at, line.first_due_at, line.last_due_at) == (in_five_days, due, due)
        (free,) = line.promisable
        assert (free.pieces, free.promised_for, free.channels) == (5, due, ("taobao",))
        used = CampaignUse(warehouse="GZ", document_no="HD1", pieces=20, held=2, sent=0)
        assert first.campaigns == (used,)

        close = paper(CloseCampaign, "HD1", reason="over")
        rest = paper(CancelPurchase, "P1", reason="no tea")
        await in_turn(inventory, [cancelled("o1"), cancelled("o2")], [close, rest])
        assert await teller.look() == 1
        assert await teller.look() == 0
        last = (await outlooks(inventory))[-1]
        assert (last.receipts, last.campaigns) == ((), ())
        assert last.version > first.version
        assert await inventory.fetch("SELECT sku FROM inventory.outlook_told") == []


async def test_a_row_that_keeps_pieces_for_a_campaign_has_nothing_to_promise(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people:
        soon, late = (SystemClock().now() + days * DAY for days in (5, 50))
        kept = opening("HD1", 3, "jd", warehouse="GZ")
        receipts = [buying("P1", soon, warehouse="GZ"), buying("P2", soon), buying("P3", late)]
        await in_turn(inventory, [receipt("r1", "GZ", [("A", 20)])], [kept], receipts)
        await publisher(people).look()
        (told,) = await outlooks(inventory)
        free = {one.purchase_no: [p.pieces for p in one.promisable] for one in told.receipts}
        assert free == {"P1": [], "P2": [9], "P3": []}
        code, shown = await people.at_terminal("expected", "A", "--json")
        lines = {one["purchase_no"]: one["promisable"] for one in json.loads(shown)}
        free_to = {no: {one["channel"]: one["pieces"] for one in its} for no, its in lines.items()}
        assert (code, free_to) == (
            0,
            {"P1": {"taobao": 0}, "P2": {"taobao": 9}, "P3": {"taobao": 0}},
        )


async def test_availability_says_what_may_be_promised_and_when_it_can_be_sent(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people,
        httpx2.AsyncClient(base_url=people.url, headers=BEARER) as client,
    ):
        soon = (SystemClock().now() + 5 * DAY).replace(microsecond=0)
        await in_turn(inventory, [receipt("r1", "GZ", [("B", 3)]), buying("P1", soon)])
        asked = {"sku": ["A", "B"]}
        a, b = (await client.get("/availability", params=asked)).json()
        assert (a["warehouse"], a["sku"], a["available"]) == ("HZ", "A", 0)
        (free,) = a["promisable"]
        assert (free["pieces"], free["channels"]) == (9, ["taobao"])
        assert datetime.fromisoformat(free["promised_for"]) == soon + 2 * DAY
        assert (b["available"], "promisable" in b) == (3, False)

        # What has never come is known and can be held by nobody; what was never ordered is not.
        wanted = {"reference": "till-7", "lines": [{"sku": "A", "quantity": 1}]}
        key = {"idempotency-key": "till-1-0001"}
        held = await client.post("/reservations", json=wanted, headers=key)
        assert (held.status_code, held.json()["code"]) == (409, "insufficient_stock")
        assert (await client.get("/availability", params={"sku": "X"})).status_code == 404

        await in_turn(inventory, [buying("P2", soon + DAY), ordered("o1", 9)])
        answer = await client.post("/availability", json={"skus": ["A"]})
        ((free,),) = [one["promisable"] for one in answer.json()]
        assert (free["pieces"], datetime.fromisoformat(free["promised_for"])) == (9, soon + 3 * DAY)
        elsewhere = {"sku": "A", "warehouse": "GZ"}
        assert (await client.get("/availability", params=elsewhere)).json() == []
        await in_turn(inventory, [paper(CancelPurchase, "P2", reason="no tea")])
        (left,) = (await client.get("/availability", params={"sku": "A"})).json()
        assert (left["warehouse"], left["available"], "promisable" in left) == ("HZ", 0, False)


async def test_what_was_ordered_and_never_came_has_a_page_with_nothing_there(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people,
        console_of(inventory) as pool,
    ):
        await in_turn(inventory, [buying("P1", SystemClock().now() + 5 * DAY)])
        await publisher(people).look()
        await LevelPublisher(people.running.pool, inventory.publisher, codec(), "inventory").look()
        views = StockViews(pool, SystemClock(), 10)

        async def shown() -> bool:
            return bool(((await views.sku("A")) or {}).get("expected"))

        await until(shown)
        page = await views.sku("A")
        assert page is not None
        (level,) = page["levels"]
        assert (level.warehouse, level.on_hand, level.available) == ("HZ", 0, 0)
        assert page["expected"].outstanding == 10
        code, said = await people.at_terminal("show", "A")
        assert (code, "P1" in said) == (0, True)
        assert (await people.at_terminal("show", "NEVER"))[0] == 2
        assert await people.running.invariants() == SOUND


async def test_the_console_and_the_terminal_show_it(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people,
        console_of(inventory) as pool,
    ):
        in_five_days = SystemClock().now() + 5 * DAY
        await in_turn(inventory, *a_campaign_and_a_purchase(in_five_days))
        await publisher(people).look()
        await LevelPublisher(people.running.pool, inventory.publisher, codec(), "inventory").look()
        views = StockViews(pool, SystemClock(), 10)
        found: dict[str, Any] = {}

        async def shown() -> bool:
            detail = await views.sku("A")
            found.update(dict(detail or {}))
            campaigns = found.get("campaigns")
            return bool(found.get("expected") and campaigns and campaigns.items[0].held == 2)

        await until(shown)
        (line,) = found["expected"].items
        assert (line.purchase_no, line.outstanding, line.promised) == ("P1", 10, 4)
        assert [one.pieces for one in line.promisable] == [5]
        (campaign,) = found["campaigns"].items
        assert (campaign.pieces, campaign.held, campaign.sent) == (20, 2, 0)

        monkeypatch.setenv("COLUMNS", "200")
        code, said = await people.at_terminal("show", "A")
        assert code == 0
        rows = [" ".join(line.split("│")).split() for line in said.splitlines()]
        assert any(
            row[:3] == ["P1", "S1", "HZ"] and row[3] == "10" and row[5] == "4" for row in rows
        )
        assert any(row[:3] == ["HD1", "jd", "GZ"] and row[-3:] == ["20", "2", "0"] for row in rows)
        assert "5 件" in said
