"""Kafka and Postgres in memory, for tests of processors without servers.

`MemoryBroker` keeps records per topic and partition; `MemorySource` reads them like `KafkaSource`;
`MemoryStorage` gives transactions with the same offset compare-and-swap. What they promise is held by the
suite that also runs against the real servers (tests/integration/chassis).
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from chassis.codec import Codec
from chassis.errors import Invalid, Unavailable
from chassis.processor import Appended, Emitted, Handlers, Kept, Processor, Record, Rewritten
from chassis.source import Batch, owned_together, understood
from chassis.storage import Advance, Unpublished
from chassis.topics import TOPICS
from schemas.events.command_results import CommandSettled


class MemoryBroker:
    """Topics as lists. A key always lands in the same partition."""

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, int], list[tuple[str, bytes]]] = {}

    def append(self, domain: str, key: str, value: bytes) -> None:
        """Adds one record."""
        partition = sum(key.encode()) % TOPICS[domain].partitions
        self.partitions.setdefault((domain, partition), []).append((key, value))

    def values(self, domain: str) -> list[bytes]:
        """All values of a topic, partition by partition."""
        return [
            value
            for (name, _), records in sorted(self.partitions.items())
            if name == domain
            for _, value in records
        ]


class MemoryPublisher:
    """Publishes into a broker at once."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def publish(self, emitted: Sequence[Emitted], *, in_line: bool = False) -> asyncio.Future[None]:
        """Stores all records; the future is already done. Nothing is ever lost here."""
        del in_line
        for record in emitted:
            self._broker.append(record.topic, record.key, record.value)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def resume(self) -> None:
        """Nothing was lost."""


class MemorySource:
    """Reads a broker from the stored offsets, `batch_records` at a time."""

    def __init__(
        self,
        broker: MemoryBroker,
        storage: MemoryStorage,
        processor: Processor[Any],
        codec: Codec,
        batch_records: int = 100,
    ) -> None:
        self._broker = broker
        self._storage = storage
        self._handlers: Handlers = processor.handlers
        self._sources = processor.sources
        self._codec = codec
        self._batch_records = batch_records
        self._next: dict[tuple[str, int], int] | None = None
        self.generation = 0
        self.waiting_for = ""

    def start(self) -> None:
        """There is no group to join."""

    async def next_batch(self, timeout_s: float) -> Batch | None:
        """The next records of all partitions, or None when there are none."""
        if self._next is None:
            every = {(d, p): 0 for d in self._sources for p in range(TOPICS[d].partitions)}
            self._next = await self._storage.offsets(every)
        records: list[Record] = []
        moved: dict[tuple[str, int], int] = {}
        for (domain, partition), start in sorted(self._next.items()):
            room = self._batch_records - len(records)
            found = self._broker.partitions.get((domain, partition), [])[start : start + room]
            if not found:
                continue
            try:
                records += [
                    decode(self._codec, self._handlers, domain, partition, start + at, key, value)
                    for at, (key, value) in enumerate(found)
                ]
            except Unavailable as error:
                self.waiting_for = str(error)
                await asyncio.sleep(min(timeout_s, 0.001))
                return None
            moved[domain, partition] = start + len(found)
        self.waiting_for = ""
        if not records:
            await asyncio.sleep(min(timeout_s, 0.001))
            return None
        moves = owned_together(self._next, moved, self._next)
        self._next.update(moved)
        return Batch(self.generation, tuple(records), moves)

    def restart_from_stored(self) -> None:
        """Reads again from the stored offsets."""
        self.generation += 1
        self._next = None


def decode(  # noqa: PLR0917 — the coordinates of one record
    codec: Codec,
    handlers: Handlers,
    domain: str,
    partition: int,
    offset: int,
    key: str,
    value: bytes,
) -> Record:
    """A record as a source gives it."""
    try:
        event, known_by, version = understood(codec, handlers, domain, value)
    except Invalid as invalid:
        return Record(
            domain,
            partition,
            offset,
            "",
            0,
            None,
            value,
            raw_key=key.encode(),
            invalid=invalid.code,
        )
    return Record(domain, partition, offset, known_by, version, event, value)


def _empty() -> dict[str, Any]:
    return {
        "offsets": {},
        "kept": {},
        "parked": {},
        "dead": [],
        "settled": {},
        "outbox": {},
        "published": set(),
    }


