"""What channels may offer follows the stock, once a change, and the operator can see and limit it."""

from pathlib import Path

from prometheus_client import REGISTRY

from chassis.clock import SystemClock
from chassis.codec import codec
from schemas.events.channel_availability import ChannelAvailabilityChanged
from services.inventory.availability import AvailabilityPublisher
from services.inventory.quotas import Quotas, read_quotas
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import RULES, House, Running
from tests.unit.inventory.events import cancelled, placed, receipt


def publisher(
    running: Running, house: House, rules: Path = RULES, quotas: Quotas | None = None
) -> AvailabilityPublisher:
    return AvailabilityPublisher(
        running.pool,
        house.publisher,
        codec(),
        quotas or read_quotas(rules),
        clock=SystemClock(),
        producer="inventory",
    )


async def told(house: House) -> dict[str, list[int]]:
    """Every number by its key, in the order they were told."""
    numbers: dict[str, list[int]] = {}
    for event in await house.emitted("channel-availability"):
        assert isinstance(event, ChannelAvailabilityChanged)
        assert event.stock_changed_at <= event.occurred_at
        for offer in event.offers:
            numbers.setdefault(f"{offer.channel}|{event.sku}", []).append(offer.quantity)
    return numbers


async def test_a_number_is_told_when_it_changes_and_only_then(inventory: House) -> None:
    async with inventory.running() as running:
        offers = publisher(running, inventory)
        await inventory.publish(
            [receipt("r1", "HZ", [("A", 60), ("B", 4)]), receipt("r2", "GZ", [("A", 40)])]
        )
        await inventory.drained()
        assert await offers.look() == 2
        assert await offers.look() == 0
        # Two orders between two looks are one change.
        await inventory.publish([placed("o1", [("A", 1)]), placed("o2", [("A", 2)])])
        await inventory.drained()
        assert await offers.look() == 1
        await inventory.publish([cancelled("o1"), cancelled("o2")])
        await inventory.drained()
        # Another process has seen nothing of this, and tells nothing twice.
        assert await publisher(running, inventory).look() == 1
        assert await publisher(running, inventory).look() == 0
    numbers = await told(inventory)
    assert numbers["taobao|A"] == [68, 65, 68]
    assert numbers["pos|A"] == [30, 29, 30]
    # Two of four are the platform's share less its buffer: closed.
    assert numbers["taobao|B"] == [0]
    assert numbers["pos|B"] == [1]


def another_table(home: Path) -> Path:
    """Rules by which taobao and its like have half, and no buffer."""
    text = (RULES / "channel-quota" / "default.yaml").read_text(encoding="utf-8")
    (home / "channel-quota").mkdir()
    table = home / "channel-quota" / "default.yaml"
    table.write_text(text.replace("share_percent: 70, buffer: 2", "share_percent: 50, buffer: 0"))
    return home


async def test_another_table_changes_the_numbers_of_stock_that_did_not_move(
    inventory: House, tmp_path: Path
) -> None:
    rules = another_table(tmp_path)
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 100)])])
        await inventory.drained()
        assert await publisher(running, inventory).look() == 1
        await publisher(running, inventory, rules).look()
        assert await publisher(running, inventory, rules).look() == 0
    numbers = await told(inventory)
    assert numbers["taobao|A"] == [68, 50]
    assert numbers["youzan|A"] == [70, 70]


async def test_of_two_processes_with_different_tables_the_one_that_began_last_tells(
    inventory: House, tmp_path: Path
) -> None:
    rules = another_table(tmp_path)
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 100)])])
        await inventory.drained()
        older = publisher(running, inventory)
        assert await older.look() == 1
        newer = publisher(running, inventory, rules)
        looks = [await one.look() for one in (newer, older, newer, older, newer)]
        assert looks == [1, 0, 0, 0, 0], "each number is told once"
        await inventory.publish([receipt("r2", "HZ", [("A", 100)])])
        await inventory.drained()
        assert await older.look() == 0
        assert REGISTRY.get_sample_value("danshu_inventory_quotas_overruled") == 1
        assert await newer.look() == 1
        assert REGISTRY.get_sample_value("danshu_inventory_quotas_overruled") == 0
        # Whoever restarts with the first table means it; its elder of the same table may go on, too.
        assert await publisher(running, inventory).look() == 1
        assert [await one.look() for one in (newer, older, newer)] == [0, 0, 0]
    assert (await told(inventory))["taobao|A"] == [68, 50, 100, 138]


