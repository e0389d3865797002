"""Tills and the stream of orders want the same pieces at once, from two processes, and one may be killed."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx2
import pytest
from msgspec import Struct

from chassis.valkey import connect
from deploy.embedded.stack import Stack
from schemas.events.reservations import ReservationEnded, ReservationMade
from schemas.events.stock import StockReserved
from services.inventory.counters import Epoch
from services.inventory.domain.model import Line
from services.inventory.domain.reservations import (
    Answer,
    ConfirmReservation,
    ReleaseReservation,
    Reservation,
    ReserveGoods,
)
from services.inventory.facts import StockFacts
from services.inventory.store import StockSource
from services.inventory.written import reservation_id
from tests.integration.inventory.rig import House, Running, until
from tests.integration.inventory.test_process import TOKEN, ready_line, started
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.unit.inventory.events import paid, placed, receipt

SEEDS = 6
BUYERS = 80
PIECES = 50


def ask(seed: int, till: int, sku: str, warehouse: str, *, quantity: int = 1) -> ReserveGoods:
    """A till's question; some tills ask twice under one key."""
    return ReserveGoods(
        reservation_id=reservation_id(f"seed-{seed}-till-{till}"),
        digest=f"{sku}:{quantity}",
        reference=f"till-{till}",
        warehouse=warehouse,
        channel="",
        province="",
        lines=(Line(1, sku, quantity),),
        partial=quantity > 1,
        hold_s=600,
    )


async def test_tills_and_orders_together_sell_exactly_what_there_is(inventory: House) -> None:
    async with (
        inventory.running(batch_records=20) as one,
        inventory.running(batch_records=20) as other,
    ):
        for seed in range(SEEDS):
            await _rush(inventory, (one, other), seed)
        await other.stock.told()
        await other.direct_stock.told()
        sums = await one.invariants()
        assert (sums.oversold_units, sums.negative_rows) == (0, 0)
        assert sums == SOUND
    sold: Counter[str] = Counter()
    made: dict[str, ReservationMade] = {}
    # A batch may be published twice; whoever reads drops the second by its version.
    emitted: list[Any] = [*await inventory.emitted(), *await inventory.emitted("reservations")]
    told = {
        (event.TOPIC, getattr(event, event.__struct_fields__[0]), event.version): event
        for event in emitted
    }
    for event in told.values():
        match event:
            case StockReserved():
                sold[event.lines[0].sku] += sum(line.quantity for line in event.lines)
            case ReservationMade():
                made[event.reservation_id] = event
                sold[event.lines[0].sku] += sum(line.held for line in event.lines)
            case ReservationEnded():
                lines = made[event.reservation_id].lines
                sold[lines[0].sku] -= sum(line.held for line in lines)
    assert sold == {f"hot-{seed}": PIECES for seed in range(SEEDS)}


async def _rush(inventory: House, workers: tuple[Running, Running], seed: int) -> None:
    """One SKU over two warehouses; buyers in the stream, tills at both processes, some let go or sell."""
    rng = random.Random(seed)
    sku = f"hot-{seed}"
    here = rng.randrange(10, PIECES - 10)
    await inventory.publish(
        [
            receipt(f"r{seed}-HZ", "HZ", [(sku, here)]),
            receipt(f"r{seed}-GZ", "GZ", [(sku, PIECES - here)]),
        ]
    )
    await inventory.drained()
    events: list[Struct] = []
    for buyer in range(BUYERS):
        order_id = f"s{seed}-{buyer}"
        events.append(placed(order_id, [(sku, 1)], province=rng.choice(["浙江省", "广东省"])))
        if rng.random() < 0.5:
            events.append(paid(order_id))

    handed: list[int] = []

    async def till(number: int) -> None:
        question = ask(
            seed, number, sku, rng.choice(["HZ", "GZ", ""]), quantity=rng.choice([1, 1, 3])
        )
        asked = [rng.choice(workers).reservations.ask(question) for _ in range(rng.choice([1, 2]))]
        fate = rng.random()
        await asyncio.sleep(rng.random() / 5)
        answers: list[Answer] = await asyncio.gather(*asked)
        assert all(answer == answers[0] for answer in answers), f"seed {seed}"
        if not isinstance(answers[0], Reservation):
            return
        key = answers[0].reservation_id
        desk = rng.choice(workers).reservations
        if fate < 0.2:
            await desk.ask(ReleaseReservation(reservation_id=key))
        elif fate < 0.5:
            await desk.ask(ConfirmReservation(reservation_id=key, handed_over=True))
            handed.append(sum(line.held for line in answers[0].lines))

    await asyncio.gather(inventory.publish(events), *(till(number) for number in range(BUYERS)))
    await inventory.drained()
    rows = await inventory.fetch(
        "SELECT sum(on_hand) AS on_hand, sum(reserved) AS reserved FROM inventory.stock WHERE sku = $1",
        sku,
    )
    assert rows[0]["on_hand"] == PIECES - sum(handed), f"seed {seed}"
    # What was let go late lies there again; the next buyers take it, and the one after them gets nothing.
    left = int(rows[0]["on_hand"] - rows[0]["reserved"])
    more = [ask(seed, BUYERS + n, sku, "") for n in range(left + 1)]
    answers = await asyncio.gather(*(workers[0].reservations.ask(one) for one in more))
    assert sum(isinstance(answer, Reservation) for answer in answers) == left, f"seed {seed}"


