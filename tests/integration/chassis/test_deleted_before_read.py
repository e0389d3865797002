"""Who comes back after a topic's retention: what Kafka deleted unread is missed by nobody, or by somebody by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.codec import codec
from chassis.errors import StartRefused
from chassis.positions import Position, Skip
from chassis.postgres import close_pool, open_pool
from chassis.processor import Decision, Processor
from chassis.source import KafkaSource
from chassis.storage import PostgresStorage
from chassis.topics import TOPICS
from cli.offsets import app
from deploy.embedded.stack import Stack
from schemas.events.channel_hints import HintReceived
from tests.support.rigs import ServerRig, server_rig
from tests.support.toy import NOON, ToyOrder, placed

HINTS = "channel-hints"
BY_ALICE = ("--actor", "alice", "--reason", "假期停机，已从平台补单")


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[ServerRig]:
    async with server_rig(stack, topic_prefix, database_url) as made:
        yield made


def hint(order: int) -> HintReceived:
    return HintReceived(
        source_key=f"taobao|shop-1|{order}",
        channel="taobao",
        shop="shop-1",
        channel_order_no=str(order),
        message_id=f"m{order}",
        accepted_at=NOON,
    )


async def forget(rig: ServerRig, domain: str) -> None:
    """Deletes all that is in a topic, as its retention does."""
    topic = TOPICS[domain]
    # -1 is the end of the partition.
    ends = [TopicPartition(topic.name(rig.prefix), at, -1) for at in range(topic.partitions)]
    admin = AdminClient(rig.kafka)
    for deleted in admin.delete_records(ends).values():
        await asyncio.to_thread(deleted.result, 30)


async def read_hints(rig: ServerRig, wanted: int) -> Sequence[str]:
    """Order numbers of the next hints, which are counted as read."""
    pool = await open_pool(rig.url, 2)
    processor: Processor[None] = Processor(
        name="ingest-fetch",
        table="",
        state=None,
        handlers={HintReceived: lambda *_: Decision(state=None)},
    )
    storage = PostgresStorage(pool, processor, codec())
    source = KafkaSource(
        rig.kafka,
        prefix=rig.prefix,
        processor=processor.name,
        sources=(HINTS,),
        handlers=processor.handlers,
        codec=codec(),
        batch_records=50,
        positions=storage.offsets,
    )
    source.start()
    numbers: list[str] = []
    try:
        async with asyncio.timeout(60):
            while len(numbers) < wanted:
                if (batch := await source.next_batch(1.0)) is None:
                    continue
                async with storage.transaction() as work:
                    assert await work.advance(batch.advances)
                events = [record.event for record in batch.records]
                numbers += [e.channel_order_no for e in events if isinstance(e, HintReceived)]
    finally:
        await source.stop()
        await close_pool(pool)
    return numbers


async def positions(rig: ServerRig) -> list[Position]:
    listed = await rig.danshu(app, "list", "--json")
    return msgspec.json.decode(listed.stdout, type=list[Position])


async def test_hints_that_expired_unread_are_gone_and_the_next_are_read(rig: ServerRig) -> None:
    await rig.publish([hint(order) for order in range(8)])
    assert len(await read_hints(rig, 8)) == 8
    await rig.publish([hint(order) for order in range(8)])
    await forget(rig, HINTS)
    assert sum(one.lost() for one in await positions(rig)) == 8

    await rig.publish([hint(order) for order in range(100, 108)])
    read = await read_hints(rig, 8)

    assert sorted(read) == [str(order) for order in range(100, 108)]
    assert not any(one.lost() for one in await positions(rig))


async def test_orders_that_were_deleted_unread_stop_the_start_until_somebody_misses_them(
    rig: ServerRig,
) -> None:
    await rig.publish([placed("TB1")])
    await rig.drain()
    await rig.publish([placed(f"TB1{number}") for number in range(8)])
    await forget(rig, "orders")
    await rig.publish([placed("TB2")])

    with pytest.raises(StartRefused) as refused:
        await rig.drain()

    lost = [one for one in await positions(rig) if one.lost()]
    assert sum(one.lost() for one in lost) == 8
    said = str(refused.value).splitlines()
    assert len(said) == len(lost)
    for one, line in zip(lost, said, strict=True):
        at = f"toy stands at orders/{one.partition}/{one.next}, Kafka has {one.first} to {one.end} only"
        assert line.startswith(f"{at}: {one.lost()} records were deleted before they were read.")
        assert f"`danshu offsets skip toy orders {one.partition} --actor WHO --reason WHY`" in line

    for one in lost:
        told = await rig.danshu(app, "skip", "toy", "orders", str(one.partition), *BY_ALICE)
        assert told.stdout == f"goes on at {one.first}; {one.lost()} records are never read\n"
    await rig.drain()

    assert await rig.order("TB2") == ToyOrder(placed=1)
    assert await rig.order("TB10") is None
    kept = await rig.danshu(app, "skipped", "--json")
    noted = msgspec.json.decode(kept.stdout, type=list[Skip])
    assert sorted((s.partition, s.stood_at, s.goes_on_at) for s in noted) == [
        (one.partition, one.next, one.first) for one in lost
    ]
    assert {(s.actor, s.reason) for s in noted} == {("alice", BY_ALICE[3])}


async def test_a_position_is_moved_only_where_something_is_lost_and_by_somebody(
    rig: ServerRig,
) -> None:
    await rig.publish([placed("TB1")])
    await rig.drain()
    before = await positions(rig)

    async def refused(*arguments: str, status: int = 1) -> str:
        return (await rig.danshu(app, "skip", *arguments, status=status)).output

    assert "nothing_lost" in await refused("toy", "orders", "0", *BY_ALICE)
    assert "unnamed" in await refused("toy", "orders", "0", "--actor", " ", "--reason", "r")
    assert "unreasoned" in await refused("toy", "orders", "0", "--actor", "a", "--reason", "")
    assert "unknown_position" in await refused("nobody", "orders", "0", *BY_ALICE, status=2)
    assert "unknown_position" in await refused("toy", "orders", "99", *BY_ALICE, status=2)
    assert await positions(rig) == before
    assert (await rig.danshu(app, "skipped", "--json")).stdout == "[]\n"
    assert "orders" in (await rig.danshu(app, "list")).stdout
