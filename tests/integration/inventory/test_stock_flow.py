"""What becomes of goods, over real Kafka, Postgres and Valkey."""

from collections import Counter

import asyncpg
import pytest
from msgspec.structs import replace

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from chassis.postgres import Pool, open_pool
from schemas.events.orders import OrderPlaced
from schemas.events.stock import (
    PassedOver,
    StockDeducted,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
from schemas.events.stock_levels import StockLevelChanged
from services.inventory.backorders import Backorders, read_line
from services.inventory.invariants import Invariants
from services.inventory.sourcing import read_sourcing
from services.inventory.timers import FAR_BACK_EVERY, Expiry, LevelPublisher
from tests.integration.inventory.rig import QUOTAS, RULES, House
from tests.unit.inventory.events import NOW, cancelled, paid, placed, receipt, refunded, shipped

SOUND = Invariants(
    oversold_units=0,
    negative_rows=0,
    reserved_mismatch=0,
    ledger_mismatch=0,
    valkey_difference=0,
)


async def level(house: House, warehouse: str, sku: str) -> tuple[int, int]:
    rows = await house.fetch(
        "SELECT on_hand, reserved FROM inventory.stock WHERE warehouse = $1 AND sku = $2",
        warehouse,
        sku,
    )
    return rows[0]["on_hand"], rows[0]["reserved"]


async def test_goods_are_held_paid_shipped_and_come_back(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 10), ("B", 10)])])
        await inventory.drained()
        await inventory.publish([placed("o1", [("B", 1), ("A", 2), ("A", 1)]), paid("o1")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (10, 3)
        assert await running.invariants() == SOUND

        await inventory.publish([shipped("o1", "HZ", [("A", 2), ("A", 1), ("B", 1)])])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (7, 0)
        assert await running.invariants() == SOUND

        await inventory.publish([refunded("o1", [("A", 3)])])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (10, 0)
        assert await running.invariants() == SOUND

    events = await inventory.emitted()
    assert [type(event) for event in events] == [StockReserved, StockDeducted, StockReturned]
    reserved = events[0]
    assert isinstance(reserved, StockReserved)
    assert [(line.line_no, line.sku, line.quantity) for line in reserved.lines] == [
        (1, "B", 1),
        (2, "A", 2),
        (3, "A", 1),
    ]
    assert reserved.rule.startswith("sourcing/default@2.")
    assert reserved.rule.endswith("#yangtze-delta")
    entries = await inventory.fetch(
        "SELECT kind, sku, quantity, balance_after FROM inventory.ledger WHERE sku = 'A' ORDER BY id"
    )
    assert [tuple(entry) for entry in entries] == [
        ("receipt", "A", 10, 10),
        ("deduction", "A", -3, 7),
        ("return", "A", 3, 10),
    ]


async def test_a_cancelled_order_gives_its_goods_to_the_next(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 1)])])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 1)]), placed("o2", [("A", 1)])])
        await inventory.drained()
        first = [event for event in await inventory.emitted() if isinstance(event, StockReserved)]
        assert len(first) == 1
        await inventory.publish([cancelled(first[0].order_id)])
        await inventory.drained()
        assert await running.invariants() == SOUND
        await inventory.publish([placed("o3", [("A", 1)])])
        await inventory.drained()
        assert await running.invariants() == SOUND
    states = await inventory.fetch("SELECT state FROM inventory.reservations ORDER BY key")
    assert sorted(row["state"] for row in states) == ["booked", "cancelled", "held", "short"]


async def test_an_order_cancelled_before_we_saw_it_is_never_held(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 1)]), cancelled("o1")])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 1)]), paid("o1")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (1, 0)
        assert await running.invariants() == SOUND
    assert await inventory.emitted() == []


async def test_a_cancellation_in_the_same_batch_leaves_no_promise_behind(
    inventory: House,
) -> None:
    orders = [placed(f"o{n}", [("A", 1)]) for n in range(40)]
    closings = [cancelled(f"o{n}") for n in range(40)]
    async with inventory.running():
        await inventory.publish([receipt("r1", "HZ", [("A", 50)])])
        await inventory.drained()
    await inventory.publish([*closings, *orders])  # while nobody reads: one batch of both
    async with inventory.running() as running:
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (50, 0)
        assert await running.invariants() == SOUND