@pytest.mark.parametrize("point", ["batch.before_commit", "batch.after_commit"])
async def test_a_till_whose_process_was_killed_asks_again_and_holds_once(
    inventory: House, stack: Stack, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    lines = [{"sku": "A", "quantity": 2}]
    wanted = {"reference": "till-1", "warehouse": "HZ", "lines": lines, "hold_s": 600}
    key = {"idempotency-key": "sale-0001"}
    async with inventory.running():
        await inventory.publish([receipt("r1", "HZ", [("A", 3)])])
        await inventory.drained()

    # Nothing comes by the stream: the first batch is the till's.
    died = await started(inventory, stack, DANSHU_FAILPOINTS=f"{point}=kill@1")
    async with _client(await ready_line(died)) as client:
        with pytest.raises(httpx2.HTTPError):
            await client.post("/reservations", json=wanted, headers=key)
        async with asyncio.timeout(30):
            await died.wait()
    committed = point == "batch.after_commit"
    assert await level(inventory, "HZ", "A") == (3, 2 if committed else 0)

    process = await started(inventory, stack, DANSHU_INVENTORY_SWEEP_AFTER_MS="100")
    try:
        async with _client(await ready_line(process)) as client:
            answers = [
                await client.post("/reservations", json=wanted, headers=key) for _ in range(2)
            ]
            assert [answer.status_code for answer in answers] == [201, 201]
            assert answers[0].json() == answers[1].json()
            assert await level(inventory, "HZ", "A") == (3, 2)

            async def agree() -> bool:
                return set((await client.get("/invariants")).json().values()) == {0}

            await until(agree)
            other = await client.post(
                "/reservations", json=wanted, headers={"idempotency-key": "sale-0002"}
            )
            assert other.json()["missing"] == [{"sku": "A", "quantity": 2, "available": 1}]
    finally:
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    made = [
        one for one in await inventory.emitted("reservations") if isinstance(one, ReservationMade)
    ]
    assert {one.reservation_id for one in made} == {reservation_id("sale-0001")}
    assert {one.version for one in made} == {1}, "published again, never anew"


def _client(ports: dict[str, int]) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{ports['http']}",
        headers={"authorization": f"Bearer {TOKEN}"},
        timeout=30.0,
    )


async def test_news_of_one_reservation_that_come_in_the_wrong_order_change_nothing(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process holds all or a part, another lets go, and the first one's news arrive last."""
    async with inventory.running() as slow, inventory.running() as quick:
        await inventory.publish([receipt("r1", "HZ", [("A", 9), ("B", 9)])])
        await inventory.drained()
        late: list[StockFacts] = []

        async def waits(_source: StockSource, facts: StockFacts, _epoch: Epoch) -> None:
            late.append(facts)

        tell = StockSource._tell
        for till, (sku, quantity) in enumerate([("A", 1), ("B", 12)]):
            question = ask(0, till, sku, "HZ", quantity=quantity)
            end = ReleaseReservation(reservation_id=question.reservation_id)
            with monkeypatch.context() as held_back:
                held_back.setattr(StockSource, "_tell", waits)
                assert isinstance(await slow.reservations.ask(question), Reservation)
                await slow.direct_stock.told()
            await quick.reservations.ask(end)
            await quick.direct_stock.told()
            for facts in late:
                assert facts.epoch is not None
                await tell(slow.direct_stock, facts, facts.epoch)
            assert await level(inventory, "HZ", sku) == (9, 0)
            assert await quick.invariants() == SOUND, f"{quantity} of {sku}"


@pytest.mark.parametrize("released", [False, True])
async def test_a_part_where_valkey_had_promised_the_whole_is_counted_as_the_part(
    inventory: House, released: bool
) -> None:
    """Valkey hears of goods later than Postgres gives them away."""
    async with inventory.running() as one:
        await inventory.publish([receipt("r1", "HZ", [("A", 2)])])
        await inventory.drained()
        await one.stock.told()
        epoch = one.epochs.known
        assert epoch is not None
        field = f"{{{inventory.prefix}}}:e{epoch.number}:avail"
        async with connect(inventory.valkey_url) as valkey:
            await valkey.hincrby(field, "HZ|A", 1)
            question = ask(0, 1, "A", "HZ", quantity=3)
            made = await one.reservations.ask(question)
            assert isinstance(made, Reservation)
            assert [line.held for line in made.lines] == [2]
            if released:
                end = ReleaseReservation(reservation_id=question.reservation_id)
                await one.reservations.ask(end)
            await one.direct_stock.told()
            await valkey.hincrby(field, "HZ|A", -1)
        assert await one.invariants() == SOUND
