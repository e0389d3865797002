"""A record may be as large as an order can be, also on topics that were made when a megabyte was the most."""

from __future__ import annotations

import asyncio
import contextlib
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
from chassis.producer import DeliveryFailed, Publisher
from deploy.embedded.stack import Stack
from tests.support.rigs import read_topic

OF_KAFKA = "1048588"


async def takes_at_most(kafka: dict[str, Any], name: str, bytes_max: str) -> None:
    """Returns once the broker has heard of the change; it was taken by the controller."""
    async with asyncio.timeout(30):
        while topics.configured(kafka, name)[topics.MAX_BYTES] != bytes_max:  # noqa: ASYNC110 — a broker decides when
            await asyncio.sleep(0.05)


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
    await takes_at_most(kafka, name, OF_KAFKA)

    await asyncio.to_thread(topics.ensure, kafka, topic_prefix, 1)
    await takes_at_most(kafka, name, str(topics.RECORD_BYTES_MAX))
    order = os.urandom(5_000_000)
    publisher = Publisher(kafka, topic_prefix)
    async with asyncio.timeout(60):
        while True:  # the log itself hears of it a moment later
            with contextlib.suppress(DeliveryFailed):
                await publisher.publish([Emitted("channel-payloads", "k", order, ())])
                break
    publisher.close()
    assert await asyncio.to_thread(read_topic, kafka, topic_prefix, "channel-payloads") == [order]