async def test_a_payment_after_a_shortage_asks_again(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([placed("o1", [("A", 2)])])
        await inventory.drained()
        await inventory.publish([receipt("r1", "GZ", [("A", 2)])])
        await inventory.drained()
        await inventory.publish([paid("o1")])
        await inventory.drained()
        assert await running.invariants() == SOUND
    short, reserved = await inventory.emitted()
    assert isinstance(short, StockShort)
    assert (short.lines[0].wanted, short.lines[0].available) == (2, 0)
    assert isinstance(reserved, StockReserved)
    assert (reserved.warehouse, reserved.generation, reserved.expires_at) == ("GZ", 2, None)


async def test_an_unpaid_hold_ends_when_its_time_is_up_and_a_paid_one_does_not(
    inventory: House,
) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 5)])])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 1)]), placed("o2", [("A", 1)]), paid("o2")])
        await inventory.drained()
        clock = ManualClock(NOW)
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        expiry = Expiry(running.pool, desk, clock)
        assert await expiry.look() == 0
        clock = ManualClock(NOW.replace(year=2100))
        expiry = Expiry(running.pool, desk, clock)
        assert await expiry.look() == 1
        assert await expiry.look() == 0, "asked once is enough for a while"
        clock.advance(60_000)
        await inventory.drained()
        assert await expiry.look() == 0, "it has ended"
        assert await level(inventory, "HZ", "A") == (5, 1)
        assert await running.invariants() == SOUND
        await inventory.publish([paid("o1")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 2)
        assert await running.invariants() == SOUND
    of_first = [event for event in await inventory.emitted() if event.order_id == "o1"]  # type: ignore[attr-defined]
    assert [type(event) for event in of_first] == [StockReserved, StockReleased, StockReserved]


async def test_a_return_that_is_heard_before_its_parcel_waits_for_it(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 5)])])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 2)]), paid("o1")])
        await inventory.drained()
        await inventory.publish([refunded("o1", [("A", 1)])])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 2)
        await inventory.publish([shipped("o1", "HZ", [("A", 2)])])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (4, 0)
        assert await running.invariants() == SOUND


async def test_a_parcel_nobody_held_goods_for_is_a_dead_letter(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 5)])])
        await inventory.drained()
        await inventory.publish([placed("o1", [("A", 1)]), placed("o2", [("A", 1)])])
        await inventory.drained()
        await inventory.publish([shipped("o1", "HZ", [("A", 2)]), shipped("o2", "GZ", [("A", 1)])])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 2)
        assert await running.invariants() == SOUND
    codes = await inventory.fetch("SELECT code FROM chassis.dead_letters ORDER BY code")
    assert [row["code"] for row in codes] == ["shipped_more_than_held", "shipped_without_hold"]


async def test_a_document_is_booked_once(inventory: House) -> None:
    again = receipt("r1", "HZ", [("A", 5)])
    async with inventory.running() as running:
        await inventory.publish([again, again])
        await inventory.drained()
        await inventory.publish([again])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 0)
        assert await running.invariants() == SOUND


async def test_the_ledger_takes_no_change_and_no_movement_twice(inventory: House) -> None:
    async with inventory.running():
        await inventory.publish([receipt("r1", "HZ", [("A", 5)])])
        await inventory.drained()
    for statement in (
        "UPDATE inventory.ledger SET quantity = 6",
        "DELETE FROM inventory.ledger",
        "TRUNCATE inventory.ledger",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await inventory.fetch(statement)
    with pytest.raises(asyncpg.UniqueViolationError):
        await inventory.fetch(
            "INSERT INTO inventory.ledger "
            "(warehouse, sku, quantity, kind, document_no, order_id, balance_after) "
            "SELECT warehouse, sku, quantity, kind, document_no, order_id, 10 FROM inventory.ledger"
        )
    with pytest.raises(asyncpg.CheckViolationError):
        await inventory.fetch("UPDATE inventory.stock SET reserved = on_hand + 1")


LATER = "UPDATE inventory.stock SET changed_at = changed_at + "


async def test_levels_are_published_when_they_change_and_only_then(inventory: House) -> None:
    async with inventory.running() as running:
        levels = LevelPublisher(running.pool, inventory.publisher, codec(), "inventory")
        await inventory.publish([receipt("r1", "HZ", [("A", 5), ("B", 1)])])
        await inventory.drained()
        assert await levels.look() == 2
        assert await levels.look() == 0
        await inventory.publish([placed("o1", [("A", 2)])])
        await inventory.drained()
        assert await levels.look() == 1
        await inventory.fetch(f"{LATER} interval '20 s' WHERE sku = 'A'")
        assert await levels.look() == 1
        # Committed so late that newer changes were published meanwhile.
        await inventory.fetch(f"{LATER} interval '1 ms' WHERE sku = 'B'")
        assert sum([await levels.look() for _ in range(FAR_BACK_EVERY)]) == 1
        assert sum([await levels.look() for _ in range(FAR_BACK_EVERY)]) == 0
    newest: dict[str, StockLevelChanged] = {}
    for event in await inventory.emitted("stock-levels"):
        assert isinstance(event, StockLevelChanged)
        assert event.level_key not in newest or event.version > newest[event.level_key].version
        newest[event.level_key] = event
    assert (newest["HZ|A"].on_hand, newest["HZ|A"].reserved) == (5, 2)


def backorders(pool: Pool, house: House, clock: ManualClock) -> Backorders:
    desk = CommandDesk(house.publisher, codec(), "inventory")
    return Backorders(pool, desk, clock, read_sourcing(RULES), read_line(RULES), QUOTAS)


async def test_goods_that_come_go_to_paid_orders_that_wait_in_line(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish(
            [placed("o1", [("A", 2)]), placed("o2", [("A", 1)]), placed("o3", [("A", 1)])]
        )
        await inventory.publish(
            [placed("o4", [("A", 1)], channel="douyin"), placed("o5", [("B", 1)])]
        )
        await inventory.publish([paid(f"o{number}") for number in (1, 2, 4, 5)])
        await inventory.drained()
        clock = ManualClock(NOW)
        timer = backorders(running.pool, inventory, clock)
        assert await timer.look() == 0, "there is nothing to give"
        await inventory.publish([receipt("r1", "HZ", [("A", 3)])])
        await inventory.drained()
        assert await timer.look() == 2
        assert await timer.look() == 0, "asked once is enough for a while"
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 3)
        assert await running.invariants() == SOUND
        # What was cancelled goes to who still waits; who has not paid does not wait.
        await inventory.publish([cancelled("o1"), cancelled("o4")])
        await inventory.drained()
        assert await timer.look() == 1
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 1)
        assert await running.invariants() == SOUND
    held = [
        event.order_id for event in await inventory.emitted() if isinstance(event, StockReserved)
    ]
    assert sorted(held) == ["o1", "o2", "o4"]
    shorts = [
        event.order_id for event in await inventory.emitted() if isinstance(event, StockShort)
    ]
    assert Counter(shorts) == {"o1": 2, "o2": 2, "o3": 1, "o4": 2, "o5": 2}, (
        "a turn in vain says nothing"
    )


