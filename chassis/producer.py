"""Publishing to Kafka, idempotent and acknowledged by all replicas, in the order it was asked.

Delivery reports are served in the event loop, between other work, while any is awaited: each takes the interpreter's
lock and gives it back, and a thread of its own would fight for it record by record. librdkafka's defaults that matter are stated: idempotence is off there by default, and its
partitioner differs from the Java and Faust clients'.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError as Error
from confluent_kafka import KafkaException, Message, Producer

from chassis.errors import Unavailable
from chassis.log import logger
from chassis.processor import Emitted
from chassis.topics import RECORD_BYTES_MAX, TOPICS

DELIVERY_TIMEOUT_MS = 30_000
FLUSH_TIMEOUT_S = 15.0
FULL_POLL_S = 0.05
SERVE_S = 0.004
"""How long a delivery report may wait to be served; Kafka gathers records for longer (linger)."""


class DeliveryFailed(Exception):
    """Kafka did not take a record in time. It may have been stored all the same, so the process ends and the
    outbox sends it again: consumers drop the duplicate by its version.
    """


def producer_options(shared: Mapping[str, Any]) -> dict[str, Any]:
    """Librdkafka options of every producer of ours."""
    return {
        "enable.idempotence": True,
        "acks": "all",
        # Same partition for a key as the Java and Faust clients choose.
        "partitioner": "murmur2_random",
        "linger.ms": 5,
        "compression.type": "lz4",
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        # librdkafka would buffer 1 GiB; 64 MiB is far more than a few batches in flight.
        "queue.buffering.max.kbytes": 65_536,
        "queue.buffering.max.messages": 200_000,
        # A record that is too large would be refused here for ever, and all that wait behind it.
        "message.max.bytes": RECORD_BYTES_MAX,
        **shared,
    }


class Publisher:
    """One producer for an asyncio process. `publish` queues; the future tells when Kafka has it all."""

    def __init__(self, shared: Mapping[str, Any], prefix: str) -> None:
        self._options = producer_options(shared)
        self._producer = Producer(self._options)
        self._broken = False
        """Whether this producer has failed for good: an idempotent one does, e.g. once the broker has lost what it acknowledged."""
        self._names = {domain: topic.name(prefix) for domain, topic in TOPICS.items()}
        self._lost = False
        self._awaited = 0
        """Records whose delivery reports are still to come."""
        self._served_in: asyncio.AbstractEventLoop | None = None

    def publish(self, emitted: Sequence[Emitted], *, in_line: bool = False) -> asyncio.Future[None]:
        """Queues records in order; the future is done when all are acknowledged.

        Fails with DeliveryFailed when one of them is not. Nothing is retried here: the outbox is. Records
        `in_line` never overtake each other: once one of them is lost, those behind it fail with it, until
        somebody who has them all in hand calls `resume`.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        if in_line and self._lost:
            done.set_exception(DeliveryFailed("an earlier record was lost"))
            return done
        if not emitted:
            done.set_result(None)
            return done
        self._replace_broken()
        pending = _Pending(len(emitted), done, self._lose if in_line else None)

        def report(error: Error | None, _message: Message) -> None:
            self._awaited -= 1
            pending.report(error)

        if self._served_in is not loop:
            self._served_in = loop
            loop.call_later(SERVE_S, self._serve, loop)
        for record in emitted:
            self._produce(
                self._names[record.topic], record.key, record.value, record.headers, report
            )
        return done

    def _produce(self, topic: str, key: str, value: bytes, headers: Any, report: Any) -> None:
        while True:
            try:
                self._producer.produce(
                    topic, value=value, key=key, headers=list(headers), on_delivery=report
                )
            except BufferError:
                # Our own back-pressure: the queue is full until delivery reports are served.
                self._poll(FULL_POLL_S)
            except KafkaException as error:
                self._broken |= bool(error.args[0].fatal() or error.args[0].code() == Error._FATAL)  # noqa: SLF001 — its public name
                raise DeliveryFailed(str(error.args[0])) from error
            else:
                self._awaited += 1
                return

    def _lose(self) -> None:
        """What waits behind a lost record is dropped before Kafka is back to take it."""
        if not self._lost:
            self._lost = True
            self._producer.purge(in_queue=True, in_flight=False, blocking=False)

    def resume(self) -> None:
        """Takes records in line again. Only for who has every lost record and sends them first, in order."""
        self._lost = False

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        self._poll(0)
        if self._awaited:
            loop.call_later(SERVE_S, self._serve, loop)
        else:
            self._served_in = None

    def _poll(self, timeout_s: float) -> None:
        try:
            self._producer.poll(timeout_s)
        except KafkaException as error:
            # What is on its way is reported as failed by the next polls.
            logger.error("producer_failed", why=str(error.args[0]))
            self._broken = True

    def _replace_broken(self) -> None:
        """With a new one, which Kafka knows under another id, once the old one owes nobody a report."""
        if self._broken and not self._awaited:
            self._producer = Producer(self._options)
            self._broken = False

    def close(self) -> None:
        """Sends what is queued and stops; bounded by FLUSH_TIMEOUT_S."""
        try:
            self._producer.flush(FLUSH_TIMEOUT_S)
        except KafkaException as error:
            logger.error("producer_failed", why=str(error.args[0]))

    def probe(self) -> None:
        """Raises Unavailable when no broker answers within two seconds."""
        try:
            self._producer.list_topics(timeout=2.0)
        except KafkaException as error:
            raise Unavailable(f"Kafka does not answer: {error.args[0]}") from error


class _Pending:
    """Counts delivery reports of one publish."""

    __slots__ = ("_count", "_done", "_error", "_lose")

    def __init__(
        self, count: int, done: asyncio.Future[None], lose: Callable[[], None] | None
    ) -> None:
        self._count = count
        self._done = done
        self._error: Error | None = None
        self._lose = lose

    def report(self, error: Error | None) -> None:
        """One delivery report."""
        self._count -= 1
        if error is not None:
            self._error = self._error or error
            if self._lose is not None:
                self._lose()
        if self._count or self._done.done():
            return
        if self._error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(DeliveryFailed(self._error.str()))
