"""The quarantine and the evidence in Postgres."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg
import msgspec
from msgspec import Struct

from chassis.postgres import Connection
from chassis.processor import Appended, typed
from services.ingest.domain.evidence import Evidence
from services.ingest.domain.model import Problem
from services.ingest.domain.quarantine import Deed, Entry, EntryState

LIST_MAX = 1000
EVIDENCE = tuple(name for name in Evidence.__struct_fields__ if name != "events")
_EVIDENCE_COLUMNS = typed(
    EVIDENCE,
    sha256="bytea",
    accepted_at="timestamptz",
    taken_at="timestamptz",
    modified_at="timestamptz",
    order_version="bigint",
)
COLUMNS = tuple(Entry.__struct_fields__)
_NAMES = ", ".join(COLUMNS)
_problems = msgspec.json.Decoder(tuple[Problem, ...])
_UPSERT = (
    f"INSERT INTO ingest.quarantine ({_NAMES}) "  # noqa: S608
    f"VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))}) "
    "ON CONFLICT (key) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])
)

_AUDIT = (
    "INSERT INTO ingest.audit (key, at, act, actor, reason, basis, fields) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


class Found(Struct, frozen=True, kw_only=True):
    """One entry with its audit, oldest first."""

    entry: Entry
    deeds: tuple[Deed, ...]


async def load_entries(connection: Connection, keys: Iterable[str]) -> dict[str, Entry]:
    """The entries that exist among `keys`."""
    rows = await connection.fetch(
        f"SELECT {_NAMES} FROM ingest.quarantine WHERE key = ANY($1::text[])",  # noqa: S608
        list(keys),
    )
    return {row["key"]: _entry(row) for row in rows}


async def save_entries(
    connection: Connection, entries: Sequence[Entry], deeds: Sequence[Deed]
) -> None:
    """Writes entries as they are now, and appends to their audit."""
    await connection.executemany(_UPSERT, [_row(entry) for entry in entries])
    await connection.executemany(_AUDIT, [_deed_row(deed) for deed in deeds])


def appended_evidence(seen: Sequence[Evidence]) -> Appended:
    """Which payload led to what."""
    return Appended(
        table="ingest.evidence",
        columns=_EVIDENCE_COLUMNS,
        rows=[tuple(getattr(one, name) for name in EVIDENCE) for one in seen],
    )


async def read_evidence(
    connection: Connection, source_key: str, limit: int = LIST_MAX
) -> tuple[Evidence, ...]:
    """The newest arrivals of an order, oldest first."""
    rows = await connection.fetch(
        f"SELECT {', '.join(EVIDENCE)} FROM ingest.evidence "  # noqa: S608
        "WHERE source_key = $1 ORDER BY taken_at DESC, "
        # What one batch took has one time.
        "split_part(position, '/', 3)::bigint DESC, order_version DESC LIMIT $2",
        source_key,
        limit,
    )
    return tuple(Evidence(**dict(row)) for row in reversed(rows))


async def forget_evidence(connection: Connection, before: datetime, limit: int) -> int:
    """Deletes at most `limit` rows taken before a time, the oldest first; returns how many."""
    gone: int = await connection.fetchval(
        "WITH old AS (SELECT ctid FROM ingest.evidence WHERE taken_at < $1 "
        "ORDER BY taken_at LIMIT $2), "
        "gone AS (DELETE FROM ingest.evidence WHERE ctid = ANY(ARRAY(SELECT ctid FROM old)) "
        "RETURNING 1) SELECT count(*) FROM gone",
        before,
        limit,
    )
    return gone


async def write_deed(connection: Connection, deed: Deed) -> None:
    """Appends to an entry's audit what changed nothing."""
    await connection.execute(_AUDIT, *_deed_row(deed))


async def list_entries(
    connection: Connection, *, states: Sequence[str], channel: str = "", limit: int = 100
) -> tuple[Entry, ...]:
    """The entries in these states, those first that have waited longest."""
    rows = await connection.fetch(
        f"SELECT {_NAMES} FROM ingest.quarantine WHERE state = ANY($1::text[]) "  # noqa: S608
        "AND ($2 = '' OR channel = $2) ORDER BY first_seen_at, key LIMIT $3",
        list(states),
        channel,
        min(limit, LIST_MAX),
    )
    return tuple(_entry(row) for row in rows)


async def find_entries(connection: Connection, name: str) -> tuple[Found, ...]:
    """Entries named by their key, by the channel's order number or by our order id."""
    rows = await connection.fetch(
        f"SELECT {_NAMES} FROM ingest.quarantine "  # noqa: S608
        "WHERE key = $1 OR channel_order_no = $1 OR (order_id = $1 AND order_id <> '') "
        "ORDER BY key LIMIT $2",
        name,
        LIST_MAX,
    )
    audit = await connection.fetch(
        "SELECT key, at, act, actor, reason, basis, fields FROM ingest.audit "
        "WHERE key = ANY($1::text[]) ORDER BY id",
        [row["key"] for row in rows],
    )
    return tuple(
        Found(
            entry=_entry(row),
            deeds=tuple(
                Deed(**{**dict(d), "fields": tuple(d["fields"])})
                for d in audit
                if d["key"] == row["key"]
            ),
        )
        for row in rows
    )


def _row(entry: Entry) -> tuple[object, ...]:
    problems = msgspec.json.encode(entry.problems).decode()
    return tuple(problems if c == "problems" else getattr(entry, c) for c in COLUMNS)


def _deed_row(deed: Deed) -> tuple[object, ...]:
    return (deed.key, deed.at, deed.act, deed.actor, deed.reason, deed.basis, list(deed.fields))


def _entry(row: asyncpg.Record) -> Entry:
    values = dict(row)
    values["state"] = EntryState(values["state"])
    values["problems"] = _problems.decode(values["problems"])
    return Entry(**values)
