"""Batches on real servers: what leaves first, what time does, recalls, and books that close per batch."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from chassis.clock import ManualClock, SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from schemas.events.commands_inventory import ReceiptLine, ReceiveStock
from schemas.events.stock import StockReserved, StockShort
from services.inventory.backorders import Backorders, read_line
from services.inventory.checking import LedgerCheck
from services.inventory.domain.batches import business_day
from services.inventory.shelf_life import read_shelf_life
from services.inventory.shelf_life_watch import ShelfLifeWatch
from services.inventory.sourcing import read_sourcing
from services.inventory.timers import LevelPublisher
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import QUOTAS, RULES, House, Running, until
from tests.unit.inventory.events import cancelled, paid, placed, receipt, refunded, shipped

DAY_MS = 86_400_000


def batch(document_no: str, number: str, pieces: int, days: int, on: date) -> ReceiveStock:
    """Pieces of A for HZ that are good for so many days."""
    made = receipt(document_no, "HZ", [])
    line = ReceiptLine(
        sku="A",
        quantity=pieces,
        batch=number,
        produced_on=None,
        expires_on=(on + timedelta(days=days)).isoformat(),
    )
    return ReceiveStock(
        **{name: getattr(made, name) for name in made.__struct_fields__} | {"lines": (line,)}
    )


async def shelves(house: House) -> dict[str, tuple[int, int, str]]:
    """On hand, withheld and standing by batch."""
    rows = await house.fetch("SELECT batch, on_hand, withheld, standing FROM inventory.batches")
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def sold(house: House, *orders: tuple[str, int]) -> None:
    """Orders of A that were paid and left, one after the other."""
    for key, pieces in orders:
        await house.publish([placed(key, [("A", pieces)]), paid(key)])
        await house.drained()
        await house.publish([shipped(key, "HZ", [("A", pieces)])])
        await house.drained()


async def answers(house: House, *orders: str) -> dict[str, type[Struct]]:
    """What came of these orders."""
    told = {getattr(one, "order_id", ""): type(one) for one in await house.emitted()}
    return {key: told[key] for key in orders}


async def close(house: House, running: Running) -> None:
    """Ledger, rows, batches, holds and Valkey agree, by all who check them."""
    await until(running.keeper.look)
    sums = await running.invariants()
    assert (sums.ledger_mismatch, sums.batch_mismatch, sums.valkey_difference) == (0, 0, 0), sums
    checked = await LedgerCheck(running.pool).look()
    assert checked is not None
    assert (checked.mismatch, checked.broken_rows, checked.batch_mismatch) == (0, 0, 0)


async def test_from_a_receipt_to_a_recall_at_a_terminal(office: Office, tmp_path: Path) -> None:
    today = business_day(SystemClock().now())
    soon, late = (today + timedelta(days=days) for days in (100, 300))
    lines = [
        {"sku": "A", "quantity": 3, "batch": "soon", "expires_on": str(soon)},
        {"sku": "A", "quantity": 5, "batch": "late", "expires_on": str(late)},
    ]
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps({"document_no": "r1", "warehouse": "HZ", "lines": lines}))
    code, output = await office.at_terminal("receive", str(file))
    assert code == 0, output
    await sold(office.house, ("o1", 2), ("o2", 2))
    assert await shelves(office.house) == {"soon": (0, 0, "for_sale"), "late": (4, 0, "for_sale")}
    await office.house.publish([refunded("o1", [("A", 1)])])
    await office.house.drained()

    assert (await office.at_terminal("recall", "nowhere", "-r", "glass"))[0] == 2
    for _ in range(2):
        arguments = ("recall", "soon", "--reason", "glass splinters", "--actor", "wang")
        code, output = await office.at_terminal(*arguments, "--json")
        assert code == 0, output
        told = json.loads(output)
        assert [(row["warehouse"], row["on_hand"], row["standing"]) for row in told["there"]] == [
            ("HZ", 1, "recalled")
        ]
        assert [(one["order_id"], one["pieces"], one["parcels"]) for one in told["sent"]] == [
            ("o1", 1, ["Po1-1"]),
            ("o2", 1, ["Po2-1"]),
        ]
    code, output = await office.at_terminal("batch", "late")
    assert (code, "o2" in output) == (0, True)
    code, output = await office.at_terminal("show", "A")
    assert code == 0
    assert "wang: glass splinters" in output.replace("\n", "") or "已召回" in output
    assert str(late) in output
    await office.house.publish([placed("o3", [("A", 5)]), placed("o4", [("A", 4)])])
    await office.house.drained()
    assert await answers(office.house, "o3", "o4") == {"o3": StockShort, "o4": StockReserved}, (
        "the recalled piece is not promised"
    )
    code, output = await office.at_terminal("verify")
    assert code == 0, output
    await close(office.house, office.running)


async def test_goods_leave_sale_when_their_time_has_come_and_valkey_agrees(
    inventory: House,
) -> None:
    clock = ManualClock(datetime(2026, 11, 11, 4, 0, tzinfo=UTC))
    today = business_day(clock.now())
    desk = CommandDesk(inventory.publisher, codec(), "inventory")
    async with inventory.running(clock=clock) as running:
        watch = ShelfLifeWatch(running.pool, desk, clock, read_shelf_life(RULES))
        await inventory.publish(
            [batch("r1", "near", 5, 46, today), batch("r2", "far", 5, 200, today)]
        )
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 7)])])
        await inventory.drained()
        assert await watch.look() == 0
        clock.advance(DAY_MS)
        assert await watch.look() == 0, "45 days are left"
        clock.advance(DAY_MS)
        assert await watch.look() == 1
        await inventory.drained()
        assert await shelves(inventory) == {"near": (5, 5, "off_sale"), "far": (5, 0, "for_sale")}
        assert await watch.look() == 0, "it is where it belongs"
        await close(inventory, running)
        level = await running.reservations.levels(["A"], [])
        assert [(one.on_hand, one.reserved, one.available) for one in level] == [(10, 7, -2)]

        await inventory.publish([cancelled("o1")])
        await inventory.drained()
        await inventory.publish([placed("o2", [("A", 6)]), placed("o3", [("A", 5)])])
        await inventory.drained()
        assert await answers(inventory, "o2", "o3") == {"o2": StockShort, "o3": StockReserved}
        await inventory.publish([placed("o4", [("A", 5)]), paid("o4")])
        await inventory.drained()
        line = Backorders(running.pool, desk, clock, read_sourcing(RULES), read_line(RULES), QUOTAS)
        assert await line.look() == 0, "a paid order does not wait for what is not for sale"
        await close(inventory, running)
        entries = await inventory.fetch(
            "SELECT kind, quantity, withheld, actor FROM inventory.ledger WHERE quantity = 0"
        )
        assert [tuple(one) for one in entries] == [("withhold", 0, 5, "timer:shelf-life")]
        (task,) = await inventory.fetch(
            "SELECT kind, reason FROM inventory.tasks ORDER BY id LIMIT 1"
        )
        assert task["kind"] == "batch"
        assert "near" in task["reason"]
        publisher = LevelPublisher(running.pool, inventory.publisher, codec(), "inventory")
        await publisher.look()
        (newest,) = await inventory.emitted("stock-levels")
        assert (newest.on_hand, newest.reserved, newest.withheld) == (10, 5, 5)  # type: ignore[attr-defined]
    desk.close()


async def test_what_was_promised_before_it_left_sale_may_still_leave_and_valkey_is_told(
    inventory: House,
) -> None:
    clock = ManualClock(datetime(2026, 11, 11, 4, 0, tzinfo=UTC))
    today = business_day(clock.now())
    desk = CommandDesk(inventory.publisher, codec(), "inventory")
    async with inventory.running(clock=clock) as running:
        await inventory.publish([batch("r1", "near", 5, 46, today)])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 3)]), paid("o1")])
        await inventory.drained()
        clock.advance(2 * DAY_MS)
        await ShelfLifeWatch(running.pool, desk, clock, read_shelf_life(RULES)).look()
        await inventory.drained()
        await inventory.publish([shipped("o1", "HZ", [("A", 3)])])
        await inventory.drained()
        assert await shelves(inventory) == {"near": (2, 2, "off_sale")}
        await close(inventory, running)
    desk.close()


async def test_a_worker_that_died_before_it_told_valkey_of_a_recall_is_made_up_for(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = business_day(SystemClock().now())
    await office.house.publish([batch("r1", "b1", 5, 200, today)])
    await office.house.drained()
    await office.running.stock.told()

    async def silent(*_: object) -> None:
        """As if the process ended after its commit."""

    monkeypatch.setattr(office.running.stock, "_tell", silent)
    assert (await office.at_terminal("recall", "b1", "-r", "glass"))[0] == 0
    assert (await office.running.invariants()).valkey_difference == 5
    assert await office.running.sweeper(after_ms=0).look()
    await close(office.house, office.running)


async def test_whatever_was_written_past_the_service_is_found_and_repaired_per_batch(
    office: Office,
) -> None:
    today = business_day(SystemClock().now())
    await office.house.publish([batch("r1", "b1", 5, 200, today), batch("r2", "b2", 5, 30, today)])
    await office.house.drained()
    check = LedgerCheck(office.running.pool)
    await check.look()
    await office.spoil(
        "UPDATE inventory.batches SET on_hand = 4 WHERE batch = 'b1'",
        "UPDATE inventory.stock SET withheld = 1",
    )
    assert (await office.running.invariants()).batch_mismatch == 1 + 4
    await office.house.publish([receipt("r0", "HZ", [("B", 1)])])
    await office.house.drained()
    await office.spoil("UPDATE inventory.stock SET withheld = 1 WHERE sku = 'B'")
    code, output = await office.at_terminal("verify", "--json")
    assert code == 1
    verdict = json.loads(output[output.index("{") :])
    assert [
        (b["batch"], b["on_hand"], b["booked"], b["withheld"], b["booked_withheld"])
        for b in verdict["batches"]
    ] == [
        ("b1", 4, 5, 0, 0),
        ("", 10, 9, 1, 5),
        ("", 1, 0, 1, 0),
    ]
    await office.house.publish([batch("r3", "b1", 1, 200, today)])
    await office.house.drained()
    checked = await check.look()
    assert checked is not None
    assert checked.batch_mismatch == 1, "a batch that moves is looked at again"
    code, output = await office.at_terminal("repair", "--reason", "restored backup", "--apply")
    assert code == 0, output
    code, output = await office.at_terminal("verify")
    assert code == 0, output
    await close(office.house, office.running)


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"batch": "c1", "expires_on": "2026-02-30"}, 422, "malformed"),
    ({"batch": "", "expires_on": "2027-02-03"}, 422, "malformed"),
    ({"batch": "c|1"}, 422, "malformed"),
    ({"batch": "c1", "expires_on": "2020-01-01"}, 409, "already_expired"),
    (
        {"batch": "c1", "produced_on": "2026-11-11", "expires_on": "2026-11-10"},
        409,
        "expires_before_production",
    ),
    ({"batch": "c1", "produced_on": "2999-01-01"}, 409, "produced_in_future"),
    ({"batch": "b1", "expires_on": "2099-01-01"}, 409, "other_dates"),
    ({}, 409, "batch_needed"),
]


async def test_bad_batches_get_precise_answers_and_change_nothing(office: Office) -> None:
    await office.house.publish([batch("r1", "b1", 5, 200, business_day(SystemClock().now()))])
    await office.house.drained()
    before = await _everything(office)
    for line, status, problem in BAD:
        body = {
            "document_no": "r2",
            "warehouse": "HZ",
            "lines": [{"sku": "A", "quantity": 1, **line}],
        }
        said, answer = await office.post("/receipts", body)
        assert (said, answer["code"]) == (status, problem), line
        assert status == 422 or answer["detail"].endswith(" A"), answer
    adjust = ("adjust", "J1", "-w", "HZ", "-r", "found", "-l")
    for written, why in (
        ("A|x=1", "unknown_batch"),
        ("A=1", "batch_needed"),
        ("A|b1=-6", "below_batch"),
    ):
        code, output = await office.at_terminal(*adjust, written)
        assert (code, why in output) == (1, True), output
    place = ("--batch", "b1", "--sku", "A", "-w", "HZ", "-r", "looked")
    code, output = await office.at_terminal("inspect", "I1", *place, "--good", "1")
    assert (code, "more_than_held" in output) == (1, True)
    assert await _everything(office) == before
    corrected = {
        "document_no": "r2",
        "warehouse": "HZ",
        "lines": [{"sku": "A", "quantity": 1, "batch": "b1"}],
    }
    assert (await office.post("/receipts", corrected))[0] == 200, "corrected, it may be sent again"


async def test_a_count_is_of_each_batch(office: Office) -> None:
    today = business_day(SystemClock().now())
    await office.house.publish([batch("r1", "b1", 5, 200, today), batch("r2", "b2", 5, 300, today)])
    await office.house.drained()
    assert (await office.at_terminal("count-open", "C1", "-w", "HZ", "--sku", "A", "-r", "x"))[
        0
    ] == 0
    counted_at = SystemClock().now().isoformat()
    await sold(office.house, ("o1", 2))
    record = ("count", "C1", "-w", "HZ", "--at", counted_at, "--actor", "li")
    for lines, why in ((("-l", "A=10"), "batch_needed"), (("-l", "A|b3=1"), "unknown_batch")):
        code, output = await office.at_terminal(*record, *lines)
        assert (code, why in output) == (1, True), output
    assert (await office.at_terminal(*record, "-l", "A|b1=4"))[0] == 0
    code, output = await office.at_terminal("approve", "C1", "--actor", "wang")
    assert (code, "not_all_counted" in output) == (1, True), output
    assert (await office.at_terminal(*record, "-l", "A|b2=6"))[0] == 0
    assert (await office.at_terminal("approve", "C1", "--actor", "wang"))[0] == 0
    assert await shelves(office.house) == {"b1": (2, 0, "for_sale"), "b2": (6, 0, "for_sale")}
    await close(office.house, office.running)


async def _everything(office: Office) -> list[list[Any]]:
    tables = ("stock", "batches", "ledger", "reservations")
    return [
        await office.house.fetch(f"SELECT * FROM inventory.{table} ORDER BY 1") for table in tables
    ]
