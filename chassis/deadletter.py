"""Dead letters: look at them without seeing anyone's data, and send them again, mended or as they were.

A redriven record goes to its original topic under its own key, so every consumer meets it again: those that
had applied it skip the duplicate by its version, the one that buried it applies it and whatever was parked
behind it. Guarantees: a letter is redriven once, by somebody and for a reason, which stay with it; one whose aggregate has moved past its version, or whose
command was settled, is refused; nothing is marked before Kafka has the record, so a crash in between only
means that the same version comes twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import asyncpg
import msgspec
from msgspec import Struct

from chassis.codec import Codec
from chassis.errors import Invalid
from chassis.forgetting import COMMANDS_KEPT
from chassis.postgres import Connection
from chassis.processor import Emitted
from schemas.events import RECORDS

REDRIVEN_HEADER = "danshu.redriven"
LIST_MAX = 1000
_READABLE_KEY = re.compile(r"[\w|.:-]{1,100}")
_headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])

PRESS_CHARS_MAX = 200
"""Of who presses and of why, each."""

COLUMNS = (
    'id, processor, topic, partition, "offset", key, value, headers, code, dead_at, redriven_at, '
    "redriven_by, redriven_because, redriven_sha256"
)


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter as it was buried. `value` may hold personal data: show `Shown` instead."""

    letter_id: int
    processor: str
    topic: str
    """Topic domain, e.g. `orders`."""
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    code: str
    dead_at: datetime
    redriven_at: datetime | None
    redriven_by: str = ""
    redriven_because: str = ""
    redriven_sha256: str = ""

    def position(self) -> str:
        """Where the record stood."""
        return f"{self.topic}/{self.partition}/{self.offset}"


class Shown(Struct, frozen=True, kw_only=True):
    """What people may see of a letter: no content, only what finds it and tells two apart."""

    letter_id: int
    processor: str
    position: str
    record: str
    """Type of the record, "" where not even that could be read."""
    key: str
    """The aggregate, or a digest where the key is not one of ours."""
    version: int
    code: str
    """Why it is dead."""
    size_bytes: int
    sha256: str
    header_names: tuple[str, ...]
    dead_at: datetime
    redriven_at: datetime | None
    redriven_by: str
    """Who sent it again; "" where nobody did, or nobody was noted then."""
    redriven_because: str
    redriven_sha256: str
    """Of what was sent: other than `sha256` where it was mended."""


class Refusal(StrEnum):
    """Why a letter is not redriven."""

    UNNAMED = "unnamed"
    UNREASONED = "unreasoned"
    UNKNOWN_LETTER = "unknown_letter"
    REDRIVEN_BEFORE = "redriven_before"
    STILL_INVALID = "still_invalid"
    OTHER_TOPIC = "other_topic"
    OTHER_KEY = "other_key"
    MOVED_PAST = "moved_past"
    COMMAND_SETTLED = "command_settled"
    COMMAND_FORGOTTEN = "command_forgotten"


class NotRedriven(Struct, frozen=True, kw_only=True):
    """The refusal. `detail` holds a code, a version or a time, never content."""

    why: Refusal
    detail: str = ""


class Redriven(Struct, frozen=True, kw_only=True):
    """Done: Kafka has the record again. `behind` events of its aggregate were waiting for it."""

    letter_id: int
    redriven_at: datetime
    behind: int


class Publishes(Protocol):
    """The one thing asked of a publisher."""

    def publish(self, emitted: Sequence[Emitted]) -> Any:
        """An awaitable that is done when Kafka has the records."""
        ...


