"""A record may be as large as an order can be, also on topics that were made when a megabyte was the most."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from chassis import topics
from chassis.processor import Emitted
from chassis.producer import Publisher
from deploy.embedded.stack import Stack
from tests.support.rigs import read_topic

OF_KAFKA = "1048588"


async def test_an_order_of_several_megabytes_goes_through_a_topic_of_old(
    stack: Stack, topic_prefix: str
) -> None:
    kafka: dict[str, Any] = {"bootstrap.servers": stack.kafka_bootstrap}
    name = topics.TOPICS["channel-payloads"].name(topic_prefix)
    await asyncio.to_thread(topics.ensure, kafka, topic_prefix, 1)
    small = ConfigEntry(topics.MAX_BYTES, OF_KAFKA, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[small])
    admin = AdminClient(kafka)
    admin.incremental_alter_configs([resource])[resource].result(timeout=10)
    assert topics.configured(kafka, name)[topics.MAX_BYTES] == OF_KAFKA

    await asyncio.to_thread(topics.ensure, kafka, topic_prefix, 1)
    order = os.urandom(5_000_000)
    publisher = Publisher(kafka, topic_prefix)
    await publisher.publish([Emitted("channel-payloads", "k", order, ())])
    publisher.close()
    assert await asyncio.to_thread(read_topic, kafka, topic_prefix, "channel-payloads") == [order]
