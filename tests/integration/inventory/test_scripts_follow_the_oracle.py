"""The Lua scripts against `domain.counters`, history by history, on a real Valkey."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.valkey import connect
from services.inventory.counters import Answer, Epoch, LiveHold, ValkeyCounters
from services.inventory.domain import counters as oracle
from services.inventory.domain.counters import Arrival, Ask, Counters, Record, Target
from services.inventory.domain.model import merged
from services.inventory.domain.parts import by_place

WAREHOUSES = ("HZ", "GZ")
SKUS = ("A-1", "B|2", "丙{3}")
ORDERS = tuple(f"o{number}" for number in range(5))

goods = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 4)), min_size=1, max_size=3).map(
    merged
)
order_ids = st.sampled_from(ORDERS)
generations = st.integers(1, 3)
asks = st.builds(Ask, order_ids, generations, st.permutations(WAREHOUSES).map(tuple), goods)
targets = st.builds(
    Target,
    order_ids,
    generations,
    st.sampled_from(("held", "freed", "spent")),
    st.sampled_from(WAREHOUSES),
    goods,
    gone=st.one_of(st.just(()), goods),
)
shares = st.lists(st.tuples(st.sampled_from(WAREHOUSES), goods), max_size=2)
targets_of_several = st.builds(
    Target,
    order_ids,
    generations,
    st.sampled_from(("held", "freed", "spent")),
    st.just(""),
    shares.map(by_place),
    gone=shares.map(by_place),
)
arrivals = st.builds(
    Arrival, st.sampled_from(("r1", "r2", "r3")), st.sampled_from(WAREHOUSES), goods
)
steps = st.one_of(
    st.lists(asks, min_size=1, max_size=6),
    st.lists(st.one_of(targets, targets_of_several), min_size=1, max_size=4),
    st.lists(arrivals, min_size=1, max_size=2),
)
starts = st.fixed_dictionaries(
    {(warehouse, sku): st.integers(0, 8) for warehouse in WAREHOUSES for sku in SKUS}
)


class Bench:
    """A fresh epoch per history, on one server."""

    def __init__(self, url: str) -> None:
        self.client = connect(url)
        self.counters = ValkeyCounters(self.client, "property")
        self.number = 0

    async def start(self, levels: dict[tuple[str, str], int]) -> Epoch:
        self.number += 1
        epoch = Epoch(self.number, await self.counters.run_id())
        await self.counters.load(
            epoch.number, [(*row, pieces) for row, pieces in levels.items()], []
        )
        assert await self.counters.open(epoch)
        return epoch

    async def records(self, epoch: Epoch) -> dict[str, Record]:
        stored = {}
        for order_id in ORDERS:
            packed = await self.client.get(f"{{property}}:e{epoch.number}:hold:{order_id}")
            if packed is not None:
                generation, state, warehouse, flat = msgspec.msgpack.decode(packed)
                goods = tuple(zip(flat[::2], flat[1::2], strict=True))
                stored[order_id] = Record(generation, state, warehouse, goods)
        return stored

    async def play(self, levels: dict[tuple[str, str], int], history: list[list[object]]) -> None:
        epoch = await self.start(levels)
        model = Counters(available=dict(levels), records={}, documents=set())
        for step in history:
            match step:
                case [Ask(), *_]:
                    wanted = tuple(oracle.reserve(model, ask) for ask in step)  # type: ignore[arg-type]
                    given = await self.counters.reserve(epoch, step, [])  # type: ignore[arg-type]
                    assert given is not None
                    assert given.answers == wanted
                case [Target(), *_]:
                    for target in step:
                        oracle.settle(model, target)  # type: ignore[arg-type]
                    assert await self.counters.settle(epoch, step)  # type: ignore[arg-type]
                case _:
                    oracle.arrive(model, *step)  # type: ignore[arg-type]
                    assert await self.counters.settle(epoch, [], step)  # type: ignore[arg-type]
            assert await self.counters.levels(epoch.number) == model.available
            assert await self.records(epoch) == model.records


def test_any_history_leaves_the_same_numbers_answers_and_records(valkey_url: str) -> None:
    with asyncio.Runner() as runner:
        bench = runner.get_loop().run_until_complete(_bench(valkey_url))

        @settings(
            max_examples=100,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            print_blob=True,
        )
        @given(starts, st.lists(steps, max_size=12))
        def histories(levels: dict[tuple[str, str], int], history: list[list[object]]) -> None:
            runner.run(bench.play(levels, history))

        histories()
        runner.run(bench.counters.close())


async def _bench(url: str) -> Bench:
    return Bench(url)


@pytest.fixture
async def counters(valkey_url: str) -> AsyncIterator[ValkeyCounters]:
    door = ValkeyCounters(connect(valkey_url), "test")
    yield door
    await door.close()


async def opened(counters: ValkeyCounters, number: int, pieces: int) -> Epoch:
    epoch = Epoch(number, await counters.run_id())
    await counters.load(number, [("HZ", "A", pieces)], [])
    assert await counters.open(epoch)
    return epoch


def ask(order_id: str, pieces: int = 1, generation: int = 1) -> Ask:
    return Ask(order_id, generation, ("HZ",), (("A", pieces),))


async def answers(counters: ValkeyCounters, epoch: Epoch, asked: list[Ask]) -> tuple[Answer, ...]:
    admitted = await counters.reserve(epoch, asked, [])
    assert admitted is not None
    return admitted.answers


async def test_another_epoch_is_fenced_and_writes_nothing(counters: ValkeyCounters) -> None:
    old = await opened(counters, 1, 5)
    new = await opened(counters, 2, 5)
    assert await counters.reserve(old, [ask("o1")], []) is None
    assert not await counters.settle(old, [Target("o1", 1, "held", "HZ", (("A", 1),))])
    assert await counters.noted(old, 0, 10) is None
    assert await counters.levels(2) == {("HZ", "A"): 5}
    assert await answers(counters, new, [ask("o1")]) == ("HZ",)


async def test_another_run_of_the_server_is_fenced(counters: ValkeyCounters) -> None:
    epoch = await opened(counters, 1, 5)
    # As after a restart: the contents survived, the run they were trusted on did not.
    await counters._client.hset("{test}:meta", "run_id", "0" * 40)
    assert await counters.reserve(Epoch(1, "0" * 40), [ask("o1")], []) is None
    assert await counters.reserve(epoch, [ask("o1")], []) is None
    assert await counters.in_force() is None


async def test_an_emptied_server_is_fenced(counters: ValkeyCounters, valkey_url: str) -> None:
    epoch = await opened(counters, 1, 5)
    await counters._client.flushdb()
    assert await counters.reserve(epoch, [ask("o1")], []) is None


async def test_an_epoch_never_goes_back(counters: ValkeyCounters) -> None:
    await opened(counters, 7, 5)
    assert not await counters.open(Epoch(6, await counters.run_id()))
    assert await counters.newest_number() == 7


async def test_a_live_hold_has_no_time_to_live_and_a_tombstone_has(
    counters: ValkeyCounters,
) -> None:
    epoch = await opened(counters, 1, 5)
    await counters.reserve(epoch, [ask("o1")], [])
    assert await counters._client.ttl("{test}:e1:hold:o1") == -1
    await counters.settle(epoch, [Target("o1", 1, "held", "HZ", (("A", 1),))])
    assert await counters._client.ttl("{test}:e1:hold:o1") == -1
    await counters.settle(epoch, [Target("o1", 1, "freed", "", ())])
    assert await counters._client.ttl("{test}:e1:hold:o1") > 0


async def test_what_was_settled_in_between_is_left_alone_by_the_sweeper(
    counters: ValkeyCounters,
) -> None:
    epoch = await opened(counters, 1, 5)
    await counters.reserve(epoch, [ask("o1")], ["d:r1"])
    noted = await counters.noted(epoch, 0, 10)
    assert noted is not None
    times = dict(noted)
    assert times.keys() == {"o:o1", "d:r1"}
    await counters.settle(epoch, [Target("o1", 1, "held", "HZ", (("A", 1),))])
    await counters.settle(epoch, [Target("o1", 2, "freed", "", (), times["o:o1"])])
    assert await counters.levels(1) == {("HZ", "A"): 4}
    await counters.settle(epoch, [], [], [("d:r1", times["d:r1"])])
    assert await counters.noted(epoch, 0, 10) == ()


async def test_a_promise_that_was_swept_away_before_it_was_confirmed_is_taken_again(
    counters: ValkeyCounters,
) -> None:
    epoch = await opened(counters, 1, 5)
    await counters.reserve(epoch, [ask("o1"), ask("o2")], [])
    kept = [Target(order_id, 1, "held", "HZ", (("A", 1),)) for order_id in ("o1", "o2")]
    await counters.settle(epoch, [Target("o1", 1, "freed", "", ())])
    assert await counters.levels(1) == {("HZ", "A"): 4}
    for _ in range(2):
        assert await counters.settle(epoch, [], confirmed=kept)
        assert await counters.levels(1) == {("HZ", "A"): 3}
        assert await counters.noted(epoch, 0, 10) == ()


async def test_what_somebody_else_has_still_to_tell_stays_noted(counters: ValkeyCounters) -> None:
    epoch = await opened(counters, 1, 5)
    slow = await counters.reserve(epoch, [ask("o1")], [])
    assert slow is not None
    held = Target("o1", 1, "held", "HZ", (("A", 1),))
    # Another process is about to let it go, and will not live to tell.
    await counters.reserve(epoch, [], ["o:o1"])
    await counters.settle(epoch, [], confirmed=[held], noted_at=slow.noted_at)
    await counters.settle(epoch, [held], noted_at=slow.noted_at)
    left = await counters.noted(epoch, 0, 10)
    assert left is not None
    assert [note for note, _ in left] == ["o:o1"]
    assert await counters.levels(1) == {("HZ", "A"): 4}


async def test_who_asks_again_notes_again(counters: ValkeyCounters) -> None:
    epoch = await opened(counters, 1, 5)
    first = await counters.reserve(epoch, [ask("o1")], [])
    again = await counters.reserve(epoch, [ask("o1")], [])
    assert first is not None
    assert again is not None
    assert again.noted_at > first.noted_at
    assert await counters.noted(epoch, 0, 10) == (("o:o1", again.noted_at),)


async def test_old_epochs_are_removed_and_the_one_in_force_stays(
    counters: ValkeyCounters,
) -> None:
    await opened(counters, 1, 5)
    await counters.load(2, [("HZ", "A", 3)], [LiveHold("o9", 1, "HZ", (("A", 2),))])
    await counters.load(3, [("HZ", "A", 4)], [])
    assert await counters.remove_earlier(2) == 1
    assert await counters.levels(3) == {("HZ", "A"): 4}
    assert await counters.levels(1) == {}
    assert await counters.count_holds(2, ["o9", "o8"]) == 1


async def test_a_thousand_orders_of_many_skus_fit_one_call(counters: ValkeyCounters) -> None:
    epoch = Epoch(1, await counters.run_id())
    await counters.load(1, [("HZ", f"S{n}", 1) for n in range(3_000)], [])
    await counters.open(epoch)
    asked = [
        Ask(f"o{n}", 1, ("GZ", "HZ"), tuple((f"S{n * 3 + i}", 1) for i in range(3)))
        for n in range(1_000)
    ]
    assert await answers(counters, epoch, asked) == ("HZ",) * 1_000
    assert set((await counters.levels(1)).values()) == {0}