async def letters(
    connection: Connection, *, processor: str = "", redriven: bool = False, limit: int = 100
) -> tuple[Letter, ...]:
    """The newest letters of a processor or of all; those redriven before only when asked for."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM chassis.dead_letters "  # noqa: S608
        "WHERE ($1 = '' OR processor = $1) AND ($2 OR redriven_at IS NULL) "
        "ORDER BY id DESC LIMIT $3",
        processor,
        redriven,
        min(limit, LIST_MAX),
    )
    return tuple(_letter(row) for row in rows)


async def waiting(connection: Connection, code: str) -> tuple[int, ...]:
    """Letters of this code that were not redriven, one a record, in the order they died."""
    rows = await connection.fetch(
        "SELECT min(id) AS id FROM chassis.dead_letters WHERE code = $1 AND redriven_at IS NULL "
        'GROUP BY topic, partition, "offset" ORDER BY 1',
        code,
    )
    return tuple(row["id"] for row in rows)


async def letter(connection: Connection, letter_id: int) -> Letter | None:
    """One letter, or None."""
    row = await connection.fetchrow(
        f"SELECT {COLUMNS} FROM chassis.dead_letters WHERE id = $1",  # noqa: S608
        letter_id,
    )
    return None if row is None else _letter(row)


def shown(one: Letter, codec: Codec) -> Shown:
    """The masked view of a letter."""
    record, version = "", 0
    try:
        record = codec.record_type(one.value).__name__
        version = codec.peek(one.value).version
    except Invalid:
        pass  # `code` says so already
    return Shown(
        letter_id=one.letter_id,
        processor=one.processor,
        position=one.position(),
        record=record,
        key=masked_key(one.key),
        version=version,
        code=one.code,
        size_bytes=len(one.value),
        sha256=hashlib.sha256(one.value).hexdigest(),
        header_names=tuple(name for name, _ in one.headers),
        dead_at=one.dead_at,
        redriven_at=one.redriven_at,
        redriven_by=one.redriven_by,
        redriven_because=one.redriven_because,
        redriven_sha256=one.redriven_sha256,
    )


def masked_key(key: bytes | None) -> str:
    """Our keys are document numbers and never personal; anything else is shown as a digest."""
    text = (key or b"").decode(errors="replace")
    if not text or _READABLE_KEY.fullmatch(text):
        return text
    return "sha256:" + hashlib.sha256(key or b"").hexdigest()[:16]


def mend(one: Letter, text: bytes, record: str, codec: Codec) -> bytes | NotRedriven:
    """Framed bytes for a letter from what a person wrote: framed bytes as they are, or the record as JSON.

    `record` names the type of the JSON; "" means the letter's own, which must then be readable.
    """
    if text[:1] == b"\x00":
        return text
    try:
        kinds = {kind.__name__: kind for kind in RECORDS}
        kind = kinds[record] if record else codec.record_type(one.value)
        event = msgspec.json.decode(text, type=kind)
        framed = codec.encode(event)
    except KeyError:
        return NotRedriven(why=Refusal.STILL_INVALID, detail=f"there is no record {record}")
    except Invalid as error:
        return NotRedriven(why=Refusal.STILL_INVALID, detail=f"{error.code}: name its record")
    except msgspec.MsgspecError as error:
        return NotRedriven(why=Refusal.STILL_INVALID, detail=str(error))
    except (ValueError, TypeError, OverflowError) as error:
        return NotRedriven(why=Refusal.STILL_INVALID, detail=type(error).__name__)
    if codec.decode(framed) != event:
        # A time without a zone would be taken for this machine's own.
        return NotRedriven(
            why=Refusal.STILL_INVALID, detail="times need a zone and whole milliseconds"
        )
    return framed


async def redrive(
    connection: Connection,
    publisher: Publishes,
    codec: Codec,
    letter_id: int,
    mended: bytes | None = None,
    *,
    actor: str,
    reason: str,
) -> Redriven | NotRedriven:
    """Sends a letter's bytes, or the mended ones, to its topic again and marks it with who did so and why.

    Letters of other processors at the same position are marked too: the record reaches them as well.
    Raises what the publisher raises; then nothing is marked.
    """
    actor, reason = actor.strip(), reason.strip()
    if not 0 < len(actor) <= PRESS_CHARS_MAX:
        return NotRedriven(why=Refusal.UNNAMED, detail=f"{len(actor)} characters")
    if not 0 < len(reason) <= PRESS_CHARS_MAX:
        return NotRedriven(why=Refusal.UNREASONED, detail=f"{len(reason)} characters")
    async with connection.transaction():
        row = await connection.fetchrow(
            f"SELECT {COLUMNS} FROM chassis.dead_letters WHERE id = $1 FOR UPDATE",  # noqa: S608
            letter_id,
        )
        if row is None:
            return NotRedriven(why=Refusal.UNKNOWN_LETTER)
        one = _letter(row)
        value = one.value if mended is None else mended
        if refused := _unfit(one, value, codec) or await _outrun(connection, one, value, codec):
            return refused
        key = codec.peek(value).key
        behind: int = await connection.fetchval(
            "SELECT count(*) FROM chassis.parked WHERE processor = $1 AND source = $2 AND key = $3",
            one.processor,
            one.topic,
            key,
        )
        mark = (REDRIVEN_HEADER, str(letter_id).encode())
        await publisher.publish([Emitted(one.topic, key, value, (*one.headers, mark))])
        redriven_at: datetime = await connection.fetchval(
            "UPDATE chassis.dead_letters SET redriven_at = clock_timestamp(), redriven_by = $4, "
            "redriven_because = $5, redriven_sha256 = $6 "
            'WHERE topic = $1 AND partition = $2 AND "offset" = $3 RETURNING redriven_at',
            one.topic,
            one.partition,
            one.offset,
            actor,
            reason,
            hashlib.sha256(value).hexdigest(),
        )
    return Redriven(letter_id=letter_id, redriven_at=redriven_at, behind=behind)


def _unfit(one: Letter, value: bytes, codec: Codec) -> NotRedriven | None:
    """What a look at the bytes alone forbids."""
    if one.redriven_at is not None:
        return NotRedriven(why=Refusal.REDRIVEN_BEFORE, detail=one.redriven_at.isoformat())
    try:
        event: Any = codec.decode(value)
        key = codec.peek(value).key
    except Invalid as error:
        return NotRedriven(why=Refusal.STILL_INVALID, detail=error.code)
    if one.topic != event.TOPIC:
        return NotRedriven(why=Refusal.OTHER_TOPIC, detail=event.TOPIC)
    if one.key is not None and one.key != key.encode():
        return NotRedriven(why=Refusal.OTHER_KEY, detail=masked_key(one.key))
    return None


async def _outrun(
    connection: Connection, one: Letter, value: bytes, codec: Codec
) -> NotRedriven | None:
    """Whether what the record would do was done meanwhile."""
    peeked = codec.peek(value)
    command_id = getattr(codec.decode(value), "command_id", None)
    if command_id is not None:
        settled = await connection.fetchval(
            "SELECT outcome FROM chassis.commands_settled WHERE processor = $1 AND command_id = $2",
            one.processor,
            command_id,
        )
        if settled:
            return NotRedriven(why=Refusal.COMMAND_SETTLED, detail=settled)
        old = await connection.fetchval(
            "SELECT $1 < now() - $2::interval", one.dead_at, COMMANDS_KEPT
        )
        return (
            NotRedriven(why=Refusal.COMMAND_FORGOTTEN, detail=str(COMMANDS_KEPT)) if old else None
        )
    newest = await _newest_seen(connection, one, peeked.key)
    if peeked.version and peeked.version <= newest:
        return NotRedriven(why=Refusal.MOVED_PAST, detail=f"{peeked.version} <= {newest}")
    return None


async def _newest_seen(connection: Connection, one: Letter, key: str) -> int:
    """Version up to which the processor's aggregate has applied this topic; 0 where it has not.

    Aggregates lie in the schema named like the service, in tables with `key` and `document`
    (chassis.storage); which of several is the processor's shows in what it has seen.
    """
    tables = await connection.fetch(
        "SELECT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns "
        "WHERE table_schema = $1 AND column_name IN ('key', 'document') "
        "GROUP BY table_schema, table_name HAVING count(*) = 2",
        one.processor.partition("-")[0],
    )
    newest = 0
    for table in tables:
        seen = await connection.fetchval(
            f"SELECT (document -> 'seen' ->> $2)::bigint FROM {table['name']} WHERE key = $1",  # noqa: S608
            key,
            one.topic,
        )
        newest = max(newest, seen or 0)
    return newest


def _letter(row: asyncpg.Record) -> Letter:
    return Letter(
        letter_id=row["id"],
        processor=row["processor"],
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["value"] or b"",
        headers=_headers.decode(row["headers"]),
        code=row["code"],
        dead_at=row["dead_at"],
        redriven_at=row["redriven_at"],
        redriven_by=row["redriven_by"] or "",
        redriven_because=row["redriven_because"] or "",
        redriven_sha256=row["redriven_sha256"] or "",
    )
