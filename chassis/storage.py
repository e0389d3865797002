"""The consumer transaction on Postgres.

One batch is one transaction: offsets are compared and swapped (0 rows: this worker is a zombie, the batch is
dropped), aggregates, parked events, dead letters, settled commands and the outbox are written, and all of it
becomes true with one COMMIT. `chassis.testing.memory.MemoryStorage` passes the same suite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from chassis.codec import Codec
from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from chassis.processor import Column, Emitted, Kept, Processor, Record, encode_document
from schemas.events.command_results import CommandSettled


class Advance(Struct, frozen=True):
    """The offset move of one partition."""

    source: str
    partition: int
    expected: int
    next: int


class Unpublished(Struct, frozen=True):
    """An outbox row that was committed and not yet marked as published."""

    outbox_id: int
    emitted: tuple[Emitted, ...]


class Dead(Struct, frozen=True, kw_only=True):
    """A dead letter as stored."""

    letter_id: int
    processor: str
    record: Record
    code: str


_outbox_encoder = msgspec.msgpack.Encoder()
_outbox_decoder = msgspec.msgpack.Decoder(tuple[Emitted, ...])


class PostgresWork:
    """One open transaction of one processor."""

    def __init__(self, connection: Connection, processor: Processor[Any], codec: Codec) -> None:
        self.connection = connection
        self._processor = processor
        self._codec = codec
        # The state's type is data of the processor, which a type checker cannot follow.
        self._decoder: msgspec.json.Decoder[Kept[Any]] = msgspec.json.Decoder(
            Kept[processor.state]  # type: ignore[name-defined]
        )
        self._loaded: set[str] = set()
        self._any_parked = False

    async def advance(self, moves: Sequence[Advance]) -> bool:
        """Swaps all offsets; False when any of them is not as expected. Also learns whether events wait."""
        rows = await self.connection.fetch(
            "UPDATE chassis.consumer_offsets AS stored SET next = moved.next "
            "FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) "
            "  AS moved(topic, partition, expected, next) "
            "WHERE stored.processor = $1 AND stored.topic = moved.topic "
            "  AND stored.partition = moved.partition AND stored.next = moved.expected "
            "RETURNING (SELECT EXISTS (SELECT FROM chassis.parked WHERE processor = $1)) AS waiting",
            self._processor.name,
            [move.source for move in moves],
            [move.partition for move in moves],
            [move.expected for move in moves],
            [move.next for move in moves],
        )
        self._any_parked = any(row["waiting"] for row in rows)
        return len(rows) == len(moves)

    async def load(self, keys: Iterable[str]) -> dict[str, Kept[Any]]:
        """The aggregates that exist among `keys`."""
        rows = await self.connection.fetch(
            f"SELECT key, document FROM {self._processor.table} WHERE key = ANY($1::text[])",  # noqa: S608
            list(keys),
        )
        self._loaded.update(row["key"] for row in rows)
        return {row["key"]: self._decoder.decode(row["document"]) for row in rows}

    async def save(self, kept: Mapping[str, Kept[Any]]) -> None:
        """Writes aggregates: new ones by COPY, known ones by one UPDATE."""
        columns = self._processor.columns
        fresh = [key for key in kept if key not in self._loaded]
        known = [key for key in kept if key in self._loaded]
        if fresh:
            schema, _, table = self._processor.table.partition(".")
            await self.connection.copy_records_to_table(
                table,
                schema_name=schema,
                columns=["key", "document", *(column.name for column in columns)],
                records=[_row(key, kept[key], columns) for key in fresh],
            )
            self._loaded.update(fresh)
        if known:
            rows = [_row(key, kept[key], columns) for key in known]
            types = ["text", "json", *(column.sql_type for column in columns)]
            names = ["key", "document", *(column.name for column in columns)]
            arrays = ", ".join(f"${i}::{kind}[]" for i, kind in enumerate(types, start=1))
            sets = ", ".join(f"{name} = new.{name}" for name in names[1:])
            await self.connection.execute(
                f"UPDATE {self._processor.table} AS stored SET {sets} "  # noqa: S608
                f"FROM unnest({arrays}) AS new({', '.join(names)}) WHERE stored.key = new.key",
                *(list(column) for column in zip(*rows, strict=True)),
            )

    async def parked(self, keys: Sequence[str]) -> dict[tuple[str, str], list[Record]]:
        """Events of these aggregates that wait for a predecessor, by source and key, oldest first."""
        if not self._any_parked:
            return {}
        rows = await self.connection.fetch(
            "SELECT source, key, version, value, position FROM chassis.parked "
            "WHERE processor = $1 AND key = ANY($2::text[]) ORDER BY version",
            self._processor.name,
            keys,
        )
        waiting: dict[tuple[str, str], list[Record]] = {}
        for row in rows:
            source, partition, offset = row["position"].rsplit("/", 2)
            wanted = self._codec.record_type(row["value"]) in self._processor.handlers
            record = Record(
                source=source,
                partition=int(partition),
                offset=int(offset),
                key=row["key"],
                version=row["version"],
                event=self._codec.decode(row["value"]) if wanted else None,
                raw=row["value"],
            )
            waiting.setdefault((source, row["key"]), []).append(record)
        return waiting

    async def park(self, records: Sequence[Record]) -> None:
        """Keeps events that came too early. The same event twice is kept once."""
        await self.connection.executemany(
            "INSERT INTO chassis.parked (processor, source, key, version, value, position) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            [
                (self._processor.name, r.source, r.key, r.version, r.raw, r.position())
                for r in records
            ],
        )

    async def unpark(self, records: Sequence[Record]) -> None:
        """Forgets parked events that were applied."""
        await self.connection.executemany(
            "DELETE FROM chassis.parked WHERE processor = $1 AND source = $2 AND key = $3 AND version = $4",
            [(self._processor.name, r.source, r.key, r.version) for r in records],
        )

    async def bury(self, dead: Sequence[tuple[Record, str]]) -> None:
        """Keeps dead letters with their original bytes and position."""
        await self.connection.executemany(
            "INSERT INTO chassis.dead_letters "
            '(processor, topic, partition, "offset", key, value, headers, code) '
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
            [
                (
                    self._processor.name,
                    r.source,
                    r.partition,
                    r.offset,
                    r.raw_key,
                    r.raw,
                    msgspec.msgpack.encode(r.headers),
                    code,
                )
                for r, code in dead
            ],
        )

    async def settled(self, command_ids: Sequence[str]) -> dict[str, CommandSettled]:
        """Results of commands that were settled before."""
        rows = await self.connection.fetch(
            "SELECT command_id, settled_at, outcome, reason, result_id FROM chassis.commands_settled "
            "WHERE processor = $1 AND command_id = ANY($2::text[])",
            self._processor.name,
            command_ids,
        )
        return {row["command_id"]: CommandSettled(**dict(row)) for row in rows}

    async def settle(self, results: Sequence[CommandSettled]) -> None:
        """Keeps results, the first of an id for good."""
        await self.connection.executemany(
            "INSERT INTO chassis.commands_settled "
            "(processor, command_id, outcome, reason, result_id, settled_at) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            [
                (self._processor.name, r.command_id, r.outcome, r.reason, r.result_id, r.settled_at)
                for r in results
            ],
        )

    async def append_outbox(self, emitted: Sequence[Emitted], published: Sequence[int]) -> int:
        """Keeps what is to be published, in order, and marks earlier rows; returns the new row's id."""
        outbox_id: int = await self.connection.fetchval(
            "WITH marked AS (UPDATE chassis.outbox SET published_at = clock_timestamp() "
            "  WHERE id = ANY($3::bigint[])) "
            "INSERT INTO chassis.outbox (processor, records) VALUES ($1, $2) RETURNING id",
            self._processor.name,
            _outbox_encoder.encode(emitted),
            published,
        )
        return outbox_id