async def test_who_began_last_and_is_gone_keeps_nobody_from_telling(
    inventory: House, tmp_path: Path
) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 100)])])
        await inventory.drained()
        older = publisher(running, inventory)
        trial = publisher(running, inventory, another_table(tmp_path))
        assert [await one.look() for one in (older, trial, older)] == [1, 1, 0]
        await inventory.fetch(
            "UPDATE inventory.availability_told_to SET looked_at = now() - interval '61 s'"
        )
        assert [await one.look() for one in (older, older)] == [1, 0]
        assert REGISTRY.get_sample_value("danshu_inventory_quotas_overruled") == 0
        assert [await one.look() for one in (trial, older)] == [1, 0], "it was only slow"


async def test_a_clock_that_was_ahead_and_set_back_keeps_no_change_from_being_told(
    inventory: House,
) -> None:
    async with inventory.running() as running:
        await inventory.publish([receipt("r1", "HZ", [("A", 100), ("B", 10)])])
        await inventory.drained()
        offers = publisher(running, inventory)
        assert await offers.look() == 2
        await inventory.fetch(
            "UPDATE inventory.stock SET on_hand = 90, changed_at = now() + interval '1 day' WHERE sku = 'A'"
        )
        assert await offers.look() == 1
        await inventory.publish([receipt("r2", "HZ", [("B", 10)])])
        await inventory.drained()
        assert [await offers.look() for _ in range(2)] == [1, 0]
        assert await publisher(running, inventory).look() == 0, "a restart tells nothing twice"


async def test_a_safety_stock_is_offered_to_nobody(office: Office) -> None:
    await office.house.publish([receipt("r1", "HZ", [("A", 60)]), receipt("r2", "GZ", [("A", 40)])])
    await office.house.drained()
    offers = publisher(office.running, office.house)
    await offers.look()
    ask = ("safety", "A", "-w", "HZ", "--pieces", "50", "--actor", "li")
    assert await office.at_terminal(*ask) == (0, "已设置\n")
    assert await office.at_terminal(*ask) == (0, "没有变化\n")
    assert await offers.look() == 1
    code, output = await office.at_terminal("offers", "A", "--json")
    assert code == 0
    assert '"channel":"taobao","quantity":33' in output
    assert '"for_sale":50' in output
    code, output = await office.at_terminal("safety", "A", "--json")
    assert (code, '"pieces":50,"actor":"li"' in output) == (0, True)


async def test_what_cannot_be_a_safety_stock_is_refused_by_the_field(office: Office) -> None:
    await office.house.publish([receipt("r1", "HZ", [("A", 60)])])
    await office.house.drained()
    row = {"warehouse": "HZ", "sku": "A", "pieces": 1}
    for stocks, code, pointer in (
        ([row, {**row, "sku": "X"}], "unknown_row", "#/stocks/1"),
        ([row, row], "repeated_row", "#/stocks/1"),
        ([{**row, "pieces": -1}], "malformed", ""),
        ([{**row, "pieces": 1.5}], "malformed", ""),
        ([], "malformed", ""),
    ):
        status, answer = await office.post("/safety-stocks", {"stocks": stocks, "actor": "li"})
        assert (status, answer["code"]) == (422, code)
        if pointer:
            assert pointer in str(answer)
    assert await office.house.fetch("SELECT 1 FROM inventory.safety_stocks") == []
