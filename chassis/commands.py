"""Commands: how HTTP doors, timers and the CLI ask the single writer of an aggregate, and learn its answer.

`issue` puts a command on its service's topic; `ask` also waits, bounded, for the `CommandSettled` with the
same id. No answer in time is not a refusal: the command stands and may be done later, which `StillPending`
says. The same `command_id` again has no second effect and gets the first answer.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from msgspec import Struct

from chassis.codec import Codec
from chassis.errors import Invalid, Unavailable
from chassis.log import logger
from chassis.processor import Emitted, headers
from chassis.producer import Publisher
from chassis.source import ends
from chassis.topics import TOPICS
from schemas.events.command_results import CommandSettled

LISTEN_LOOK_S = 0.5


class StillPending(Struct, frozen=True):
    """The command is durable, its result did not come in time. Ask again with the same id."""

    command_id: str


def envelope(codec: Codec, command: Struct, producer: str) -> Emitted:
    """A command or another record outside any aggregate's stream, ready to publish."""
    record: Any = type(command)
    key: str = getattr(command, record.__struct_fields__[0])
    name = getattr(command, "command_id", "") or str(uuid.uuid4())
    return Emitted(
        topic=record.TOPIC,
        key=key,
        value=codec.encode(command),
        headers=headers(command, name, key, producer, ""),
    )


class CommandDesk:
    """Issues commands of one process and listens for their results."""

    def __init__(self, publisher: Publisher, codec: Codec, producer: str) -> None:
        self._publisher = publisher
        self._codec = codec
        self._producer = producer
        self._waiting: dict[str, list[asyncio.Future[CommandSettled]]] = {}
        self._loop = asyncio.get_running_loop()
        self._stopping = threading.Event()
        self._listening = threading.Event()
        self._thread: threading.Thread | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Fails when results can no longer be read: without them nobody here would get an answer."""

    async def issue(self, commands: Sequence[Struct]) -> None:
        """Returns when Kafka has the commands. Raises DeliveryFailed."""
        await self._publisher.publish(
            [envelope(self._codec, command, self._producer) for command in commands]
        )

    async def ask(self, command: Any, timeout_s: float) -> CommandSettled | StillPending:
        """Issues one command and waits for its result at most `timeout_s`."""
        if self._thread is None:
            raise AssertionError("listen() comes before ask()")
        answer: asyncio.Future[CommandSettled] = self._loop.create_future()
        self._waiting.setdefault(command.command_id, []).append(answer)
        try:
            await self.issue([command])
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return StillPending(command.command_id)
        finally:
            left = [f for f in self._waiting.pop(command.command_id, []) if f is not answer]
            if left:
                self._waiting[command.command_id] = left

    async def listen(self, shared: Mapping[str, Any], prefix: str) -> None:
        """Starts to read results from now on; returns when positions are taken. Raises what prevents it."""
        self._thread = threading.Thread(
            target=self._run, args=(dict(shared), prefix), name="command-results", daemon=True
        )
        self._thread.start()
        while not await asyncio.to_thread(self._listening.wait, LISTEN_LOOK_S):
            if self.ended.done():
                self.ended.result()

    def close(self) -> None:
        """Stops listening."""
        self._stopping.set()

    def _run(self, shared: dict[str, Any], prefix: str) -> None:
        try:
            self._read(shared, prefix)
        except BaseException as error:  # noqa: BLE001 — handed to the asyncio side, which ends the process
            if not self._stopping.is_set():
                self._loop.call_soon_threadsafe(self._fail, error)

    def _fail(self, error: BaseException) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)

    def _read(self, shared: dict[str, Any], prefix: str) -> None:
        topic = TOPICS["command-results"]
        name = topic.name(prefix)
        # No group: every process reads all results from the end, nothing is committed.
        options = {
            "group.id": f"{prefix}.results",
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            **shared,
        }
        consumer = Consumer(options)
        partitions = [TopicPartition(name, p) for p in range(topic.partitions)]
        consumer.assign(
            [
                TopicPartition(p.topic, p.partition, ends(consumer, p, self._stopping)[1])
                for p in partitions
            ]
        )
        self._listening.set()
        while not self._stopping.is_set():
            message = consumer.poll(0.1)
            if message is None or message.error() is not None:
                continue
            try:
                result = self._codec.decode(message.value() or b"")
            except (Invalid, Unavailable) as error:
                # Who asked learns that no answer has come (`StillPending`).
                logger.warning("command result not understood", why=str(error))
                continue
            if isinstance(result, CommandSettled) and result.command_id in self._waiting:
                self._loop.call_soon_threadsafe(self._resolve, result)
        consumer.close()

    def _resolve(self, result: CommandSettled) -> None:
        for answer in self._waiting.get(result.command_id, []):
            if not answer.done():
                answer.set_result(result)
