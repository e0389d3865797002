"""Bugs as somebody might write them, each planted into a worker process so that the checker must find it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg

from chassis import processor
from chassis.failpoints import failpoint
from chassis.processor import Emitted, Folded, Kept, Known, Record
from chassis.storage import Advance, PostgresStorage, PostgresWork
from chassis.worker import Worker

TOLD_TOO_EARLY = "stock.admitted"
"""A point that no worker of the toy passes by itself: events are in Kafka and not committed."""


def offset_first(url: str) -> None:
    """The offsets are committed on their own before the batch is applied."""

    async def begin(
        self: PostgresWork, moves: Sequence[Advance], keys: Sequence[str]
    ) -> dict[str, Kept[Any]] | None:
        connection = await asyncpg.connect(url)
        try:
            beside = PostgresWork(connection, self._processor, self._codec)
            return await self.load(keys) if await beside.advance(moves) else None
        finally:
            await connection.close()

    _plant(PostgresWork, "begin", begin)


def swap_removed(_url: str) -> None:
    """The offsets are written at the end of the transaction, whatever they were."""
    open_transaction = PostgresStorage.transaction
    moves_of: dict[int, Sequence[Advance]] = {}

    async def begin(
        self: PostgresWork, moves: Sequence[Advance], keys: Sequence[str]
    ) -> dict[str, Kept[Any]]:
        moves_of[id(self)] = moves
        return await self.load(keys)

    @asynccontextmanager
    async def transaction(
        self: PostgresStorage, keys: Sequence[str] = ()
    ) -> AsyncIterator[PostgresWork]:
        async with open_transaction(self, keys) as work:
            yield work
            for move in moves_of.pop(id(work)):
                await work.connection.execute(
                    "UPDATE chassis.consumer_offsets SET next = $4 "
                    "WHERE processor = $1 AND topic = $2 AND partition = $3",
                    self._processor.name,
                    move.source,
                    move.partition,
                    move.next,
                )

    _plant(PostgresWork, "begin", begin)
    _plant(PostgresStorage, "transaction", transaction)


def version_guard_removed(_url: str) -> None:
    """Every version is taken as the next one."""
    take = processor._Fold.take

    def take_anything(self: Any, record: Record) -> None:
        kept = self._known.kept.get(record.key)
        if kept is not None and record.version:
            kept.seen[record.source] = record.version - 1
        take(self, record)

    _plant(processor._Fold, "take", take_anything)


def random_ids(_url: str) -> None:
    """Event ids are drawn, not derived."""

    def drawn(*_parts: object) -> str:
        return str(uuid4())

    _plant(processor, "event_id_text", drawn)


def published_first(_url: str) -> None:
    """Events go out before the transaction they follow from is committed."""
    save = Worker._save

    async def save_and_publish(
        self: Worker,
        work: Any,
        folded: Folded,
        known: Known,
        outbox: tuple[list[Emitted], list[int]],
    ) -> int:
        outbox_id = await save(self, work, folded, known, outbox)
        await self._publisher.publish(outbox[0])
        if folded.emitted:
            failpoint(TOLD_TOO_EARLY)
        return outbox_id

    _plant(Worker, "_save", save_and_publish)


def marked_first(_url: str) -> None:
    """The outbox row is marked before Kafka has said that it has the events."""

    async def mark(self: Worker, delivered: asyncio.Future[None], outbox_id: int) -> None:
        await self._storage.mark_published([outbox_id])
        failpoint("outbox.after_publish")
        await delivered

    _plant(Worker, "_mark", mark)


def _plant(owner: Any, name: str, bug: Any) -> None:
    """Fails when the place it is planted in no longer exists."""
    assert hasattr(owner, name), name
    setattr(owner, name, bug)


BUGS: Mapping[str, Callable[[str], None]] = {
    bug.__name__: bug
    for bug in (
        offset_first,
        swap_removed,
        version_guard_removed,
        random_ids,
        published_first,
        marked_first,
    )
}
