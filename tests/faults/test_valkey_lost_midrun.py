"""Valkey is emptied, killed and paused while two workers sell: nothing oversold, nothing lost, back at work."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import valkey.asyncio as aio
from msgspec import Struct

from schemas.events.stock import StockReserved, StockShort
from services.inventory.invariants import Invariants
from tests.integration.inventory.rig import House, Running, house, prepare, until
from tests.support import stack as stacks
from tests.unit.inventory.events import cancelled, paid, placed, receipt

pytestmark = [pytest.mark.faults, pytest.mark.serial]

SKUS = tuple(f"S{number}" for number in range(8))
PIECES = 60
ORDERS = 900
WAVES = 9
CANCELLED_FIRST = (
    "SELECT key FROM inventory.reservations WHERE state = 'cancelled' AND generation = 0"
)
SOUND = Invariants(
    oversold_units=0,
    negative_rows=0,
    reserved_mismatch=0,
    ledger_mismatch=0,
    valkey_difference=0,
)
Fault = Callable[[stacks.PrivateStack, House], Awaitable[None]]


async def emptied(stack: stacks.PrivateStack, _inventory: House) -> None:
    async with aio.Valkey.from_url(stack.addresses.valkey_url) as client:
        await client.flushall()


async def killed(stack: stacks.PrivateStack, _inventory: House) -> None:
    await asyncio.to_thread(stack.kill, "valkey")
    await asyncio.sleep(1.0)  # a while without it: batches are decided from Postgres alone
    await asyncio.to_thread(stack.start, "valkey")


async def paused(stack: stacks.PrivateStack, inventory: House) -> None:
    stack.pause("valkey")
    # A batch whose call has no known outcome is decided from Postgres alone, which voids the epoch.
    await until(lambda: _is_void(inventory))
    stack.resume("valkey")


@pytest.fixture
async def inventory(private_stack: stacks.PrivateStack) -> AsyncIterator[House]:
    addresses = private_stack.addresses
    with (
        stacks.fresh_database(addresses.postgres_url) as url,
        stacks.fresh_topics(addresses.kafka_bootstrap) as prefix,
    ):
        await asyncio.to_thread(prepare, addresses, prefix)
        async with house(addresses, prefix, url, addresses.valkey_url) as built:
            yield built


@pytest.mark.parametrize("fault", [emptied, killed, paused])
async def test_valkey_is_lost_while_two_workers_sell(
    inventory: House, private_stack: stacks.PrivateStack, fault: Fault
) -> None:
    rng = random.Random(f"{fault.__name__}")
    async with (
        inventory.running(batch_records=25) as one,
        inventory.running(batch_records=25) as other,
    ):
        await until(lambda: _share(one, other))
        await inventory.publish([receipt("r1", "HZ", [(sku, PIECES) for sku in SKUS])])
        await inventory.drained()
        before = await _epoch(inventory)
        breaking = asyncio.ensure_future(_sell(inventory, rng))
        await until(lambda: _offsets_past(inventory, ORDERS // 4))
        await fault(private_stack, inventory)
        given_up = await breaking
        await inventory.drained()
        await until(lambda: _agrees(one, other))
        assert await one.invariants() == SOUND
        assert await _epoch(inventory) > before
        await _check_sales(inventory, given_up)

        # Back at work: Valkey admits again, and what came free is sold.
        await inventory.publish([receipt("r2", "HZ", [("S0", 1)])])
        await inventory.drained()
        await inventory.publish([placed(f"late-{n}", [("S0", 1)]) for n in range(3 + len(SKUS))])
        await inventory.drained()
        await until(lambda: _agrees(one, other))
        assert await one.invariants() == SOUND
        epoch = one.epochs.known
        assert epoch is not None
        assert (await one.counters.levels(epoch.number))["HZ", "S0"] == 0


async def _sell(inventory: House, rng: random.Random) -> set[str]:
    """Orders in waves, most paid, some cancelled later; returns the cancelled."""
    given_up: set[str] = set()
    for wave in range(WAVES):
        events: list[Struct] = []
        for number in range(ORDERS // WAVES):
            order_id = f"w{wave}-{number}"
            goods = [(sku, 1) for sku in rng.sample(SKUS, rng.randrange(1, 3))]
            events.append(placed(order_id, goods))
            if rng.random() < 0.6:
                events.append(paid(order_id))
            elif rng.random() < 0.5:
                given_up.add(order_id)
                events.append(cancelled(order_id))
        await inventory.publish(events)
        await asyncio.sleep(0.3)  # spread over the fault, as traffic is
    return given_up


async def _check_sales(inventory: House, given_up: set[str]) -> None:
    """Every order has one answer, and pieces promised by events are the pieces the holds have."""
    answered: set[str] = set()
    once: dict[tuple[str, int], StockReserved] = {}
    for event in await inventory.emitted():
        if isinstance(event, StockReserved):
            once[event.order_id, event.version] = event
        if isinstance(event, StockReserved | StockShort):
            answered.add(event.order_id)
    never_seen = {row["key"] for row in await inventory.fetch(CANCELLED_FIRST)}
    assert len(answered | never_seen) == ORDERS
    sold: Counter[str] = Counter()
    for reserved in once.values():
        if reserved.order_id not in given_up:
            sold.update({line.sku: line.quantity for line in reserved.lines})
    rows = await inventory.fetch("SELECT sku, reserved FROM inventory.stock")
    assert {row["sku"]: row["reserved"] for row in rows} == {sku: sold[sku] for sku in SKUS}
    assert all(pieces <= PIECES for pieces in sold.values())


async def _share(one: Running, other: Running) -> bool:
    return bool(one.source.assigned) and bool(other.source.assigned)


async def _offsets_past(inventory: House, records: int) -> bool:
    rows = await inventory.fetch("SELECT sum(next)::bigint AS taken FROM chassis.consumer_offsets")
    return int(rows[0]["taken"]) >= records


async def _epoch(inventory: House) -> int:
    return int((await inventory.fetch("SELECT epoch FROM inventory.epoch"))[0]["epoch"])


async def _is_void(inventory: House) -> bool:
    return bool((await inventory.fetch("SELECT state FROM inventory.epoch"))[0]["state"] != "LIVE")


async def _agrees(one: Running, other: Running) -> bool:
    await other.stock.told()
    return (await one.invariants()).valkey_difference == 0
