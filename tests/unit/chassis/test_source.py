"""A partition number belongs to one worker over all the sources of its processor."""

import asyncio
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from msgspec.structs import asdict, replace

from chassis import source
from chassis.codec import Codec, codec
from chassis.errors import StartRefused, Unavailable
from chassis.processor import Decision
from chassis.source import Batch, KafkaSource, owned_together
from chassis.storage import Advance
from schemas.events.commands_orders import HoldOrder, LiftHold
from schemas.lock import read_lock

BEFORE = {
    ("orders", 0): 5,
    ("orders", 1): 7,
    ("shipments", 0): 2,
    ("shipments", 1): 0,
    ("refunds", 0): 9,
}
HOLD = HoldOrder(
    order_id="TB1",
    command_id="c1",
    issued_at=datetime(2026, 11, 11, tzinfo=UTC),
    actor="客服01",
    reason="等买家确认",
)
OF_NO_HANDLER = LiftHold(**asdict(replace(HOLD, order_id="TB\0")))
ASSIGNED = [("orders", 0), ("orders", 1), ("shipments", 0), ("shipments", 1)]


def test_where_one_source_moves_the_others_of_its_partition_are_compared_and_stay() -> None:
    assert owned_together(BEFORE, {("shipments", 0): 4}, ASSIGNED) == (
        Advance("orders", 0, 5, 5),
        Advance("shipments", 0, 2, 4),
    )


def test_every_partition_that_moves_is_named_once_and_in_a_fixed_order() -> None:
    moved = {("shipments", 1): 1, ("orders", 0): 6, ("shipments", 0): 3}

    assert owned_together(BEFORE, moved, ASSIGNED) == (
        Advance("orders", 0, 5, 6),
        Advance("orders", 1, 7, 7),
        Advance("shipments", 0, 2, 3),
        Advance("shipments", 1, 0, 1),
    )


def test_a_position_known_from_an_earlier_assignment_is_left_alone() -> None:
    named = {move.source for move in owned_together(BEFORE, {("orders", 0): 6}, ASSIGNED)}

    assert "refunds" not in named


class Fenced:
    """A client whose name another process has taken: Kafka says so at whatever it does next."""

    def __init__(self, _options: object) -> None:
        self.closed = False

    def subscribe(self, *_topics: object, **_callbacks: object) -> None:
        """In a group that has a newer member of this name."""

    def poll(self, _timeout_s: float) -> None:
        """As librdkafka says it, also of a commit."""
        reason = "Static consumer fenced by other consumer with same group.instance.id"
        raise KafkaException(KafkaError(KafkaError._FATAL, reason))

    def close(self) -> None:
        """Leaves."""
        self.closed = True


async def test_who_is_fenced_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def positions(_first: Any) -> dict[tuple[str, int], int]:
        return {}

    monkeypatch.setattr(source, "Consumer", Fenced)
    reading = KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("orders",),
        handlers={},
        codec=codec(),
        batch_records=1,
        positions=positions,
    )
    reading.start()
    with pytest.raises(StartRefused, match="DANSHU_INSTANCE"):
        await reading.next_batch(10.0)
    await reading.stop()


class Came:
    """One message of a topic, as the client gives it."""

    def __init__(self, topic: str, offset: int, value: bytes) -> None:
        self._topic = topic
        self._offset = offset
        self._value = value

    def error(self) -> None:
        """It came."""

    def topic(self) -> str:
        return self._topic

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def value(self) -> bytes:
        return self._value

    def key(self) -> bytes:
        return b"as it came"

    def headers(self) -> None:
        """None."""


class Bringing:
    """A client that is given one partition and finds these messages in it."""

    def __init__(self, messages: list[Came]) -> None:
        self._messages = messages
        self._on_assign: Any = None

    def subscribe(self, topics: list[str], *, on_assign: Any, on_revoke: Any) -> None:
        del on_revoke
        self._partitions = [TopicPartition(topic, 0) for topic in topics]
        self._on_assign = on_assign

    def get_watermark_offsets(self, *_asked: object, **_patience: object) -> tuple[int, int]:
        return 0, len(self._messages)

    def assign(self, _partitions: object) -> None:
        """As told."""

    def assignment(self) -> list[TopicPartition]:
        return self._partitions

    def pause(self, _partitions: object) -> None:
        """As told."""

    def resume(self, _partitions: object) -> None:
        """As told."""

    def poll(self, _timeout_s: float) -> Came | None:
        if self._on_assign is not None:
            self._on_assign(self, self._partitions)
            self._on_assign = None
        return self._messages.pop(0) if self._messages else None

    def consume(self, _count: int, _timeout_s: float) -> list[Came]:
        rest, self._messages = self._messages, []
        return rest

    def close(self) -> None:
        """Leaves."""


