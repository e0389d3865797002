"""Valkey wrong, away, emptied or half told: Postgres decides, nothing is oversold, nothing stays lost."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.errors import Unavailable
from schemas.events.stock import StockReserved
from services.inventory.domain.counters import Ask
from services.inventory.domain.model import Line
from services.inventory.domain.reservations import Reservation, ReserveGoods
from services.inventory.facts import StockFacts
from services.inventory.invariants import Invariants
from services.inventory.rebuild import EpochKeeper
from services.inventory.written import reservation_id
from tests.integration.inventory.rig import House, Running, until
from tests.integration.inventory.test_stock_flow import SOUND, level
from tests.unit.inventory.events import cancelled, paid, placed, receipt, shipped


async def stocked(house: House, pieces: int) -> None:
    await house.publish([receipt("r1", "HZ", [("A", pieces)])])
    await house.drained()


async def held(house: House) -> int:
    return sum(isinstance(event, StockReserved) for event in await house.emitted())


async def back(running: Running) -> bool:
    return (await running.invariants()).valkey_difference == 0


async def sound(running: Running) -> Invariants:
    await until(lambda: back(running))
    return await running.invariants()


async def test_postgres_alone_decides_while_valkey_is_away(inventory: House) -> None:
    inventory.valkey_url = "valkey://127.0.0.1:1/0"
    async with inventory.running(batch_records=30) as running:
        await stocked(inventory, 20)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(50)])
        await inventory.publish([cancelled("o0")])
        await inventory.drained()
        sums = await running.invariants()
        assert sums == replace(SOUND, valkey_difference=None)
    assert await held(inventory) in {20, 21}
    state = await inventory.fetch("SELECT state, epoch FROM inventory.epoch")
    assert tuple(state[0]) == ("REBUILDING", 0)


async def test_an_emptied_valkey_is_noticed_by_the_next_batch_and_filled_again(
    inventory: House,
) -> None:
    async with inventory.running(batch_records=20) as running:
        await stocked(inventory, 30)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(10)])
        await inventory.drained()
        before = running.epochs.known
        await running.counters._client.flushdb()
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(10, 60)])
        await inventory.drained()
        assert await sound(running) == SOUND
        after = running.epochs.known
        assert before is not None
        assert after is not None
        assert after.number > before.number
        assert await held(inventory) == 30
        admitted = await running.counters.reserve(after, [_ask("x", 1)], [])
        assert admitted is not None
        assert admitted.answers == ((0,),)


async def test_a_valkey_that_promises_too_much_is_overruled(inventory: House) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 5)
        await running.stock.told()
        assert running.epochs.known is not None
        key = f"{{{inventory.prefix}}}:e{running.epochs.known.number}:avail"
        await running.counters._client.hincrby(key, "HZ|A", 100)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(20)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 5)
        sums = await running.invariants()
        assert (sums.oversold_units, sums.reserved_mismatch) == (0, 0)
    assert await held(inventory) == 5


async def test_an_order_that_was_promised_too_much_gets_it_from_the_next_warehouse(
    inventory: House,
) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 5)
        await inventory.publish([receipt("r2", "GZ", [("A", 15)])])
        await inventory.drained()
        await running.stock.told()
        assert running.epochs.known is not None
        key = f"{{{inventory.prefix}}}:e{running.epochs.known.number}:avail"
        await running.counters._client.hincrby(key, "HZ|A", 100)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(20)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 5)
        assert await level(inventory, "GZ", "A") == (15, 15)
    assert await held(inventory) == 20


async def test_a_valkey_that_promises_too_little_delays_no_sale(inventory: House) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 5)
        await running.stock.told()
        assert running.epochs.known is not None
        key = f"{{{inventory.prefix}}}:e{running.epochs.known.number}:avail"
        await running.counters._client.hincrby(key, "HZ|A", -5)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(20)])
        await inventory.drained()
        assert await level(inventory, "HZ", "A") == (5, 5)
    assert await held(inventory) == 5


async def test_news_that_never_reached_valkey_are_settled_by_the_sweeper(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 10)
        await inventory.publish([placed(f"o{n}", [("A", 1)]) for n in range(4)] + [paid("o0")])
        await inventory.drained()
        assert await running.invariants() == SOUND

        async def dies(_facts: StockFacts) -> None:
            """As if the process had ended after its commit."""

        monkeypatch.setattr(running.stock, "committed", dies)
        await inventory.publish(
            [
                receipt("r2", "HZ", [("A", 7)]),
                cancelled("o1"),
                shipped("o0", "HZ", [("A", 1)]),
                placed("o9", [("A", 2)]),
            ]
        )
        await inventory.drained()
        await running.stock.told()
        assert await running.books.invariants() != SOUND
        sweeper = running.sweeper(after_ms=0)
        assert await sweeper.look() == 4
        assert await running.books.invariants() == SOUND
        assert await sweeper.look() == 0


async def test_a_promise_whose_worker_died_before_its_commit_goes_back(inventory: House) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 3)
        await inventory.publish([placed("o1", [("A", 5)])])
        await inventory.drained()
        await running.stock.told()
        epoch = running.epochs.known
        assert epoch is not None
        asks = [_ask("never", 1), Ask("o1", 2, ("HZ",), (("A", 1),))]
        admitted = await running.counters.reserve(epoch, asks, ["d:never"])
        assert admitted is not None
        assert admitted.answers == ("HZ", "HZ")
        assert (await running.books.invariants()).valkey_difference == 2
        assert await running.sweeper(after_ms=60_000).look() == 0
        assert await running.sweeper(after_ms=0).look() == 3
        assert await running.books.invariants() == SOUND


async def test_of_many_that_notice_exactly_one_rebuilds(inventory: House) -> None:
    async with (
        inventory.running() as one,
        inventory.running() as two,
        inventory.running() as three,
    ):
        await stocked(inventory, 3)
        before = (await inventory.fetch("SELECT epoch FROM inventory.epoch"))[0]["epoch"]
        await one.counters._client.flushdb()
        workers = (one, two, three)
        await asyncio.gather(*(running.keeper.look() for running in workers for _ in range(3)))

        async def adopted() -> bool:
            return all([await running.keeper.look() for running in workers])

        await until(adopted)
        rows = await inventory.fetch("SELECT epoch, state FROM inventory.epoch")
        assert tuple(rows[0]) == (before + 1, "LIVE")
        assert {running.epochs.known for running in workers} == {one.epochs.known}
        assert await one.invariants() == SOUND


async def test_a_rebuild_waits_for_reservations_under_way(inventory: House) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 3)
        async with running.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("SELECT pg_advisory_xact_lock_shared(7266874, 1)")
            await running.counters._client.flushdb()
            rebuilding = asyncio.ensure_future(running.keeper.look())

            async def waits() -> bool:
                rows = await inventory.fetch(
                    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                return bool(rows)

            await until(waits)
            await connection.execute("UPDATE inventory.stock SET on_hand = 9")
            await transaction.commit()
            await until(lambda: _done(running, rebuilding))
        assert running.epochs.known is not None
        assert await running.counters.levels(running.epochs.known.number) == {("HZ", "A"): 9}


async def test_a_rebuild_that_fails_half_way_leaves_nothing_in_force(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 3)

        async def differs(*_arguments: object) -> None:
            raise Unavailable("Valkey did not keep what was written")

        with monkeypatch.context() as broken:
            broken.setattr(EpochKeeper, "_compare", differs)
            await running.counters._client.flushdb()
            failed = 0
            while failed < 3:  # the keeper of the running worker tries, too, and one of them leads
                try:
                    assert not await running.keeper.look()
                except Unavailable:
                    failed += 1
            assert await running.counters.in_force() is None
            pattern = f"{running.counters._root}e*"
            keys = [key async for key in running.counters._client.scan_iter(match=pattern)]
            epochs = {key.removeprefix(pattern[:-1].encode()).partition(b":")[0] for key in keys}
            assert len(epochs) == 1, "what failed attempts wrote is not piled up"
            await inventory.publish([placed("o1", [("A", 1)])])
            await inventory.drained()
        await until(lambda: back(running))
        assert await running.invariants() == SOUND


async def test_whoever_missed_a_rebuild_and_goes_without_valkey_ends_the_epoch_in_force(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inventory.running() as running:
        await stocked(inventory, 5)
        await running.stock.told()
        epoch = running.epochs.known
        assert epoch is not None

        async def in_force() -> bool:
            running.epochs.rebuild_wanted.clear()  # as a look does first
            return True

        async def no_answer(*_asked: object) -> None:
            raise Unavailable("no answer")

        with monkeypatch.context() as late:
            late.setattr(running.keeper, "look", in_force)
            late.setattr(running.counters, "reserve", no_answer)
            running.epochs.known = replace(epoch, number=epoch.number - 1)
            await inventory.publish([placed("o1", [("A", 2)])])
            await inventory.drained()
        assert await sound(running) == SOUND
        assert running.epochs.known is not None
        assert running.epochs.known.number > epoch.number


async def test_what_is_under_way_is_not_swept(
    inventory: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with inventory.running() as slow, inventory.running() as other:
        await stocked(inventory, 3)
        reserve, admitted, may_go_on = slow.counters.reserve, asyncio.Event(), asyncio.Event()

        async def waits(*asked: Any) -> Any:
            answers = await reserve(*asked)
            admitted.set()
            await may_go_on.wait()
            return answers

        async def dies(facts: StockFacts) -> None:
            """As if the process had ended after its answer."""
            slow.desk.answer(facts.answers)

        monkeypatch.setattr(slow.counters, "reserve", waits)
        monkeypatch.setattr(slow.direct_stock, "committed", dies)
        question = ReserveGoods(
            reservation_id=reservation_id("slow-till"),
            digest="",
            reference="slow",
            warehouse="HZ",
            channel="",
            province="",
            lines=(Line(1, "A", 2),),
            partial=False,
            hold_s=600,
        )
        asking = asyncio.ensure_future(slow.reservations.ask(question))
        await admitted.wait()
        assert await other.sweeper(after_ms=0).look() == 0
        may_go_on.set()
        assert isinstance(await asking, Reservation)
        assert await other.sweeper(after_ms=0).look() == 1
        assert await other.invariants() == SOUND


async def _done(running: Running, rebuilding: "asyncio.Future[bool]") -> bool:
    if rebuilding.done():
        rebuilding.result()
    return await running.counters.in_force() is not None


def _ask(order_id: str, generation: int) -> Ask:
    return Ask(order_id, generation, ("HZ",), (("A", 1),))
