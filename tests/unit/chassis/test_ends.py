"""Ends of a partition whose broker is just away: asked for again, and never in vain for what will not mend."""

import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from chassis import source
from chassis.source import ends

PARTITION = TopicPartition("t", 0)


class Client:
    """Answers what it is given, one after the other."""

    def __init__(self, *answers: int | tuple[int, int]) -> None:
        self._answers = iter(answers)

    def get_watermark_offsets(self, _partition: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout > 0
        answer = next(self._answers)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


def asked(*answers: int | tuple[int, int]) -> tuple[int, int]:
    client: Any = Client(*answers)
    return ends(client, PARTITION, threading.Event())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "ENDS_PAUSE_S", 0.0)
    monkeypatch.setattr(source, "ENDS_TRIES", 3)


@pytest.mark.parametrize("error", sorted(source.ENDS_NOT_NOW))
def test_a_broker_that_is_away_is_asked_again(error: int) -> None:
    assert asked(error, error, (3, 7)) == (3, 7)


def test_a_broker_whose_connection_is_just_being_forgotten_is_asked_again() -> None:
    assert asked(KafkaError._DESTROY_BROKER, (3, 7)) == (3, 7)


def test_patience_ends() -> None:
    with pytest.raises(KafkaException):
        asked(*[KafkaError._TRANSPORT] * 3, (3, 7))


def test_what_does_not_mend_is_said_at_once() -> None:
    with pytest.raises(KafkaException):
        asked(KafkaError.TOPIC_AUTHORIZATION_FAILED, (3, 7))
