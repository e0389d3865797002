"""The consumer transaction on Postgres.

One batch is one transaction: offsets are compared and swapped (0 rows: this worker is a zombie, the batch is
dropped), aggregates, parked events, dead letters, settled commands and the outbox are written, and all of it
becomes true with one COMMIT. `chassis.testing.memory.MemoryStorage` passes the same suite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from chassis.codec import Codec
from chassis.errors import Unavailable
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, transaction
from chassis.processor import (
    Appended,
    Emitted,
    Kept,
    Processor,
    Record,
    Rewritten,
    encode_document,
)
from chassis.topics import TOPICS
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


SWAP = (
    "UPDATE chassis.consumer_offsets AS stored SET next = moved.next "
    "FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) "
    "  AS moved(topic, partition, expected, next) "
    "WHERE stored.processor = $1 AND stored.topic = moved.topic "
    "  AND stored.partition = moved.partition AND stored.next = moved.expected"
)
_Columns: TypeAlias = tuple[tuple[str, str], ...]
"""Name and SQL type of each."""
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

    @classmethod
    def opening(cls, processor: Processor[Any], keys: Sequence[str]) -> str:
        """What the transaction of a batch about these aggregates begins with."""
        del keys
        return processor.facts.opening if processor.facts is not None else ""

    async def advance(self, moves: Sequence[Advance]) -> bool:
        """Swaps all offsets; False when any of them is not as expected."""
        swapped = await self.connection.execute(SWAP, self._processor.name, *_swapped(moves))
        return swapped == f"UPDATE {len(moves)}"

    async def begin(
        self, moves: Sequence[Advance], keys: Sequence[str]
    ) -> dict[str, Kept[Any]] | None:
        """`advance` and `load` in one round trip; None when an offset is not as expected.

        Both see one snapshot. Where the swap waited for another's commit, that one moved what is compared and the
        swap fails; so nobody who owned these partitions wrote an aggregate between the snapshot and the swap.
        """
        rows = await self.connection.fetch(
            f"WITH moved AS ({SWAP} RETURNING 1) "  # noqa: S608 — names of ours
            "SELECT (SELECT count(*) FROM moved) AS moved, "
            "  (SELECT EXISTS (SELECT FROM chassis.parked WHERE processor = $1)) AS waiting, key, document, "
            "  CASE WHEN NOT $7 THEN set_config('synchronous_commit', 'off', true) END "
            f"FROM (SELECT) AS once LEFT JOIN {self._processor.table} ON key = ANY($6::text[])",
            self._processor.name,
            *_swapped(moves),
            keys,
            self._processor.durable,
        )
        self._any_parked = rows[0]["waiting"]
        if rows[0]["moved"] != len(moves):
            return None
        return self._read(row for row in rows if row["key"] is not None)

    async def load(self, keys: Iterable[str]) -> dict[str, Kept[Any]]:
        """The aggregates that exist among `keys`."""
        rows = await self.connection.fetch(
            f"SELECT key, document FROM {self._processor.table} WHERE key = ANY($1::text[])",  # noqa: S608
            list(keys),
        )
        return self._read(rows)

    def _read(self, rows: Iterable[Any]) -> dict[str, Kept[Any]]:
        kept = {row["key"]: self._decoder.decode(row["document"]) for row in rows}
        self._loaded.update(kept)
        return kept

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

    async def finish(
        self,
        kept: Mapping[str, Kept[Any]],
        emitted: Sequence[Emitted],
        published: Sequence[int],
        appended: Sequence[Appended] = (),
        rewritten: Sequence[Rewritten] = (),
    ) -> int:
        """Writes aggregates and rows, keeps what is to be published in order, and marks earlier rows: one round trip.

        Returns the id of the outbox row, 0 when there is nothing to publish.
        """
        appended = [one for one in appended if one.rows]
        rewritten = [one for one in rewritten if one.rows]
        if not (kept or emitted or published or appended or rewritten):
            return 0
        columns = self._processor.columns
        fresh: list[tuple[object, ...]] = []
        known: list[tuple[object, ...]] = []
        for key, one in kept.items():
            row = (key, encode_document(one), *(column.value(one.state) for column in columns))
            (known if key in self._loaded else fresh).append(row)
        width = 2 + len(columns)
        statement = _finishing(
            self._processor.table,
            tuple((column.name, column.sql_type) for column in columns),
            tuple((one.table, one.columns) for one in appended),
            tuple((one.table, one.columns, one.keys, one.also) for one in rewritten),
        )
        [answer] = await self.connection.fetch(
            statement,
            self._processor.name,
            _outbox_encoder.encode(emitted) if emitted else None,
            published,
            *_arrays(fresh, width),
            *_arrays(known, width),
            *(array for one in appended for array in _arrays(one.rows, len(one.columns))),
            *(array for one in rewritten for array in _arrays(one.rows, len(one.columns))),
        )
        outbox_id, *changed = answer
        assert changed == [len(one.rows) for one in rewritten], "a row that was locked is gone"
        self._loaded.update(kept)
        return int(outbox_id or 0)


def _arrays(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as one array a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * width


@cache
def _finishing(
    table: str,
    columns: _Columns,
    appended: tuple[tuple[str, _Columns], ...],
    rewritten: tuple[tuple[str, _Columns, int, str], ...],
) -> str:
    """The statement of `PostgresWork.finish` for a table with these columns beside key and document.

    $1 processor, $2 outbox records or NULL, $3 published ids, then one array a column: of new rows, of known ones,
    of what is appended and of what is rewritten. Answers with the id in the outbox and how many rows of each were rewritten.
    """
    first = 4

    def unnested(of: _Columns) -> tuple[str, str]:
        nonlocal first
        arrays = ", ".join(f"${at}::{kind}[]" for at, (_, kind) in enumerate(of, start=first))
        first += len(of)
        return ", ".join(f'"{name}"' for name, _ in of), f"unnest({arrays})"

    def inserted(into: str, of: _Columns) -> str:
        names, rows = unnested(of)
        return f"INSERT INTO {into} ({names}) SELECT * FROM {rows}"  # noqa: S608 — names of ours, here and below

    def updated(of_table: str, of: _Columns, keys: int, also: str = "") -> str:
        names, rows = unnested(of)
        sets = [f'"{name}" = new."{name}"' for name, _ in of[keys:]] + ([also] if also else [])
        same = " AND ".join(f'stored."{name}" = new."{name}"' for name, _ in of[:keys])
        return f"UPDATE {of_table} AS stored SET {', '.join(sets)} FROM {rows} AS new({names}) WHERE {same}"  # noqa: S608

    every = (("key", "text"), ("document", "json"), *columns)
    parts = [
        "marked AS (UPDATE chassis.outbox SET published_at = clock_timestamp() WHERE id = ANY($3::bigint[]))",
        "kept AS (INSERT INTO chassis.outbox (processor, records) SELECT $1::text, $2::bytea WHERE $2 IS NOT NULL RETURNING id)",
        f"fresh AS ({inserted(table, every)})",
        f"known AS ({updated(table, every, 1)})",
        *(f"appended_{number} AS ({inserted(*one)})" for number, one in enumerate(appended)),
        *(
            f"rewritten_{number} AS ({updated(*one)} RETURNING 1)"
            for number, one in enumerate(rewritten)
        ),
    ]
    answers = [
        "(SELECT id FROM kept)",
        *(f"(SELECT count(*) FROM rewritten_{number})" for number in range(len(rewritten))),  # noqa: S608
    ]
    return f"WITH {', '.join(parts)} SELECT {', '.join(answers)}"


def _swapped(moves: Sequence[Advance]) -> list[list[Any]]:
    return [
        [move.source for move in moves],
        [move.partition for move in moves],
        [move.expected for move in moves],
        [move.next for move in moves],
    ]


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
        """Next offset of each (source, partition), given the oldest that Kafka has: there first-time partitions start.

        What of a topic that expires was deleted before it was read is passed over, and said.
        """
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
                stored = await self._stored(connection)
                expired = [
                    Advance(*pair, stored[pair], first)
                    for pair, first in sorted(partitions.items())
                    if TOPICS[pair[0]].expires and stored[pair] < first
                ]
                if expired:
                    await connection.execute(SWAP, self._processor.name, *_swapped(expired))
                    stored = await self._stored(connection)
        except AWAY as error:
            raise Unavailable("Postgres does not answer") from error
        for move in expired:
            logger.warning(
                "passed_over", why="expired", processor=self._processor.name, **asdict(move)
            )
        return {pair: stored[pair] for pair in pairs}

    async def _stored(self, connection: Connection) -> dict[tuple[str, int], int]:
        rows = await connection.fetch(
            "SELECT topic, partition, next FROM chassis.consumer_offsets WHERE processor = $1",
            self._processor.name,
        )
        return {(row["topic"], row["partition"]): row["next"] for row in rows}

    @asynccontextmanager
    async def transaction(self, keys: Sequence[str] = ()) -> AsyncIterator[PostgresWork]:
        """An open transaction about these aggregates; commits at the end of the block, rolls back on any exception.

        Raises Unavailable for everything that means "not now", a lost COMMIT answer included.
        """
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                transaction(connection, self._work.opening(self._processor, keys)),
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