async def test_goods_that_are_gone_before_the_turn_leave_the_order_waiting_for_the_next(
    inventory: House,
) -> None:
    async with inventory.running() as running:
        await inventory.publish([placed("o1", [("A", 1)]), paid("o1")])
        await inventory.drained()
        await inventory.publish([receipt("r1", "HZ", [("A", 1)])])
        await inventory.drained()
        clock = ManualClock(NOW)
        await inventory.publish([placed("o2", [("A", 1)])])
        await inventory.drained()
        timer = backorders(running.pool, inventory, clock)
        assert await timer.look() == 0, "a new order was quicker"
        await inventory.publish([cancelled("o2")])
        await inventory.drained()
    # While no worker could answer the first before the second asks.
    pool = await open_pool(inventory.url, 2)
    assert await backorders(pool, inventory, clock).look() == 1
    assert await backorders(pool, inventory, clock).look() == 1, "another process asks the same"
    await pool.close()
    async with inventory.running() as running:
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (1, 1)
        assert await running.invariants() == SOUND
    settled = await inventory.fetch(
        "SELECT outcome FROM chassis.commands_settled WHERE result_id = ''"
    )
    assert [row["outcome"] for row in settled] == ["done"], "both asked with one command"


async def test_one_receiver_cannot_keep_a_shelf_without_paying(inventory: House) -> None:
    def unpaid(number: int, receiver: str = "hoarder") -> OrderPlaced:
        return replace(placed(f"o{number}", [("A", 1)]), receiver_key=receiver)

    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 100)])])
        await inventory.drained()
        await inventory.publish([unpaid(number) for number in range(3)])
        await inventory.drained()
        # Some are counted in Postgres, some in the batch they come in.
        await inventory.publish([unpaid(number) for number in range(3, 8)])
        await inventory.publish([unpaid(20, "somebody"), unpaid(21, "")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (100, 7)
        withheld = [e for e in await inventory.emitted() if isinstance(e, StockShort)]
        assert {str(event.withheld_by).partition("#")[2] for event in withheld} == {
            "buyer-over-budget"
        }
        left_out = {event.order_id for event in withheld}
        assert len(left_out) == 3
        kept = next(f"o{number}" for number in range(8) if f"o{number}" not in left_out)
        await inventory.publish([paid(order_id) for order_id in (*sorted(left_out)[:2], kept)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (100, 9), "what is paid is held, whoever pays"
        await inventory.publish([unpaid(8)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (100, 10), (
            "what is paid is not counted any more"
        )
        assert await running.invariants() == SOUND


async def test_it_is_said_why_a_nearer_warehouse_was_not_chosen(inventory: House) -> None:
    async with inventory.running() as running:
        await inventory.publish(
            [receipt("r1", "HZ", [("A", 5), ("B", 1)]), receipt("r2", "GZ", [("A", 5), ("B", 5)])]
        )
        await inventory.drained()
        await inventory.publish([placed("near", [("A", 1)])])
        await inventory.publish([placed("far", [("A", 1), ("B", 3)])])
        await inventory.drained()
        # The same without Valkey.
        async with running.pool.acquire() as connection:
            await running.epochs.void(connection)
        await inventory.publish([placed("alone", [("A", 1), ("B", 2)])])
        await inventory.drained()
    reserved = {e.order_id: e for e in await inventory.emitted() if isinstance(e, StockReserved)}
    assert (reserved["near"].warehouse, reserved["near"].passed_over) == ("HZ", None)
    assert [_why(one) for one in reserved["far"].passed_over or ()] == [
        ("HZ", "B", 3, 1),
        ("HF", "B", 3, 0),
    ]
    assert [_why(one) for one in reserved["alone"].passed_over or ()] == [
        ("HZ", "B", 2, 1),
        ("HF", "B", 2, 0),
    ]


def _why(one: PassedOver) -> tuple[str, str, int, int]:
    return one.warehouse, one.sku, one.wanted, one.available
