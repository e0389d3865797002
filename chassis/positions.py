"""Where processors stand in their topics, against what Kafka still has; and the way past what it has deleted.

A position moves here only to the oldest record that is left, only where it lies before that, and never without
who did so and why (`chassis.offset_skips`). A worker that runs meanwhile fails at its next swap and reads again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from msgspec import Struct

from chassis.deadletter import PRESS_CHARS_MAX
from chassis.errors import Unavailable
from chassis.postgres import Connection
from chassis.topics import ADMIN_TIMEOUT_S, TOPICS


class Position(Struct, frozen=True, kw_only=True):
    """The next offset of a processor in a partition, and what Kafka has of this: from `first` to before `end`."""

    processor: str
    topic: str
    """Topic domain, e.g. `orders`."""
    partition: int
    next: int
    first: int
    end: int

    def lost(self) -> int:
        """How many records were deleted before they were read."""
        return max(0, self.first - self.next)

    def remedy(self) -> str:
        """What is lost, and the command that goes on without it."""
        at = f"{self.topic}/{self.partition}/{self.next}"
        command = f"danshu offsets skip {self.processor} {self.topic} {self.partition} --actor WHO --reason WHY"
        return (
            f"{self.processor} stands at {at}, Kafka has {self.first} to {self.end} only: {self.lost()} records were "
            f"deleted before they were read. To go on without them: `{command}`"
        )


class Skip(Struct, frozen=True, kw_only=True):
    """A position that somebody moved."""

    processor: str
    topic: str
    partition: int
    stood_at: int
    goes_on_at: int
    actor: str
    reason: str
    skipped_at: datetime


class Refusal(StrEnum):
    """Why a position is not moved."""

    UNNAMED = "unnamed"
    UNREASONED = "unreasoned"
    UNKNOWN_POSITION = "unknown_position"
    NOTHING_LOST = "nothing_lost"


async def positions(
    connection: Connection, kafka: Mapping[str, Any], prefix: str
) -> tuple[Position, ...]:
    """Every position in a topic of the map. Raises Unavailable and what Postgres raises."""
    rows = await connection.fetch(
        "SELECT processor, topic, partition, next FROM chassis.consumer_offsets ORDER BY 1, 2, 3"
    )
    known = [row for row in rows if row["topic"] in TOPICS]
    pairs = {(row["topic"], row["partition"]) for row in known}
    kept = await asyncio.to_thread(_kept, kafka, prefix, pairs)
    return tuple(
        Position(**dict(row), first=first, end=end)
        for row in known
        for first, end in [kept[row["topic"], row["partition"]]]
    )


async def skip(
    connection: Connection, found: Position | None, *, actor: str, reason: str
) -> Skip | Refusal:
    """Moves a position to the oldest record there is, if it lies before that; a second call finds nothing lost."""
    actor, reason = actor.strip(), reason.strip()
    if not 0 < len(actor) <= PRESS_CHARS_MAX:
        return Refusal.UNNAMED
    if not 0 < len(reason) <= PRESS_CHARS_MAX:
        return Refusal.UNREASONED
    if found is None:
        return Refusal.UNKNOWN_POSITION
    # Where it has moved since it was looked at, the process reads, and so nothing was lost.
    row = await connection.fetchrow(
        "WITH moved AS ("
        "  UPDATE chassis.consumer_offsets SET next = $5 "
        "  WHERE processor = $1 AND topic = $2 AND partition = $3 AND next = $4 AND next < $5 RETURNING 1) "
        "INSERT INTO chassis.offset_skips (processor, topic, partition, stood_at, goes_on_at, actor, reason) "
        "SELECT $1, $2, $3, $4, $5, $6, $7 FROM moved RETURNING *",
        found.processor,
        found.topic,
        found.partition,
        found.next,
        found.first,
        actor,
        reason,
    )
    return Refusal.NOTHING_LOST if row is None else _skip(row)


async def skips(connection: Connection) -> tuple[Skip, ...]:
    """What was skipped, the newest first."""
    rows = await connection.fetch("SELECT * FROM chassis.offset_skips ORDER BY id DESC LIMIT 1000")
    return tuple(map(_skip, rows))


def _kept(
    kafka: Mapping[str, Any], prefix: str, pairs: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], tuple[int, int]]:
    """Oldest and next offset of partitions."""
    asked = {pair: TopicPartition(TOPICS[pair[0]].name(prefix), pair[1]) for pair in sorted(pairs)}
    admin = AdminClient(dict(kafka))
    try:
        first, end = (
            {pair: int(answers[at].result().offset) for pair, at in asked.items()}
            for answers in (
                admin.list_offsets(
                    dict.fromkeys(asked.values(), of), request_timeout=ADMIN_TIMEOUT_S
                )
                for of in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
            )
        )
    except KafkaException as error:
        raise Unavailable(f"Kafka does not answer: {error.args[0]}") from error
    return {pair: (first[pair], end[pair]) for pair in asked}


def _skip(row: Any) -> Skip:
    return Skip(**{field: row[field] for field in Skip.__struct_fields__})
