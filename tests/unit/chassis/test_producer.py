"""A producer that has failed for good is told of at once and replaced."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis import producer
from chassis.processor import Emitted
from chassis.producer import DeliveryFailed, Publisher

RECORD = Emitted("orders", "k", b"v", ())


class Failing:
    """As librdkafka's idempotent producer is once it is fatal: poll raises that once, fails what is on its way afterwards, and
    nothing can be produced any more. The first of them fails at its second record.
    """

    made: int = 0

    def __init__(self, _options: object) -> None:
        type(self).made += 1
        self.fails = type(self).made == 1
        self.reports: deque[Any] = deque()
        self.accepted = 0
        self.fatal = False

    def produce(self, _topic: str, *, on_delivery: Any, **_record: object) -> None:
        """Takes a record, unless it is over."""
        if self.fatal:
            raise KafkaException(KafkaError(KafkaError._FATAL, "over", fatal=True))
        self.accepted += 1
        self.reports.append(on_delivery)

    def poll(self, _timeout_s: float) -> None:
        """Serves the reports."""
        if self.fails and self.accepted > 1 and not self.fatal:
            self.fatal = True
            raise KafkaException(KafkaError(KafkaError._FATAL, "sequence lost", fatal=True))
        error = KafkaError(KafkaError._FATAL, "over") if self.fatal else None
        while self.reports:
            self.reports.popleft()(error, None)

    def flush(self, timeout_s: float) -> None:
        """As poll."""
        self.poll(timeout_s)

    def purge(self, **_which: bool) -> None:
        """Nothing waits in a queue."""


async def test_what_is_on_its_way_fails_at_once_and_the_next_record_goes_out_by_another_producer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Failing, "made", 0)
    monkeypatch.setattr(producer, "Producer", Failing)
    publisher = Publisher({}, "t")
    await publisher.publish([RECORD])
    lost = publisher.publish([RECORD], in_line=True)
    behind = publisher.publish([RECORD], in_line=True)
    with pytest.raises(DeliveryFailed, match="over"):
        await lost
    with pytest.raises(DeliveryFailed):
        await behind
    with pytest.raises(DeliveryFailed, match="an earlier record"):
        await publisher.publish([RECORD], in_line=True)
    publisher.resume()
    await publisher.publish([RECORD, RECORD], in_line=True)
    assert Failing.made == 2
    publisher.close()
