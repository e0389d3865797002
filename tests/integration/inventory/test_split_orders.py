"""Orders that no warehouse has whole, over real Kafka, Postgres and Valkey, where the table lets them be split."""

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from schemas.events.stock import StockDeducted, StockReserved, StockReturned, StockShort
from services.inventory.backorders import Backorders, read_line
from services.inventory.reservations import SQL as RESERVATIONS
from tests.integration.inventory.rig import QUOTAS, RULES, House, until
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.unit.inventory.events import NOW, cancelled, paid, placed, receipt, refunded, shipped
from tests.unit.inventory.house import splitting

SOURCING = splitting(2)
GOODS = [("A", 2), ("B", 1)]
SHELVES = [receipt("r1", "HZ", [("A", 3)]), receipt("r2", "HF", [("B", 2)])]


async def test_an_order_is_held_sent_and_brought_back_by_two_warehouses(inventory: House) -> None:
    async with inventory.running(sourcing=SOURCING) as running:
        await inventory.publish(SHELVES)
        await inventory.drained()
        await inventory.publish([placed("o1", GOODS), paid("o1")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 2)
        assert await level(inventory, "HF", "B") == (2, 1)
        assert await running.invariants() == SOUND
        (hold,) = await inventory.fetch(RESERVATIONS["holds_of"], "B", 10)
        assert (hold["key"], hold["warehouse"], hold["pieces"]) == ("o1", "HF", 1)

        await inventory.publish([shipped("o1", "HF", [("B", 1)])])
        await inventory.drained()
        assert await running.invariants() == SOUND
        # Half gone, it is written anew from Postgres, and goes on.
        async with running.pool.acquire() as connection:
            await running.epochs.void(connection)
        await until(running.keeper.look)
        assert await running.invariants() == SOUND
        await inventory.publish([shipped("o1", "HZ", [("A", 2)], version=2)])
        await inventory.publish([refunded("o1", GOODS)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 0)
        assert await level(inventory, "HF", "B") == (2, 0)
        assert await running.invariants() == SOUND
    told = await inventory.emitted()
    (reserved,) = [one for one in told if isinstance(one, StockReserved)]
    assert [part.warehouse for part in reserved.parts or ()] == ["HZ", "HF"]
    assert [one.warehouse for one in told if isinstance(one, StockDeducted)] == ["HF", "HZ"]
    back = {one.warehouse: one.lines[0].quantity for one in told if isinstance(one, StockReturned)}
    assert back == {"HZ": 2, "HF": 1}


async def test_goods_that_come_apart_go_to_who_waits_and_back_when_it_is_cancelled(
    inventory: House,
) -> None:
    async with inventory.running(sourcing=SOURCING) as running:
        await inventory.publish([placed("o1", GOODS), paid("o1")])
        await inventory.drained()
        desk = CommandDesk(inventory.publisher, codec(), "inventory")
        line = Backorders(running.pool, desk, ManualClock(NOW), SOURCING, read_line(RULES), QUOTAS)
        assert await line.look() == 0
        await inventory.publish(SHELVES)
        await inventory.drained()
        assert await line.look() == 1
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 2)
        assert await running.invariants() == SOUND
        await inventory.publish([cancelled("o1")])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (3, 0)
        assert await level(inventory, "HF", "B") == (2, 0)
        assert await running.invariants() == SOUND
    told = await inventory.emitted()
    assert [type(one) for one in told if isinstance(one, StockShort | StockReserved)] == [
        StockShort,
        StockShort,
        StockReserved,
    ]
