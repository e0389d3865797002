"""Reading from Kafka in a thread of its own: decoded batches through a bounded queue, positions from Postgres.

Postgres' offsets decide where reading starts; Kafka is told none. A batch carries the generation of the
assignment it was read under, so that what was read before a rebalance is dropped. The thread never runs
business code; where the queue stays full it goes on polling, with paused partitions, so that a slow batch
does not cost the group membership. Nor does a registry that is away while a schema has to be asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from msgspec import Struct

from chassis import metrics
from chassis.clock import SystemClock
from chassis.codec import Codec, key_and_version
from chassis.errors import Invalid, StartRefused, Unavailable
from chassis.log import logger
from chassis.positions import Position
from chassis.processor import Handlers, Record
from chassis.storage import Advance
from chassis.texts import holds_nul
from chassis.topics import TOPICS

QUEUE_BATCHES_MAX = 2
ROOM_PATIENCE_S = 1.0
"""How long the thread waits for room before it pauses its partitions. To pause throws away what the client has fetched already,
and what comes after may wait out a fetch that was sent without them (`fetch.wait.max.ms`): not for a worker that is only busy.
"""
NOT_NOW = frozenset(
    {
        KafkaError._PARTITION_EOF,  # noqa: SLF001 — librdkafka's local errors have no public names
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)
"""Notices, not failures: a broker is away or taking over, and the client goes on by itself. `retriable()` says
False to each of them: librdkafka sets it for producers' and transactions' errors only."""
ENDS_NOT_NOW = NOT_NOW | {
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._DESTROY_BROKER,  # noqa: SLF001
}
"""A client that has lost its broker forgets what partitions there are, until one tells it again."""
ASSIGN_TIMEOUT_S = 30.0
ASSIGN_PAUSE_S = 0.5
ENDS_TRIES = 300
ENDS_PAUSE_S = 0.1
COMMANDS = "commands-"
"""What topics of commands begin with."""
RUSH_RECORDS = 50
RUSH_WAIT_S = 0.04
"""After a batch of this many records the next one may wait this long to become full."""
GATHER_S = 0.03
GATHER_WITHIN_MS = 150
"""Where records come one by one, each that comes this soon after the last waits a little for its neighbours: a
transaction and its requests cost the same for one record as for ten. What comes alone does not wait."""
GATHERED_BYTES = 1_000_000
SCHEMA_PAUSE_S = 1.0


class Batch(Struct, frozen=True):
    """Records of one poll, decoded, of any partitions of this worker."""

    generation: int
    records: tuple[Record, ...]
    advances: tuple[Advance, ...]
    """Offset moves, in a fixed order so that two workers never wait for each other in a ring.

    A partition number is owned over all sources at once, because an aggregate takes events from all of them:
    where one source of it moves, the others are compared too (and stay). Else a worker which was taken over
    could write an aggregate, or be overtaken with its events, beside the new owner.
    """


def consumer_options(shared: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Librdkafka options of every consumer of ours."""
    return {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Positions come from Postgres; one that Kafka no longer has must stop us (`_from_stored`), not skip events.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        # Topics with the same partition count go to the same member: one worker owns an order.
        "partition.assignment.strategy": "range",
        "max.poll.interval.ms": 300_000,
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
        # librdkafka would prefetch 64 MiB a partition and pause a second when full.
        "queued.max.messages.kbytes": 16_384,
        "queued.min.messages": 10_000,
        "fetch.queue.backoff.ms": 50,
        # Only an empty fetch waits this long: the broker answers at once when something comes.
        "fetch.wait.max.ms": 500,
        **shared,
    }


SEEKING: Mapping[str, Any] = {"enable.auto.commit": False, "fetch.wait.max.ms": 10}
"""Options of a consumer that goes from place to place by itself. A fetch at a partition's end waits so long for more, and the
place that is wanted next waits behind it."""


def gathered(gather_ms: int) -> dict[str, Any]:
    """Consumer options for records that may gather at the broker for so long; none for 0.

    A fetch names every partition of every topic whether it brings one record or a thousand.
    """
    if not gather_ms:
        return {}
    return {"fetch.wait.max.ms": gather_ms, "fetch.min.bytes": GATHERED_BYTES}