def _row(key: str, kept: Kept[Any], columns: Sequence[Column]) -> tuple[object, ...]:
    return (key, encode_document(kept), *(column.value(kept.state) for column in columns))


class PostgresStorage:
    """Offsets, transactions and outbox of one processor."""

    def __init__(
        self,
        pool: Pool,
        processor: Processor[Any],
        codec: Codec,
        work: type[PostgresWork] = PostgresWork,
    ) -> None:
        self._pool = pool
        self._processor = processor
        self._codec = codec
        self._work = work

    async def offsets(
        self, partitions: Mapping[tuple[str, int], int]
    ) -> dict[tuple[str, int], int]:
        """Next offset of each (source, partition); first-time partitions start at the given position."""
        pairs = list(partitions)
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await connection.execute(
                    "INSERT INTO chassis.consumer_offsets (processor, topic, partition, next) "
                    "SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[]) ON CONFLICT DO NOTHING",
                    self._processor.name,
                    [source for source, _ in pairs],
                    [partition for _, partition in pairs],
                    [partitions[pair] for pair in pairs],
                )
                rows = await connection.fetch(
                    "SELECT topic, partition, next FROM chassis.consumer_offsets WHERE processor = $1",
                    self._processor.name,
                )
        except AWAY as error:
            raise Unavailable("Postgres does not answer") from error
        stored = {(row["topic"], row["partition"]): row["next"] for row in rows}
        return {pair: stored[pair] for pair in pairs}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresWork]:
        """An open transaction; commits at the end of the block, rolls back on any exception.

        Raises Unavailable for everything that means "not now", a lost COMMIT answer included.
        """
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(),
            ):
                yield self._work(connection, self._processor, self._codec)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error

    async def mark_published(self, outbox_ids: Sequence[int]) -> None:
        """Marks rows whose delivery reports are all in."""
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                await connection.execute(
                    "UPDATE chassis.outbox SET published_at = clock_timestamp() WHERE id = ANY($1::bigint[])",
                    outbox_ids,
                )
        except AWAY as error:
            raise Unavailable("Postgres does not answer") from error

    async def unpublished(self, older_than_s: float) -> tuple[Unpublished, ...]:
        """Up to 100 committed rows of at least this age that were not marked, oldest first."""
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                rows = await connection.fetch(
                    "SELECT id, records FROM chassis.outbox "
                    "WHERE processor = $1 AND published_at IS NULL "
                    "AND created_at <= clock_timestamp() - make_interval(secs => $2) "
                    "ORDER BY id LIMIT 100",
                    self._processor.name,
                    older_than_s,
                )
        except AWAY as error:
            raise Unavailable("Postgres does not answer") from error
        return tuple(Unpublished(row["id"], _outbox_decoder.decode(row["records"])) for row in rows)