async def test_a_command_with_a_nul_dies_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Postgres would refuse the statement of its batch, for ever."""
    commands = [
        replace(HOLD, reason="等买家\0确认"),
        replace(HOLD, order_id="TB\0"),
        replace(HOLD, command_id="c\0"),
        OF_NO_HANDLER,
        HOLD,
    ]
    values = [codec().encode(command) for command in commands]
    messages = [Came("t.commands.orders.v1", at, value) for at, value in enumerate(values)]

    async def positions(first: Any) -> dict[tuple[str, int], int]:
        return dict.fromkeys(first, 0)

    monkeypatch.setattr(source, "Consumer", lambda _options: Bringing(messages))
    reading = KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("commands-orders",),
        handlers={HoldOrder: lambda *_asked: Decision(state=None)},
        codec=codec(),
        batch_records=10,
        positions=positions,
    )
    reading.start()
    batch = await reading.next_batch(10.0)
    await reading.stop()

    assert batch is not None
    assert [record.invalid for record in batch.records] == [*["nul_in_text"] * 4, ""]
    assert batch.records[-1].event == HOLD
    for record, value in zip(batch.records[:4], values, strict=False):
        assert (record.key, record.event, record.raw) == ("", None, value)
        assert record.raw_key == b"as it came"


async def test_while_a_schema_cannot_be_asked_for_its_reader_says_so_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = Event()
    held = {entry.schema_id: entry.schema() for entry in read_lock()}

    def schema_of(schema_id: int) -> dict[str, Any]:
        if not there.is_set():
            raise Unavailable("the registry does not answer")
        return held[schema_id]

    async def positions(first: Any) -> dict[tuple[str, int], int]:
        return dict.fromkeys(first, 0)

    [known] = {entry for entry in read_lock() if entry.full_name == HoldOrder.FULL_NAME}
    newer = replace(known, schema_id=len(read_lock()) + 1)
    held[newer.schema_id] = known.schema()
    values = [
        codec().encode(HOLD),
        Codec((newer,)).encode(replace(HOLD, command_id="c2")),
        codec().encode(replace(HOLD, command_id="c3")),
    ]
    messages = [Came("t.commands.orders.v1", at, value) for at, value in enumerate(values)]
    monkeypatch.setattr(source, "Consumer", lambda _options: Bringing(messages))
    monkeypatch.setattr(source, "SCHEMA_PAUSE_S", 0.01)
    reading = KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("commands-orders",),
        handlers={HoldOrder: lambda *_asked: Decision(state=None)},
        codec=Codec(read_lock(), schema_of),
        batch_records=10,
        positions=positions,
    )
    reading.start()
    assert await reading.next_batch(0.2) is None
    assert reading.waiting_for == "the registry does not answer"
    there.set()
    batch = await reading.next_batch(10.0)
    await reading.stop()

    assert batch is not None
    assert [getattr(r.event, "command_id", r.invalid) for r in batch.records] == ["c1", "c2", "c3"]
    assert not reading.waiting_for


class Silent:
    """A client that is never polled."""

    def __init__(self, _options: object) -> None:
        pass


async def test_a_batch_that_comes_as_its_reader_is_ended_does_not_keep_the_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def positions(_first: Any) -> dict[tuple[str, int], int]:
        return {}

    async def read() -> None:
        while True:
            await reading.next_batch(60.0)

    monkeypatch.setattr(source, "Consumer", Silent)
    reading = KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("orders",),
        handlers={},
        codec=codec(),
        batch_records=1,
        positions=positions,
    )
    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    reading._queue.put_nowait(Batch(0, (), ()))
    reader.cancel()
    await asyncio.wait({reader}, timeout=1)
    assert reader.cancelled()
    assert reading.backlog() == 1


class Revoking(Bringing):
    """A client whose partition is taken away between the first record of a poll and the others, and given back."""

    def __init__(self, messages: list[Came]) -> None:
        super().__init__(messages)
        self._all = list(messages)
        self._revoked: Any = None
        self._assigned: Any = None
        self.sought = 0

    def subscribe(self, topics: list[str], *, on_assign: Any, on_revoke: Any) -> None:
        super().subscribe(topics, on_assign=on_assign, on_revoke=on_revoke)
        self._assigned, self._revoked = on_assign, on_revoke

    def unassign(self) -> None:
        """As told."""

    def consume(self, count: int, timeout_s: float) -> list[Came]:
        if self._revoked is not None:
            self._revoked(self, self._partitions)
            self._revoked, self._on_assign = None, self._assigned
        return super().consume(count, timeout_s)

    def seek(self, _partition: TopicPartition) -> None:
        self.sought += 1
        self._messages = list(self._all)


def reader_of(client: Any, monkeypatch: pytest.MonkeyPatch) -> KafkaSource:
    async def positions(first: Any) -> dict[tuple[str, int], int]:
        return dict.fromkeys(first, 0)

    monkeypatch.setattr(source, "Consumer", lambda _options: client)
    return KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("commands-orders",),
        handlers={HoldOrder: lambda *_asked: Decision(state=None)},
        codec=codec(),
        batch_records=10,
        positions=positions,
    )


def holds(count: int) -> list[Came]:
    value = codec().encode(HOLD)
    return [Came("t.commands.orders.v1", at, value) for at in range(count)]


async def test_what_was_read_before_a_partition_was_taken_away_in_the_same_poll_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = Revoking(holds(3))
    reading = reader_of(client, monkeypatch)
    reading.start()
    batch = await reading.next_batch(10.0)
    await reading.stop()
    assert batch is not None
    assert client.sought > 0, "read again from where Postgres says"
    assert (batch.generation, len(batch.records)) == (reading.generation, 3)


class Gone(Came):
    """Kafka's word that the place that was asked for is not there any more. It comes once."""

    def error(self) -> Any:
        return KafkaError(KafkaError._AUTO_OFFSET_RESET)


class Pausing(Bringing):
    """A client that brings one message at a time, also while it is paused."""

    def consume(self, _count: int, _timeout_s: float) -> list[Came]:
        return []


async def test_a_place_that_kafka_no_longer_has_ends_a_reader_that_waits_for_room_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "QUEUE_BATCHES_MAX", 1)
    monkeypatch.setattr(source, "ROOM_PATIENCE_S", 0.01)
    reading = reader_of(Pausing([*holds(2), Gone("t.commands.orders.v1", 2, b"")]), monkeypatch)
    reading.start()
    async with asyncio.timeout(10):
        while reading.backlog() < 2:  # noqa: ASYNC110 — a thread fills it
            await asyncio.sleep(0.01)
    assert await reading.next_batch(1.0) is not None
    with pytest.raises(KafkaException):
        await reading.next_batch(1.0)
    await reading.stop()