class KafkaSource:
    """The consumer thread of one processor.

    Kafka is never told how far it is: the offsets are in Postgres. A commit that is under way when the broker goes keeps
    librdkafka 2.16 from joining its group again, for minutes, and is refused as a stranger's once the session is over, which a
    named member takes for its end.
    """

    def __init__(
        self,
        shared: Mapping[str, Any],
        *,
        prefix: str,
        processor: str,
        sources: Sequence[str],
        handlers: Handlers,
        codec: Codec,
        batch_records: int,
        positions: Callable[[Mapping[tuple[str, int], int]], Awaitable[dict[tuple[str, int], int]]],
    ) -> None:
        self._processor = processor
        self._names = {TOPICS[domain].name(prefix): domain for domain in sources}
        self._consumer = Consumer(consumer_options(shared, f"{prefix}.{processor}"))
        self._handlers = handlers
        self._codec = codec
        self._batch_records = batch_records
        self._positions = positions
        self._clock = SystemClock()
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Batch | BaseException] = asyncio.Queue()
        self._room = threading.Semaphore(QUEUE_BATCHES_MAX)
        self._stopping = threading.Event()
        self._next: dict[tuple[str, int], int] = {}
        self._callback_failure: BaseException | None = None
        self._wait_s = 0.0
        self._polled_ms = -GATHER_WITHIN_MS
        self.waiting_for = ""
        """Why what was read cannot be understood yet; empty when it can."""
        self.generation = 0
        self.assigned: frozenset[tuple[str, int]] = frozenset()
        self._reseek = threading.Event()
        metrics.PARTITIONS.labels(processor).set_function(lambda: len(self.assigned))
        self._thread = threading.Thread(target=self._run, name=f"kafka-{processor}", daemon=True)

    def start(self) -> None:
        """Joins the group and begins to read."""
        self._thread.start()

    async def next_batch(self, timeout_s: float) -> Batch | None:
        """The next batch in order, or None after `timeout_s`. Raises what ended the thread."""
        try:
            async with asyncio.timeout(timeout_s):
                item = await self._queue.get()
        except TimeoutError:
            return None
        if isinstance(item, BaseException):
            raise item
        self._room.release()
        return item

    def backlog(self) -> int:
        """Batches that wait to be worked on."""
        return self._queue.qsize()

    def restart_from_stored(self) -> None:
        """Drops what was read and reads again from Postgres' offsets (after a lost swap)."""
        self.generation += 1
        self._reseek.set()

    async def stop(self) -> None:
        """Leaves the group; bounded."""
        self._stopping.set()
        self._room.release()
        await asyncio.to_thread(self._thread.join, 10.0)

    # ---- in the thread -------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._consumer.subscribe(
                list(self._names), on_assign=self._on_assign, on_revoke=self._on_revoke
            )
            while not self._stopping.is_set():
                if self._reseek.is_set():
                    self._reseek.clear()
                    self._seek_to_stored()
                # Before the poll: it may serve a revocation between two records, and what came before that is nobody's.
                generation = self.generation
                if messages := self._poll():
                    self._hand_over(messages, generation)
        except BaseException as error:  # noqa: BLE001 — handed to the asyncio side, which ends the process
            self._loop.call_soon_threadsafe(self._queue.put_nowait, _with_remedy(error))
        finally:
            self._consumer.close()

    def _poll(self) -> list[Message]:
        first = self._consumer.poll(0.1)
        if self._callback_failure is not None:
            raise self._callback_failure
        if first is None:
            return []
        # `consume(n, t)` waits out t for n messages. In quiet times what is there already is enough.
        if self._clock.monotonic_ms() - self._polled_ms > GATHER_WITHIN_MS:
            self._wait_s = 0.0
        messages = [first, *self._consumer.consume(self._batch_records - 1, self._wait_s)]
        self._wait_s = RUSH_WAIT_S if len(messages) >= RUSH_RECORDS else GATHER_S
        self._polled_ms = self._clock.monotonic_ms()
        return messages

    def _hand_over(self, messages: list[Message], generation: int) -> None:
        records = self._records(messages, generation)
        if not records:
            return
        if not self._room.acquire(timeout=ROOM_PATIENCE_S):
            self._pause_until(lambda: self._room.acquire(timeout=0.05))
        if generation == self.generation:
            batch = Batch(generation, records, self._advance(records))
            self._loop.call_soon_threadsafe(self._queue.put_nowait, batch)
        else:
            self._room.release()
            # Records of a newer assignment may be among them.
            self._reseek.set()

    def _advance(self, records: Sequence[Record]) -> tuple[Advance, ...]:
        nexts = {(record.source, record.partition): record.offset + 1 for record in records}
        moves = owned_together(self._next, nexts, self.assigned)
        self._next.update(nexts)
        return moves

    def _records(self, messages: list[Message], generation: int) -> tuple[Record, ...]:
        """What was read, once it is known how; nothing where it is no longer ours by then."""
        found: tuple[Record, ...] = ()

        def tried() -> bool:
            nonlocal found
            try:
                found = tuple(r for m in messages if (r := self._record(m)) is not None)
            except Unavailable as error:
                self.waiting_for = str(error)
                logger.warning("waiting", part="schemas", why=str(error))
                return self._stopping.wait(SCHEMA_PAUSE_S) or generation != self.generation
            return True

        if not tried():
            self._pause_until(tried)
        self.waiting_for = ""
        return found

    def _pause_until(self, done: Callable[[], bool]) -> None:
        paused = self._consumer.assignment()
        self._consumer.pause(paused)
        while not done() and not self._stopping.is_set():
            # Serves rebalances and keeps the membership; paused partitions give nothing.
            if (message := self._consumer.poll(0)) is not None and _is_record(message):
                self.restart_from_stored()
        still = [p for p in self._consumer.assignment() if p in paused]
        self._consumer.resume(still)

    def _record(self, message: Message) -> Record | None:
        if not _is_record(message):
            return None
        source = self._names[str(message.topic())]
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        raw = message.value() or b""
        try:
            event, key, version = understood(self._codec, self._handlers, source, raw)
        except Invalid as invalid:
            return Record(
                source=source,
                partition=partition,
                offset=offset,
                key="",
                version=0,
                event=None,
                raw=raw,
                raw_key=message.key(),
                headers=_headers(message),
                invalid=invalid.code,
            )
        return Record(
            source=source,
            partition=partition,
            offset=offset,
            key=key,
            version=version,
            event=event,
            raw=raw,
            raw_key=message.key(),
        )

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            consumer.assign(self._from_stored(partitions))
            # One that was paused when it was lost would come back paused, for good.
            consumer.resume(partitions)
        except BaseException as error:  # noqa: BLE001 — the client mangles what a callback raises
            self._callback_failure = error
            return
        self.assigned = frozenset((self._names[p.topic], p.partition) for p in partitions)

    def _on_revoke(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self.generation += 1
        self.assigned = frozenset()
        consumer.unassign()

    def _seek_to_stored(self) -> None:
        for partition in self._from_stored(self._consumer.assignment()):
            self._consumer.seek(partition)

    def _stored(self, first: Mapping[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """Postgres' positions, asked for until it answers: it may be away just now."""
        while True:
            asked = asyncio.run_coroutine_threadsafe(_await(self._positions(first)), self._loop)
            try:
                return asked.result(ASSIGN_TIMEOUT_S)
            except Unavailable as error:
                logger.warning("waiting", part="positions", why=str(error))
                if self._stopping.wait(ASSIGN_PAUSE_S):
                    raise

    def _from_stored(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        kept = {
            (self._names[p.topic], p.partition): ends(self._consumer, p, self._stopping)
            for p in partitions
        }
        stored = self._stored({at: first for at, (first, _) in kept.items()})
        lost = [
            Position(
                processor=self._processor,
                topic=topic,
                partition=partition,
                next=stored[topic, partition],
                first=first,
                end=end,
            )
            for (topic, partition), (first, end) in sorted(kept.items())
            if stored[topic, partition] < first
        ]
        if lost:
            raise StartRefused("\n".join(one.remedy() for one in lost))
        self._next.update(stored)
        return [
            TopicPartition(p.topic, p.partition, stored[self._names[p.topic], p.partition])
            for p in partitions
        ]


def understood(
    codec: Codec, handlers: Handlers, source: str, raw: bytes
) -> tuple[Struct | None, str, int]:
    """Event (None where nobody decides on its type), key and version of a record.

    Raises Invalid, also for a NUL in a text: Postgres would refuse the statement of the whole batch, for ever. Beside
    keys only commands are looked at, for they bring what people and other systems wrote.
    """
    event: Struct | None = None
    if codec.record_type(raw) in handlers:
        event = codec.decode(raw)
        key, version = key_and_version(event)
    else:
        peeked = codec.peek(raw)
        key, version = peeked.key, peeked.version
    if "\0" in key or (source.startswith(COMMANDS) and holds_nul(event)):
        raise Invalid("nul_in_text")
    return event, key, version


def _with_remedy(error: BaseException) -> BaseException:
    """What ends the thread. That Kafka has fenced it may come from a poll as well as from a commit."""
    if isinstance(error, KafkaException) and "group.instance.id" in str(error):
        return StartRefused(
            "another process of the same service has taken this one's name: "
            "give each a DANSHU_INSTANCE of its own"
        )
    return error


def ends(
    consumer: Consumer, partition: TopicPartition, stopping: threading.Event
) -> tuple[int, int]:
    """Oldest and next offset of a partition. One that is just being led gets half a minute.

    Raises KafkaException after that, for any other error, and when `stopping` is set.
    """
    for attempt in range(ENDS_TRIES):
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=5.0)
        except KafkaException as error:
            last = attempt == ENDS_TRIES - 1
            away = error.args[0].code() in ENDS_NOT_NOW
            if last or not away or stopping.wait(ENDS_PAUSE_S):
                raise
        else:
            return int(low), int(high)
    raise AssertionError


def owned_together(
    before: Mapping[tuple[str, int], int],
    moved: Mapping[tuple[str, int], int],
    assigned: Iterable[tuple[str, int]],
) -> tuple[Advance, ...]:
    """The moves, and with each the unmoved positions of the same partition in the other sources."""
    numbers = {partition for _, partition in moved}
    beside = {pair for pair in assigned if pair[1] in numbers}
    return tuple(
        Advance(*pair, before[pair], moved.get(pair, before[pair]))
        for pair in sorted(beside | moved.keys())
    )


def _is_record(message: Message) -> bool:
    """Whether it is no word of Kafka's client. Raises KafkaException for one that must end the process: it is said once."""
    error: Any = message.error()
    if error is not None and error.code() not in NOT_NOW:
        raise KafkaException(error)
    return error is None


def _headers(message: Message) -> tuple[tuple[str, bytes], ...]:
    given: Any = message.headers() or ()
    return tuple((str(name), bytes(value or b"")) for name, value in given)


async def _await(
    positions: Awaitable[dict[tuple[str, int], int]],
) -> dict[tuple[str, int], int]:
    return await positions
