"""A partition number belongs to one worker over all the sources of its processor."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis import source
from chassis.codec import codec
from chassis.errors import StartRefused
from chassis.source import KafkaSource, owned_together
from chassis.storage import Advance

BEFORE = {
    ("orders", 0): 5,
    ("orders", 1): 7,
    ("shipments", 0): 2,
    ("shipments", 1): 0,
    ("refunds", 0): 9,
}
ASSIGNED = [("orders", 0), ("orders", 1), ("shipments", 0), ("shipments", 1)]


def test_where_one_source_moves_the_others_of_its_partition_are_compared_and_stay() -> None:
    assert owned_together(BEFORE, {("shipments", 0): 4}, ASSIGNED) == (
        Advance("orders", 0, 5, 5),
        Advance("shipments", 0, 2, 4),
    )


def test_every_partition_that_moves_is_named_once_and_in_a_fixed_order() -> None:
    moved = {("shipments", 1): 1, ("orders", 0): 6, ("shipments", 0): 3}

    assert owned_together(BEFORE, moved, ASSIGNED) == (
        Advance("orders", 0, 5, 6),
        Advance("orders", 1, 7, 7),
        Advance("shipments", 0, 2, 3),
        Advance("shipments", 1, 0, 1),
    )


def test_a_position_known_from_an_earlier_assignment_is_left_alone() -> None:
    named = {move.source for move in owned_together(BEFORE, {("orders", 0): 6}, ASSIGNED)}

    assert "refunds" not in named


class Fenced:
    """A client whose name another process has taken: Kafka says so at whatever it does next."""

    def __init__(self, _options: object) -> None:
        self.closed = False

    def subscribe(self, *_topics: object, **_callbacks: object) -> None:
        """In a group that has a newer member of this name."""

    def poll(self, _timeout_s: float) -> None:
        """As librdkafka says it, also of a commit."""
        reason = "Static consumer fenced by other consumer with same group.instance.id"
        raise KafkaException(KafkaError(KafkaError._FATAL, reason))

    def close(self) -> None:
        """Leaves."""
        self.closed = True


async def test_who_is_fenced_says_how_to_mend_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def positions(_first: Any) -> dict[tuple[str, int], int]:
        return {}

    monkeypatch.setattr(source, "Consumer", Fenced)
    reading = KafkaSource(
        {},
        prefix="t",
        processor="p",
        sources=("orders",),
        handlers={},
        codec=codec(),
        batch_records=1,
        positions=positions,
    )
    reading.start()
    with pytest.raises(StartRefused, match="DANSHU_INSTANCE"):
        await reading.next_batch(10.0)
    await reading.stop()
