"""200 buyers on three channels want 50 pieces, and two workers serve them: 50 are sold."""

import random
from collections import Counter

from msgspec import Struct

from chassis.topics import TOPICS
from schemas.events.stock import StockReserved, StockShort
from tests.integration.inventory.rig import House, Running, until
from tests.unit.inventory.events import paid, placed, receipt

SEEDS = 20
BUYERS = 200
PIECES = 50
CHANNELS = ("taobao", "jd", "douyin")
PROVINCES = ("浙江省", "广东省", "湖北省", "新疆")


async def test_two_workers_sell_exactly_what_there_is(inventory: House) -> None:
    async with (
        inventory.running(batch_records=40) as one,
        inventory.running(batch_records=40) as other,
    ):
        await until(lambda: _shared(one, other))
        for seed in range(SEEDS):
            await _rush(inventory, seed)
        await other.stock.told()
        sums = await one.invariants()
        assert sums.oversold_units == sums.negative_rows == 0
        assert sums.reserved_mismatch == sums.ledger_mismatch == sums.valkey_difference == 0

    results: Counter[tuple[str, type]] = Counter()
    sold: Counter[str] = Counter()
    for event in await inventory.emitted():
        if isinstance(event, StockReserved):
            results[event.order_id[:4], StockReserved] += 1
            sold.update({event.warehouse: sum(line.quantity for line in event.lines)})
        elif isinstance(event, StockShort):
            results[event.order_id[:4], StockShort] += 1
    for seed in range(SEEDS):
        assert results[f"s{seed:03}", StockReserved] == PIECES, f"seed {seed}"
    assert sum(sold.values()) == SEEDS * PIECES
    assert len(sold) == 3, "all three warehouses sell"


async def _shared(one: Running, other: Running) -> bool:
    mine = {pair for pair in one.source.assigned if pair[0] == "orders"}
    theirs = {pair for pair in other.source.assigned if pair[0] == "orders"}
    half = TOPICS["orders"].partitions // 2
    return len(mine) == len(theirs) == half and not mine & theirs


async def _rush(inventory: House, seed: int) -> None:
    """One SKU over three warehouses; every buyer wants one piece, most of them pay."""
    rng = random.Random(seed)
    sku = f"hot-{seed}"
    here = rng.randrange(1, PIECES - 2)
    there = rng.randrange(1, PIECES - here)
    parts = {"HZ": here, "GZ": there, "HF": PIECES - here - there}
    await inventory.publish(
        [receipt(f"r{seed}-{warehouse}", warehouse, [(sku, n)]) for warehouse, n in parts.items()]
    )
    await inventory.drained()
    events: list[Struct] = []
    for buyer in rng.sample(range(BUYERS), BUYERS):
        order_id = f"s{seed:03}-{buyer}"
        order = placed(
            order_id, [(sku, 1)], channel=rng.choice(CHANNELS), province=rng.choice(PROVINCES)
        )
        events.append(order)
        if rng.random() < 0.7:
            events.append(paid(order_id))
    await inventory.publish(events)
    await inventory.drained()
    rows = await inventory.fetch(
        "SELECT sum(on_hand) AS on_hand, sum(reserved) AS reserved FROM inventory.stock WHERE sku = $1",
        sku,
    )
    assert (rows[0]["on_hand"], rows[0]["reserved"]) == (PIECES, PIECES), f"seed {seed}"
    held = await inventory.fetch(
        "SELECT count(*) FROM inventory.reservations WHERE state = 'held' AND key LIKE $1",
        f"s{seed:03}-%",
    )
    assert held[0]["count"] == PIECES, f"seed {seed}"
