"""What is told of the shops, and how pushes are counted, on real Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from chassis.clock import ManualClock
from chassis.codec import codec
from chassis.crypto import MasterKeys, PayloadSeal
from chassis.plugins import load
from chassis.postgres import AWAY, Pool, open_pool
from chassis.producer import DeliveryFailed
from chassis.testing.memory import MemoryBroker, MemoryPublisher
from schemas.events.shop_states import ShopErrors, ShopStateChanged
from services.ingest.channels import Channel
from services.ingest.domain.shop_health import ShopHealth, ShopState
from services.ingest.push_counts import PushCounts
from services.ingest.shared import Shared
from services.ingest.shop_states import ShopTeller
from services.ingest.shop_store import keep_health, known_shops
from services.ingest.shops import Shop

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
HEALTH = ShopHealth(
    state=ShopState.THROTTLED,
    since=NOW - timedelta(minutes=7),
    polled_until=NOW - timedelta(minutes=9),
    failures=4,
    failed_at=NOW,
    error="http_429",
    errors={"throttled": 4, "retry": 1},
    newest_order_at=NOW - timedelta(minutes=10),
)


def shop(channel: str, name: str = "s1") -> Shop:
    return Shop(
        channel=channel, shop=name, app_key="k", app_secret="s", access_token="t", base_url=""
    )


JD, TILL = shop("jd"), shop("pos")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, 2)
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


@pytest.fixture
def shared(pool: Pool, clock: ManualClock, broker: MemoryBroker) -> Shared:
    return Shared(
        pool=pool,
        outgoing=None,  # type: ignore[arg-type]  # nobody is called
        publisher=MemoryPublisher(broker),  # type: ignore[arg-type]  # passes the publisher's suite
        desk=None,  # type: ignore[arg-type]  # no command is issued here
        codec=codec(),
        clock=clock,
        payloads=PayloadSeal(MasterKeys({1: b"k" * 32}), clock),
        channels=load("services.ingest.channels", "CHANNEL", Channel),
        shops={(one.channel, one.shop): one for one in (JD, TILL)},
    )


def told(broker: MemoryBroker) -> list[ShopStateChanged]:
    events = [codec().decode(value) for value in broker.values("shop-states")]
    return [event for event in events if isinstance(event, ShopStateChanged)]


async def test_every_shop_is_told_at_the_start_and_then_those_that_changed(
    shared: Shared, broker: MemoryBroker, clock: ManualClock
) -> None:
    await keep_health(shared.pool, JD, HEALTH)
    teller = ShopTeller(shared)
    await teller.tell_changes()
    await teller.tell_changes()
    jd, till = told(broker)
    assert jd == ShopStateChanged(
        shop_key="jd|s1",
        occurred_at=NOW,
        channel="jd",
        shop="s1",
        configured=True,
        polled=True,
        state="throttled",
        state_since=HEALTH.since,
        polled_until=HEALTH.polled_until,
        failures=4,
        failed_at=NOW,
        error="http_429",
        errors=(ShopErrors(kind="retry", times=1), ShopErrors(kind="throttled", times=4)),
        newest_order_at=HEALTH.newest_order_at,
        pushes=0,
    )
    assert (till.shop_key, till.state, till.state_since, till.polled) == (
        "pos|s1",
        "normal",
        NOW,
        False,
    )
    clock.advance(2000)
    await keep_health(shared.pool, JD, structs.replace(HEALTH, failures=5))
    await teller.tell_changes()
    assert told(broker)[2:] == [
        structs.replace(jd, failures=5, occurred_at=NOW + timedelta(seconds=2))
    ]


async def test_a_shop_that_is_configured_no_more_is_told_as_such(
    shared: Shared, broker: MemoryBroker
) -> None:
    await keep_health(shared.pool, shop("gone-channel"), HEALTH)
    await ShopTeller(shared).tell_changes()
    (gone,) = [state for state in told(broker) if state.channel == "gone-channel"]
    assert (gone.configured, gone.polled) == (False, False)


async def test_what_kafka_did_not_take_is_told_again(
    shared: Shared, broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller = ShopTeller(shared)

    async def fail(*_: object) -> None:
        raise DeliveryFailed("away")

    with monkeypatch.context() as away:
        away.setattr(MemoryPublisher, "publish", fail)
        with pytest.raises(DeliveryFailed):
            await teller.tell_changes()
    await teller.tell_changes()
    assert {state.shop_key for state in told(broker)} == {"jd|s1", "pos|s1"}


async def test_pushes_add_up_over_processes_and_are_told(
    shared: Shared, broker: MemoryBroker
) -> None:
    one, other = PushCounts(), PushCounts()
    for counts, seconds in ((one, 1), (one, 9), (other, 5)):
        counts.note(TILL, NOW + timedelta(seconds=seconds))
    for counts in (one, other, one):
        await counts.write(shared.pool)
    one.note(TILL, NOW + timedelta(seconds=7))
    await one.write(shared.pool)
    known = (await known_shops(shared.pool))["pos", "s1"]
    assert (known.pushes, known.pushed_at) == (4, NOW + timedelta(seconds=9))
    await ShopTeller(shared).tell_changes()
    (state,) = [state for state in told(broker) if state.channel == "pos"]
    assert (state.pushes, state.pushed_at) == (4, NOW + timedelta(seconds=9))


async def test_pushes_counted_while_postgres_was_away_are_added_later(
    pool: Pool, database_url: str
) -> None:
    counts = PushCounts()
    counts.note(TILL, NOW)
    closed = await open_pool(database_url, 1)
    await closed.close()
    with pytest.raises(AWAY):
        await counts.write(closed)
    counts.note(TILL, NOW)
    await counts.write(pool)
    assert (await known_shops(pool))["pos", "s1"].pushes == 2
