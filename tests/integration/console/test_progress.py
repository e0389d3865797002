"""How far the tables are, asked of real Kafka and Postgres."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from chassis import topics
from chassis.clock import ManualClock
from chassis.postgres import open_pool
from deploy.embedded.stack import Stack
from services.console.live import Reading
from services.console.progress import Lookout
from tests.browser.story import NOON, Story, publish, shop_state

EVENING = NOON + timedelta(hours=9, minutes=3, seconds=12)


async def test_silence_goes_on_waiting_records_stand_still_and_an_outage_is_not_guessed(
    stack: Stack, topic_prefix: str, database_url: str
) -> None:
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    await asyncio.to_thread(topics.ensure, kafka, topic_prefix, 1)
    pool, clock = await open_pool(database_url, 2), ManualClock(EVENING)
    lookout = Lookout(kafka, topic_prefix, pool, clock, ["console", "console-shops"])
    assert lookout.reading() == Reading(until="", late=False, waiting=None)
    await lookout.look()
    assert lookout.reading() == Reading(until="21:03:12", late=False, waiting=0)
    clock.advance(20_000)
    await lookout.look()
    assert lookout.reading() == Reading(until="21:03:32", late=False, waiting=0)

    events = [*Story("DS1").placed(), shop_state("jd", "京东店", NOON)]
    await asyncio.to_thread(publish, stack.kafka_bootstrap, topic_prefix, events)
    for _ in range(4):
        clock.advance(5_000)
        await lookout.look()
    behind = lookout.reading()
    assert behind == Reading(until="21:03:32", late=True, waiting=len(events))

    await pool.execute(
        "INSERT INTO chassis.consumer_offsets (processor, topic, partition, next) "
        "SELECT processor, topic, partition, 99 FROM "
        "(VALUES ('console', 'orders'), ('console', 'order-states'), ('console-shops', 'shop-states')) "
        "  AS consumed (processor, topic), generate_series(0, 3) AS partition"
    )
    await lookout.look()
    assert lookout.reading() == Reading(until="21:03:52", late=False, waiting=0)

    await pool.close()
    clock.advance(86_400_000)
    await lookout.look()
    assert lookout.reading() == Reading(until="11-11 21:03:52", late=True, waiting=None)
    assert msgspec.json.encode(lookout.reading()).count(b"null") == 1
