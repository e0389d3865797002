"""A desk hears results, or says that it cannot."""

import pytest
from confluent_kafka import KafkaException

from chassis import source
from chassis.codec import codec
from chassis.commands import CommandDesk
from chassis.producer import Publisher
from deploy.embedded.stack import Stack


async def test_a_desk_that_cannot_read_results_fails_at_its_start(
    stack: Stack, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no results topic under this prefix: nobody would ever be answered."""
    monkeypatch.setattr(source, "ENDS_TRIES", 3)
    kafka = {"bootstrap.servers": stack.kafka_bootstrap}
    publisher = Publisher(kafka, topic_prefix)
    desk = CommandDesk(publisher, codec(), "test")
    try:
        with pytest.raises(KafkaException):
            await desk.listen(kafka, topic_prefix)
    finally:
        desk.close()
        publisher.close()
