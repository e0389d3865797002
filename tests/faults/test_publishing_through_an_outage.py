"""Kafka is away for longer than a record may wait: what is behind a lost record must not overtake it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chassis import registry, topics
from chassis.codec import codec
from chassis.processor import Emitted
from chassis.producer import DeliveryFailed, Publisher
from tests.support import stack as stacks
from tests.support.rigs import read_topic
from tests.support.toy import paid, placed

pytestmark = [pytest.mark.faults, pytest.mark.serial]

DELIVERY_TIMEOUT_MS = 6_000
BETWEEN_S = 4.0
"""The second record may wait this much longer than the first: Kafka might be back in between."""


def _record(event: Any) -> Emitted:
    return Emitted("orders", event.order_id, codec().encode(event), ())


async def test_a_record_behind_a_lost_one_is_lost_with_it(
    private_stack: stacks.PrivateStack,
) -> None:
    addresses = private_stack.addresses
    with stacks.fresh_topics(addresses.kafka_bootstrap) as prefix:
        kafka: dict[str, Any] = {"bootstrap.servers": addresses.kafka_bootstrap}
        await asyncio.to_thread(registry.ensure, addresses.schema_registry_url)
        await asyncio.to_thread(topics.ensure, kafka, prefix, 1)
        publisher = Publisher({**kafka, "delivery.timeout.ms": DELIVERY_TIMEOUT_MS}, prefix)
        try:
            await publisher.publish([_record(placed("T0"))], in_line=True)
            await asyncio.to_thread(private_stack.kill, "kafka")
            first = publisher.publish([_record(placed("T1"))], in_line=True)
            await asyncio.sleep(BETWEEN_S)  # how much younger the second is
            second = publisher.publish([_record(paid("T1"))], in_line=True)
            with pytest.raises(DeliveryFailed):
                await first

            async with asyncio.timeout(BETWEEN_S / 2):
                with pytest.raises(DeliveryFailed):
                    await second
            await asyncio.to_thread(private_stack.start, "kafka")
            with pytest.raises(DeliveryFailed):
                await publisher.publish([_record(paid("T1"))], in_line=True)
            await publisher.publish([_record(placed("T2"))])
        finally:
            publisher.close()
        values = await asyncio.to_thread(read_topic, kafka, prefix, "orders")

    assert sorted(codec().peek(value).key for value in values) == ["T0", "T2"]
