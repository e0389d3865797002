"""Reading what the topics still keep: payloads where they stand, and what was told of orders.

For commands and the archive, outside the service's loop: blocking, without a group, nothing is committed.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from chassis.codec import Codec
from chassis.errors import Invalid, Unavailable
from chassis.source import SEEKING
from chassis.topics import TOPICS
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderPlaced
from services.ingest.replaying import Taken, place_of

ANSWER_S = 10.0
PAYLOADS = "channel-payloads"


class Keeping:
    """One consumer over our topics. Close it in the end."""

    def __init__(self, kafka: Mapping[str, Any], prefix: str, codec: Codec) -> None:
        options = {
            "group.id": f"{prefix}.reading-{uuid.uuid4()}",
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
        }
        self._consumer = Consumer({**SEEKING, **options, **kafka})
        self._prefix = prefix
        self._codec = codec

    def close(self) -> None:
        """Leaves the servers."""
        self._consumer.close()

    def payloads_at(self, positions: Collection[str]) -> tuple[Taken, ...]:
        """Those of the payloads that are still kept. Raises Unavailable."""
        wanted: dict[int, list[int]] = {}
        for partition, offset in sorted(place_of(position) for position in positions):
            wanted.setdefault(partition, []).append(offset)
        found = []
        for partition, offsets in wanted.items():
            low, high = self._ends(PAYLOADS, partition)
            for offset in offsets:
                if low <= offset < high:
                    # One by one: an order's arrivals lie far apart, and what lies between is none of ours.
                    for at, value in self._read(PAYLOADS, partition, offset, offset + 1):
                        found += self._taken(partition, at, value)
        return tuple(found)

    def payloads_among(self, positions: Collection[str]) -> tuple[Taken, ...]:
        """The same of many that lie close together: each partition is read once over. Raises Unavailable."""
        wanted: dict[int, set[int]] = {}
        for partition, offset in map(place_of, positions):
            wanted.setdefault(partition, set()).add(offset)
        found = []
        for partition, offsets in wanted.items():
            low, high = self._ends(PAYLOADS, partition)
            start, end = max(low, min(offsets)), min(high, max(offsets) + 1)
            for offset, value in self._read(PAYLOADS, partition, start, end):
                if offset in offsets:
                    found += self._taken(partition, offset, value)
        return tuple(found)

    def placed_since(self, since: datetime, order_ids: Collection[str]) -> dict[str, OrderPlaced]:
        """What was told of these orders when they were placed. Raises Unavailable."""
        found: dict[str, OrderPlaced] = {}
        for partition in range(TOPICS["orders"].partitions):
            start, end = self._span("orders", partition, since, None)
            for _, value in self._read("orders", partition, start, end):
                peeked = self._codec.peek(value)
                if peeked.record is OrderPlaced and peeked.key in order_ids:
                    event = self._codec.decode(value)
                    assert isinstance(event, OrderPlaced)
                    found.setdefault(event.order_id, event)
        return found

    def _taken(self, partition: int, offset: int, value: bytes) -> list[Taken]:
        try:
            event = self._codec.decode(value)
        except Invalid:
            return []  # a dead letter by now: `danshu dead-letters`
        if not isinstance(event, PayloadReceived):
            return []
        return [Taken(position=f"{PAYLOADS}/{partition}/{offset}", payload=event)]

    def _ends(self, domain: str, partition: int) -> tuple[int, int]:
        where = TopicPartition(TOPICS[domain].name(self._prefix), partition)
        low, high = self._consumer.get_watermark_offsets(where, timeout=ANSWER_S)
        return int(low), int(high)

    def _span(
        self, domain: str, partition: int, since: datetime, until: datetime | None
    ) -> tuple[int, int]:
        low, high = self._ends(domain, partition)
        start = self._offset_at(domain, partition, since, high)
        end = high if until is None else self._offset_at(domain, partition, until, high)
        return max(low, start), end

    def _offset_at(self, domain: str, partition: int, moment: datetime, high: int) -> int:
        at_ms = int(moment.timestamp() * 1000)
        name = TOPICS[domain].name(self._prefix)
        (found,) = self._consumer.offsets_for_times(
            [TopicPartition(name, partition, at_ms)], timeout=ANSWER_S
        )
        return int(found.offset) if found.offset >= 0 else high

    def _read(
        self, domain: str, partition: int, start: int, end: int
    ) -> Iterator[tuple[int, bytes]]:
        if start >= end:
            return
        self._consumer.assign([TopicPartition(TOPICS[domain].name(self._prefix), partition, start)])
        at = start
        while at < end:
            message = self._consumer.poll(ANSWER_S)
            if message is None or message.error() is not None:
                why = "no answer" if message is None else message.error()
                raise Unavailable(f"{domain}/{partition}/{at} cannot be read: {why}")
            at = int(message.offset() or 0) + 1
            if at <= end:
                yield at - 1, message.value() or b""
