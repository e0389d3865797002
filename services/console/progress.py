"""How far the console's tables are behind Kafka, for the pages and as metrics.

Guarantees: it is asked of Kafka and Postgres, and of no consumer, so that one that hangs or belongs to no process is seen, too; several
processes say the same. Looking never fails: while a server is away nobody can say, and `until` stands still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from chassis.clock import Clock
from chassis.postgres import AWAY, Pool
from chassis.topics import TOPICS, consumed_by
from services.console import metrics
from services.console.domain.progress import LATE, Offsets, Progress, behind
from services.console.live import Reading
from services.console.words import SHANGHAI

LOOK_EVERY_S = 2.0
TIMEOUT_S = 5.0


class Lookout:
    """Looks at how far the tables of all these processors are."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        prefix: str,
        pool: Pool,
        clock: Clock,
        processors: Sequence[str],
    ) -> None:
        self._admin = AdminClient(dict(kafka))
        self._names = {TOPICS[one].name(prefix): one for p in processors for one in consumed_by(p)}
        self._pool = pool
        self._clock = clock
        self._processors = processors
        self._progress = Progress(started_at=clock.now())
        metrics.DATA_AGE.set_function(lambda: self._progress.age(self._clock.now()).total_seconds())

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Looks once."""
        at = self._clock.now()
        try:
            ends = await asyncio.to_thread(self._ends)
            nexts = await self._nexts()
        except (KafkaException, *AWAY):
            self._progress = self._progress.unanswered()
            return
        self._progress = self._progress.looked(at, ends, nexts)
        for processor, records in behind(ends, nexts).items():
            metrics.BEHIND.labels(processor).set(records)

    def reading(self) -> Reading:
        """What pages are told."""
        progress, now = self._progress, self._clock.now()
        until = ""
        if progress.until is not None:
            there, here = progress.until.astimezone(SHANGHAI), now.astimezone(SHANGHAI)
            same_day = there.date() == here.date()
            until = there.strftime("%H:%M:%S" if same_day else "%m-%d %H:%M:%S")
        return Reading(until=until, late=progress.age(now) > LATE, waiting=progress.waiting)

    def _ends(self) -> Offsets:
        asked = {
            TopicPartition(name, number): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for name, domain in self._names.items()
            for number in range(TOPICS[domain].partitions)
        }
        answers = self._admin.list_offsets(asked, request_timeout=TIMEOUT_S)
        ends = {
            (self._names[at.topic], at.partition): int(answer.result().offset)
            for at, answer in answers.items()
        }
        return {
            (processor, *at): end
            for processor in self._processors
            for at, end in ends.items()
            if processor in TOPICS[at[0]].consumers
        }

    async def _nexts(self) -> Offsets:
        rows = await self._pool.fetch(
            "SELECT processor, topic, partition, next FROM chassis.consumer_offsets "
            "WHERE processor = ANY($1::text[])",
            self._processors,
        )
        return {(row["processor"], row["topic"], row["partition"]): row["next"] for row in rows}