class MemoryWork:
    """One transaction on a copy of the tables."""

    connection: Any = None

    def __init__(self, tables: dict[str, Any]) -> None:
        self.tables = tables

    async def advance(self, moves: Sequence[Advance]) -> bool:
        """Swaps all offsets; False when any of them is not as expected."""
        offsets = self.tables["offsets"]
        if any(offsets.get((m.source, m.partition)) != m.expected for m in moves):
            return False
        offsets.update({(m.source, m.partition): m.next for m in moves})
        return True

    async def begin(
        self, moves: Sequence[Advance], keys: Sequence[str]
    ) -> dict[str, Kept[Any]] | None:
        """`advance` and `load`; None when an offset is not as expected."""
        return await self.load(keys) if await self.advance(moves) else None

    async def load(self, keys: Iterable[str]) -> dict[str, Kept[Any]]:
        """Copies of the aggregates that exist among `keys`."""
        kept: dict[str, Kept[Any]] = self.tables["kept"]
        return {key: copy.deepcopy(kept[key]) for key in keys if key in kept}

    async def parked(self, keys: Sequence[str]) -> dict[tuple[str, str], list[Record]]:
        """Events that wait for a predecessor, oldest first."""
        waiting: dict[tuple[str, str], list[Record]] = {}
        for (source, key, _), record in sorted(self.tables["parked"].items()):
            if key in keys:
                waiting.setdefault((source, key), []).append(record)
        return waiting

    async def park(self, records: Sequence[Record]) -> None:
        """Keeps events that came too early."""
        for r in records:
            self.tables["parked"].setdefault((r.source, r.key, r.version), r)

    async def unpark(self, records: Sequence[Record]) -> None:
        """Forgets parked events that were applied."""
        for r in records:
            self.tables["parked"].pop((r.source, r.key, r.version), None)

    async def bury(self, dead: Sequence[tuple[Record, str]]) -> None:
        """Keeps dead letters."""
        self.tables["dead"] += dead

    async def settled(self, command_ids: Sequence[str]) -> dict[str, CommandSettled]:
        """Results of commands that were settled before."""
        known = self.tables["settled"]
        return {c: known[c] for c in command_ids if c in known}

    async def settle(self, results: Sequence[CommandSettled]) -> None:
        """Keeps results, the first of an id for good."""
        for result in results:
            self.tables["settled"].setdefault(result.command_id, result)

    async def finish(
        self,
        kept: Mapping[str, Kept[Any]],
        emitted: Sequence[Emitted],
        published: Sequence[int],
        appended: Sequence[Appended] = (),
        rewritten: Sequence[Rewritten] = (),
    ) -> int:
        """Keeps copies and what is to be published, and marks earlier rows; other tables there are none here."""
        assert not appended
        assert not rewritten
        self.tables["kept"].update(copy.deepcopy(dict(kept)))
        self.tables["published"].update(published)
        if not emitted:
            return 0
        outbox_id = len(self.tables["outbox"]) + 1
        self.tables["outbox"][outbox_id] = tuple(emitted)
        return outbox_id


class MemoryStorage:
    """Offsets, transactions and outbox of one processor; several workers may share it."""

    def __init__(self) -> None:
        self.tables = _empty()
        self._turn = asyncio.Lock()

    async def offsets(
        self, partitions: Mapping[tuple[str, int], int]
    ) -> dict[tuple[str, int], int]:
        """Next offset of each partition; first-time partitions start at the given position."""
        stored = self.tables["offsets"]
        for pair, first in partitions.items():
            stored.setdefault(pair, first)
        return {pair: stored[pair] for pair in partitions}

    @asynccontextmanager
    async def transaction(self, keys: Sequence[str] = ()) -> AsyncIterator[MemoryWork]:
        """All or nothing: an exception leaves the tables as they were."""
        del keys
        async with self._turn:
            work = MemoryWork(copy.deepcopy(self.tables))
            yield work
            self.tables = work.tables

    async def mark_published(self, outbox_ids: Sequence[int]) -> None:
        """Marks rows."""
        self.tables["published"].update(outbox_ids)

    async def unpublished(self, older_than_s: float) -> tuple[Unpublished, ...]:
        """Rows without a mark, oldest first; age is not kept here."""
        del older_than_s
        return tuple(
            Unpublished(outbox_id, emitted)
            for outbox_id, emitted in sorted(self.tables["outbox"].items())
            if outbox_id not in self.tables["published"]
        )
