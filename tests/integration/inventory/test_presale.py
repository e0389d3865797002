"""Presale over real Kafka, Postgres and Valkey: promises, receipts that serve them, dates that move."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec import Struct
from msgspec.structs import replace

from chassis.clock import Clock, ManualClock, SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from chassis.postgres import Pool, open_pool
from chassis.testing.memory import MemoryBroker
from schemas.events.commands_inventory import (
    CancelPurchase,
    OpenPurchase,
    PurchaseLine,
    PurchaseReceiptLine,
    ReceivePurchase,
    RedatePurchase,
    ReviewPromise,
)
from schemas.events.orders import OrderPlaced, Payment
from schemas.events.stock import StockPromiseChanged, StockReserved, StockShort
from services.inventory.backorders import Backorders, read_line
from services.inventory.expectations import differences
from services.inventory.new_promises import NewPromises
from services.inventory.promise_watch import PromiseWatch
from services.inventory.reconciling import SHANGHAI
from tests.integration.inventory.clerk import AFTER_COMMIT, BEFORE_COMMIT, Clerk
from tests.integration.inventory.papers import office
from tests.integration.inventory.rig import QUOTAS, RULES, SOURCING, House
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.unit.inventory.ahead import selling_ahead
from tests.unit.inventory.events import NOW, cancelled, placed

AHEAD = selling_ahead()
DAY = timedelta(days=1)


def ordered(order_id: str, pieces: int, *, channel: str = "taobao") -> OrderPlaced:
    """A paid order of so many of A."""
    order = placed(order_id, [("A", pieces)], channel=channel)
    return replace(order, payment=Payment(paid_at=NOW, paid_fen=1_000 * pieces))


def paper(kind: type[Struct], number: str, again: str = "", /, **fields: Any) -> Any:
    command_id = f"{kind.__name__}-{number}{again}"
    named = {"document_no": number, "command_id": command_id, "issued_at": NOW, "actor": "li"}
    return kind(**named | fields)


def bought(number: str, pieces: int, days: int) -> Any:
    line = PurchaseLine(sku="A", quantity=pieces)
    said = {"warehouse": "HZ", "supplier": "S1", "over_receipt_percent": 0, "reason": "spring"}
    return paper(OpenPurchase, number, lines=(line,), expected_at=NOW + days * DAY, **said)


def came(number: str, receipt_no: str, pieces: int) -> Any:
    line = PurchaseReceiptLine(sku="A", quantity=pieces)
    said = {"receipt_no": receipt_no, "warehouse": "HZ", "lines": (line,)}
    return paper(ReceivePurchase, number, receipt_no, **said)


def reviewed(order_id: str, promise_no: int, again: str = "") -> ReviewPromise:
    return ReviewPromise(
        order_id=order_id,
        command_id=f"review-{order_id}-{promise_no}{again}",
        issued_at=NOW,
        actor="test",
        promise_no=promise_no,
    )


async def in_turn(house: House, *parts: Sequence[Struct]) -> None:
    for part in parts:
        await house.publish(part)
        await house.drained()


async def promised_orders(house: House) -> list[str]:
    """In the order of their promises."""
    rows = await house.fetch(
        "SELECT key FROM inventory.reservations WHERE promised_for IS NOT NULL"
        " ORDER BY document->'state'->>'promised_at', key"
    )
    return [row["key"] for row in rows]


async def changes(house: House) -> dict[str, list[tuple[object, object, str]]]:
    """By order: (was promised for, promised for, why) of each change."""
    found: dict[str, list[tuple[object, object, str]]] = {}
    for one in await house.emitted():
        if isinstance(one, StockPromiseChanged):
            told = (one.was_promised_for, one.promised_for, one.why)
            found.setdefault(one.order_id, []).append(told)
    return found


async def line(house: House, number: str) -> tuple[int, int, int, int]:
    """(outstanding, promised, came, uncarried) of A in HZ."""
    (row,) = await house.fetch(
        "SELECT outstanding, promised, came, uncarried FROM inventory.expected"
        " WHERE purchase_no = $1 AND sku = 'A' AND warehouse = 'HZ'",
        number,
    )
    return tuple(row)


def line_of_waiting(pool: Pool, house: House, clock: Clock) -> Backorders:
    desk = CommandDesk(house.publisher, codec(), "inventory")
    return Backorders(pool, desk, clock, SOURCING, read_line(RULES), QUOTAS)


def watch(pool: Pool, house: House, clock: Clock) -> PromiseWatch:
    return PromiseWatch(pool, CommandDesk(house.publisher, codec(), "inventory"), clock)


async def test_orders_are_promised_and_served_by_their_receipt_before_anybody_else(
    inventory: House,
) -> None:
    clock = ManualClock(NOW)
    async with inventory.running(presale=AHEAD, clock=clock) as running:
        await in_turn(inventory, [bought("P1", 10, 5)])
        # The last expected piece is for one of two; the same event twice is once.
        events = [ordered(f"o{number}", 3) for number in range(4)]
        await in_turn(inventory, [*events, *events, bought("P1", 10, 5)])
        promised = await promised_orders(inventory)
        assert len(promised) == 3
        assert await line(inventory, "P1") == (10, 9, 0, 0)
        assert await running.invariants() == SOUND

        timer = line_of_waiting(running.pool, inventory, clock)
        await in_turn(inventory, [came("P1", "r1", 7), came("P1", "r1", 7)])
        assert await line(inventory, "P1") == (3, 9, 7, 0)
        # Nobody has what came for them, however near the shelf he stands.
        await in_turn(inventory, [ordered("new", 1, channel="jd")])
        assert await running.invariants() == SOUND
        assert await timer.look() == 2
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (7, 6)
        assert await line(inventory, "P1") == (3, 3, 1, 0)
        assert await running.invariants() == SOUND

        # A promise ends with its order, once; what came for it is anybody's.
        (waits,) = await promised_orders(inventory)
        await in_turn(inventory, [cancelled(waits)], [cancelled(waits)])
        assert await line(inventory, "P1") == (3, 0, 0, 0)
        assert await timer.look() == 1
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (7, 7)
        assert await running.invariants() == SOUND
    emitted = await inventory.emitted()
    told = {one.order_id: one for one in reversed(emitted) if isinstance(one, StockShort)}
    held = {one.order_id for one in emitted if isinstance(one, StockReserved)}
    assert {key: told[key].promised_for for key in promised} == dict.fromkeys(
        promised, NOW + 7 * DAY
    )
    assert held == set(promised[:2]) | {"new"}, "in the order of their promises"
    assert waits == promised[2]


def late_line(pool: Pool, house: House, clock: Clock) -> NewPromises:
    desk = CommandDesk(house.publisher, codec(), "inventory")
    return NewPromises(
        *(pool, desk, clock),
        sourcing=SOURCING,
        line=read_line(RULES),
        quotas=QUOTAS,
        presale=AHEAD,
    )


async def test_who_waits_without_a_date_has_one_when_more_is_ordered_first_come_first(
    inventory: House,
) -> None:
    clock = ManualClock(NOW)
    async with inventory.running(presale=AHEAD, clock=clock) as running:
        for number in range(5):
            clock.advance(1_000)
            await in_turn(inventory, [ordered(f"o{number}", 4)])
        await in_turn(inventory, [placed("unpaid", [("A", 1)]), ordered("jd", 1, channel="jd")])
        timer = late_line(running.pool, inventory, clock)
        assert await timer.look() == 0, "nothing is to come"
        await in_turn(inventory, [bought("P1", 10, 5), bought("P2", 7, 9)])
        # Two have their date out of the first receipt, and the third his when they have it.
        assert await timer.look() == 2
        # Whoever looks after a restart asks again: it is one question.
        assert await late_line(running.pool, inventory, clock).look() == 2
        await inventory.drained()
        assert await promised_orders(inventory) == ["o0", "o1"]
        assert await timer.look() == 1
        await inventory.drained()
        assert await timer.look() == 0, "of seven six may be promised, and three are"
        assert await promised_orders(inventory) == ["o0", "o1", "o2"]
        assert await line(inventory, "P1") == (10, 9, 0, 0)
        assert await line(inventory, "P2") == (7, 3, 0, 0)

        # What one of them gives back is the next one's; what comes is theirs in that order.
        await in_turn(inventory, [cancelled("o1")])
        assert await late_line(running.pool, inventory, clock).look() == 1
        await inventory.drained()
        # Who lost what he was promised comes before who never had a date.
        cancel = paper(CancelPurchase, "P2", reason="sold out there")
        await in_turn(inventory, [cancel, bought("P3", 10, 12)])
        assert await timer.look() == 0
        assert await watch(running.pool, inventory, clock).look() == 1
        await inventory.drained()
        assert await timer.look() == 1
        await in_turn(inventory, [came("P1", "r1", 8)])
        assert await promised_orders(inventory) == ["o0", "o2", "o3", "o4"]
        assert await line_of_waiting(running.pool, inventory, clock).look() == 2
        await inventory.drained()
        assert await running.invariants() == SOUND
    due, later = NOW + 7 * DAY, NOW + 11 * DAY
    assert await changes(inventory) == {
        "o0": [(None, due, "expected")],
        "o1": [(None, due, "expected")],
        "o2": [(None, later, "expected"), (later, NOW + 14 * DAY, "not_coming")],
        "o3": [(None, due, "expected")],
        "o4": [(None, NOW + 14 * DAY, "expected")],
    }
    held = [one.order_id for one in await inventory.emitted() if isinstance(one, StockReserved)]
    assert sorted(held) == ["o0", "o3"]


async def test_a_receipt_that_is_late_or_does_not_come_moves_or_withdraws_its_promises(
    inventory: House,
) -> None:
    clock = ManualClock(NOW)
    async with inventory.running(presale=AHEAD, clock=clock) as running:
        await in_turn(inventory, [bought("P1", 10, 5)], [ordered("o1", 4)], [ordered("o2", 4)])
        timer = watch(running.pool, inventory, clock)
        assert await timer.look() == 0
        later = NOW + 9 * DAY
        await in_turn(
            inventory, [paper(RedatePurchase, "P1", expected_at=later, reason="the ship is late")]
        )
        assert await timer.look() == 2
        assert await timer.look() == 0, "asked once is enough for a while"
        await inventory.drained()
        await in_turn(inventory, [bought("P2", 5, 20), came("P1", "r1", 4)])
        await in_turn(inventory, [paper(CancelPurchase, "P1", reason="sold out there")])
        assert await line(inventory, "P1") == (0, 8, 4, 4)
        assert await running.invariants() == SOUND
        assert await timer.look() == 1, "who was promised last moves"
        await inventory.drained()
        await in_turn(inventory, [paper(CancelPurchase, "P2", reason="sold out there")])
        assert await timer.look() == 1
        await inventory.drained()
        assert await line(inventory, "P1") == (0, 4, 4, 0)
        assert await line(inventory, "P2") == (0, 0, 0, 0)
        assert await line_of_waiting(running.pool, inventory, clock).look() == 1
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (4, 4)
        assert await running.invariants() == SOUND
    first, second = NOW + 7 * DAY, NOW + 11 * DAY
    redated = (first, second, "redated")
    moved = (second, NOW + 22 * DAY, "not_coming")
    withdrawn = (NOW + 22 * DAY, None, "not_coming")
    assert await changes(inventory) == {"o1": [redated], "o2": [redated, moved, withdrawn]}


async def test_people_see_what_is_expected_and_promised_and_move_its_date(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(days: int) -> str:
        at = SystemClock().now() + days * DAY
        return at.astimezone(SHANGHAI).replace(second=0, microsecond=0).isoformat()

    async with office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people:
        buy = ("purchase", "P1", "-w", "HZ", "-s", "S1", "-l", "A=10", "-r", "spring")
        assert (await people.at_terminal(*buy, "--expected", on(5)))[0] == 0
        await in_turn(inventory, [ordered("o1", 4)])
        code, shown = await people.at_terminal("expected", "A")
        assert code == 0
        assert re.search(r"A\s+P1\s+HZ\s+.{16}\s+10\s+4\s+0\s+0\s+taobao 5", shown)
        assert re.search(r"o1\s+A\s+4\s+HZ\s+P1", shown)
        later = on(9)
        redate = ("purchase-redate", "P1", later, "-r", "the ship is late")
        assert (await people.at_terminal(*redate))[0] == 0
        (told,) = json.loads((await people.at_terminal("expected", "A", "--json"))[1])
        assert datetime.fromisoformat(told["expected_at"]) == datetime.fromisoformat(later)
        nobody = await people.at_terminal("promises", "--late")
        assert nobody == (0, "no order waits for what was promised too long\n")
        assert "o1" in (await people.at_terminal("promises"))[1]
        assert (await people.at_terminal("verify"))[0] == 0


async def test_whatever_was_written_into_the_books_of_promises_is_found_and_repaired_once(
    inventory: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(inventory, tmp_path, monkeypatch, presale=AHEAD) as people:
        buy = replace(bought("P1", 10, 0), expected_at=SystemClock().now() + 5 * DAY)
        await in_turn(inventory, [buy], [ordered("o1", 4)], [ordered("o2", 3)])
        repair = ("repair", "--reason", "restored backup")
        for spoilt, first, why in (
            (
                "UPDATE inventory.expected SET promised = 5",
                "o2 is",
                "HZ A: ledger +0, reserved +0, P1 promised +2",
            ),
            ("UPDATE inventory.expected SET outstanding = 9", "", "P1 outstanding +1"),
            ("DELETE FROM inventory.expected", "o1 is", "P1 promised +7, P1 outstanding +10"),
        ):
            await people.spoil(spoilt)
            code, said = await people.at_terminal("verify")
            assert (code, "P1" in said, first in said) == (1, True, True), said
            code, said = await people.at_terminal(*repair)
            assert (code, why in said) == (0, True), said
            code, said = await people.at_terminal(*repair, "--apply")
            assert (code, why in said) == (0, True), said
            assert (await people.at_terminal("verify"))[0] == 0
            again = await people.at_terminal(*repair, "--apply")
            assert (again[0], again[1].splitlines()[-1]) == (0, "nothing to repair")
        # By which percentage the deleted line was promised nobody knows: its promises are made anew.
        assert await line(inventory, "P1") == (10, 7, 0, 7)
        timer = watch(people.running.pool, inventory, SystemClock())
        assert await timer.look() == 2
        await inventory.drained()
        assert await line(inventory, "P1") == (10, 7, 0, 0)
        await in_turn(inventory, [came("P1", "r1", 5)])
        await people.spoil("UPDATE inventory.stock SET set_aside = 1")
        assert (await people.at_terminal("verify"))[0] == 1
        code, said = await people.at_terminal(*repair, "--apply")
        assert (code, "of the shelf set aside +4" in said) == (0, True), said
        await inventory.drained()
        assert await people.running.invariants() == SOUND


async def test_postgres_refuses_who_promises_an_expected_piece_twice_or_takes_what_came(
    inventory: House,
) -> None:
    async with inventory.running(presale=AHEAD, clock=ManualClock(NOW)):
        await in_turn(inventory, [bought("P1", 10, 5)], [ordered("o1", 9)], [came("P1", "r1", 5)])
    for statement in (
        "UPDATE inventory.expected SET promised = promised + 1",
        "UPDATE inventory.expected SET outstanding = outstanding - 2",
        "UPDATE inventory.expected SET came = promised + 1",
        "UPDATE inventory.stock SET reserved = 1 WHERE sku = 'A' AND warehouse = 'HZ'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await inventory.fetch(statement)


async def test_two_processes_at_once_promise_the_last_piece_once(inventory: House) -> None:
    clock = ManualClock(NOW)
    async with (
        inventory.running(20, presale=AHEAD, clock=clock) as running,
        inventory.running(20, presale=AHEAD, clock=clock),
    ):
        await in_turn(inventory, [bought("P1", 10, 5), bought("P2", 10, 9)])
        await in_turn(inventory, [ordered(f"o{number}", 1) for number in range(60)])
        assert len(await promised_orders(inventory)) == 18
        assert await line(inventory, "P1") == (10, 9, 0, 0)
        await in_turn(
            inventory,
            [
                came("P1", "r1", 6),
                came("P2", "r1", 10),
                *(cancelled(f"o{number}") for number in range(0, 60, 2)),
                *(ordered(f"n{number}", 1, channel="jd") for number in range(20)),
            ],
        )
        assert await running.invariants() == SOUND


@pytest.mark.parametrize("point", [*BEFORE_COMMIT, *AFTER_COMMIT])
async def test_a_death_anywhere_makes_and_ends_each_promise_once(
    inventory: House, valkey_url: str, point: str
) -> None:
    clock = ManualClock(NOW)
    pool = await open_pool(inventory.url, 8)
    broker = MemoryBroker()
    await inventory.fetch("DELETE FROM chassis.consumer_offsets")

    def hired() -> Clerk:
        return Clerk(pool, valkey_url, inventory.prefix, broker, clock, SOURCING, QUOTAS, AHEAD)

    def write(*events: Any) -> None:
        for event in events:
            (key,) = [
                getattr(event, name) for name in ("order_id", "document_no") if hasattr(event, name)
            ]
            broker.append(event.TOPIC, key, codec().encode(event))

    async def dying_once(*events: Any) -> None:
        write(*events)
        first, second = hired(), hired()
        try:
            await first.look()
            await first.take(point)
            await second.look()
            while (await second.take()).records:
                pass
        finally:
            await first.end()
            await second.end()

    try:
        await dying_once(bought("P1", 10, 5))
        await dying_once(*(ordered(f"o{number}", 2) for number in range(8)))
        assert await line(inventory, "P1") == (10, 8, 0, 0)
        promised = await inventory.fetch("SELECT key FROM inventory.promised_goods")
        # Those who got nothing are promised what is ordered later.
        wait = await inventory.fetch(
            "SELECT key FROM inventory.reservations WHERE state = 'short' AND promised_for IS NULL"
        )
        assert len(wait) == 4
        await dying_once(bought("P2", 7, 9))
        for again in ("", "again"):
            await dying_once(*(reviewed(row["key"], 0, again) for row in wait))
            assert await line(inventory, "P1") == (10, 9, 0, 0)
            assert await line(inventory, "P2") == (7, 5, 0, 0)
        await dying_once(came("P1", "r1", 3), cancelled(promised[0]["key"]))
        assert await line(inventory, "P1") == (7, 7, 3, 0)
        async with pool.acquire() as connection:
            assert await differences(connection) == ()
    finally:
        await pool.close()
