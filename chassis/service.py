"""One process of one service: start in order, work, drain on SIGTERM within 20 s.

Start: settings → doors that lean on no server → migrations, schemas and topics (waiting for servers that are
away, and saying so) → the other doors → workers. Stop: /readyz turns 503, doors close, workers finish the batch in hand and publish it, clients
flush. A second signal ends at once. Whatever kills a worker ends the process with status 1. A process whose
doors lean on no server is ready while they are open: what else waits is said as degraded.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from chassis import metrics, registry, topics
from chassis.clock import Clock, SystemClock
from chassis.codec import Codec
from chassis.commands import CommandDesk
from chassis.errors import StartRefused, TooManyInvalid, Unavailable
from chassis.forgetting import forget_for_ever
from chassis.http import Door, Standing, admin_app
from chassis.log import configure, logger
from chassis.postgres import Pool, close_pool, migrate, open_pool
from chassis.priority import give_way
from chassis.processor import Processor
from chassis.producer import Publisher
from chassis.settings import Settings, read
from chassis.source import KafkaSource, gathered
from chassis.storage import PostgresStorage
from chassis.worker import Worker

VERSION = "0.1.0"
DRAIN_TIMEOUT_S = 20.0
END_TIMEOUT_S = 5.0
"""How long what was cancelled may take to end."""
END_ATTEMPTS = 3
WAIT_S = 1.0
GC_THRESHOLD = 50_000
CHASSIS_MIGRATIONS = Path(__file__).parent / "sql" / "migrations"

T = TypeVar("T", bound=Settings)
Reason = Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Early(Generic[T]):
    """What doors that open before any server answers may build on."""

    settings: T
    codec: Codec
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyDoor:
    """Doors that take things in whether servers answer or not."""

    door: Any = None
    """ASGI application; None where this process has no door."""
    close: Callable[[], Awaitable[None]]
    """Called when the door is closed and all else has stopped."""
    degraded: Reason
    """What the door does without at the moment, or an empty text."""
    opened: Any = None
    """Handed on as `Context.opened`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Early[T]):
    """What a service's composition root builds on."""

    pool: Pool
    publisher: Publisher
    desk: CommandDesk
    opened: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a composition root gives back."""

    processors: Sequence[Processor[Any]] = ()
    door: Any = None
    """ASGI application of the service's own doors."""
    tasks: Sequence[Callable[[], Awaitable[None]]] = ()
    """Timers and dispatchers: run until cancelled; an exception ends the process."""
    not_ready: Sequence[Reason] = field(default_factory=tuple)
    """Each gives a reason why the service is not ready, or an empty text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[T]):
    """A service as its `__main__` names it."""

    name: str
    settings: type[T]
    migrations: Mapping[str, Path]
    build: Callable[[Context[T]], Awaitable[Parts]]
    open_early: Callable[[Early[T]], EarlyDoor] | None = None
    """Makes the doors that lean on no server. Raises StartRefused."""
    niceness: int = 0
    """How far this service gives way to others on the same machine when it is full (see nice(1))."""


def run(service: Service[Any]) -> None:
    """Runs the service until SIGTERM; exits 0, 1 after a failure, 2 when the start is refused."""
    try:
        settings = read(service.settings)
    except StartRefused as refusal:
        print(f"{service.name}: {refusal}", file=sys.stderr)  # noqa: T201 — logging is not set up yet
        sys.exit(2)
    configure(service.name, settings.log_level)
    give_way(service.niceness)
    try:
        import uvloop

        uvloop.run(_Run(service, settings).main())
    except (StartRefused, TooManyInvalid) as refusal:
        logger.error("stopped", why=str(refusal))
        sys.exit(2)


class _Run:
    def __init__(self, service: Service[Any], settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._reasons: list[str] = ["starting"]
        self._awaited = ""
        """The server that the start waits for."""
        self._early: EarlyDoor | None = None
        self._door: Door | None = None
        self._codec = registry.codec_asking(settings.schema_registry_url)
        self._workers: list[Worker] = []
        self._sources: list[KafkaSource] = []
        self._parts = Parts()
        self._stopping = asyncio.Event()

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        settings = self._settings
        if self._service.open_early is not None:
            early = Early(settings=settings, codec=self._codec, clock=SystemClock())
            self._early = self._service.open_early(early)
        admin = Door(admin_app(self._standing), settings.admin_host, settings.admin_port)
        admin_port = await admin.open()
        early_app = self._early.door if self._early else None
        http_port = 0 if early_app is None else await self._open_door(early_app)
        await self._prepare()
        if not self._stopping.is_set():
            await self._serve(admin_port, http_port)
        await self._close_door()
        if self._early is not None:
            await self._early.close()
        await admin.close()

    async def _serve(self, admin_port: int, http_port: int) -> None:
        settings = self._settings
        pool = await open_pool(
            settings.postgres_url.get_secret_value(), settings.postgres_pool, self._service.name
        )
        publisher = Publisher(settings.kafka(), settings.topic_prefix)
        desk = CommandDesk(publisher, self._codec, self._service.name)
        await desk.listen(settings.kafka(), settings.topic_prefix)
        context = Context(
            settings=settings,
            pool=pool,
            publisher=publisher,
            desk=desk,
            codec=self._codec,
            clock=SystemClock(),
            opened=self._early.opened if self._early else None,
        )
        self._parts = await self._service.build(context)
        await self._work(context, admin_port, http_port)
        desk.close()
        publisher.close()
        await close_pool(pool)

    async def _open_door(self, app: Any) -> int:
        self._door = Door(app, self._settings.http_host, self._settings.http_port)
        return await self._door.open()

    async def _close_door(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            await door.close()

    async def _work(self, context: Context[Any], admin_port: int, http_port: int) -> None:
        # First: who cannot open its doors must not be given partitions that then nobody works on.
        if self._parts.door is not None:
            http_port = await self._open_door(self._parts.door)
        for processor in self._parts.processors:
            self._start_worker(context, processor)
        running: list[asyncio.Future[None]] = [
            asyncio.ensure_future(worker.run()) for worker in self._workers
        ]
        running += [asyncio.ensure_future(task()) for task in self._parts.tasks]
        running.append(asyncio.ensure_future(forget_for_ever(context.pool)))
        running.append(context.desk.ended)
        self._reasons.clear()
        # What is loaded now stays: the collector need not walk it again. Events are acyclic and die young, so
        # rare collections suffice; frequent ones cost 15 % of a decision's time.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 50)
        metrics.UP_INFO.labels(self._service.name, VERSION).set(1)
        logger.info("ready", admin_port=admin_port, http_port=http_port)
        stop: asyncio.Future[Any] = asyncio.ensure_future(self._stopping.wait())
        done, _ = await asyncio.wait({stop, *running}, return_when=asyncio.FIRST_COMPLETED)
        self._reasons.append("stopping")
        for ended in done - {stop}:
            logger.error("part_ended", part=_name(ended), why=_why(ended))
        await self._close_door()
        await self._drain(running[: len(self._workers)], running[len(self._workers) :])
        for source in self._sources:
            await source.stop()
        for ended in done - {stop}:
            ended.result()

    def _start_worker(self, context: Context[Any], processor: Processor[Any]) -> None:
        processor.check(topics.consumed_by(processor.name))
        storage = PostgresStorage(context.pool, processor, context.codec)
        source = KafkaSource(
            gathered(processor.gather_ms) | self._settings.kafka_member(),
            prefix=self._settings.topic_prefix,
            processor=processor.name,
            sources=topics.consumed_by(processor.name),
            handlers=processor.handlers,
            codec=context.codec,
            batch_records=self._settings.batch_records,
            positions=storage.offsets,
        )
        self._workers.append(
            Worker(
                processor,
                source=source,
                storage=storage,
                publisher=context.publisher,
                codec=context.codec,
                clock=context.clock,
            )
        )
        self._sources.append(source)
        source.start()

    async def _drain(
        self, workers: Sequence[asyncio.Future[None]], tasks: Sequence[asyncio.Future[None]]
    ) -> None:
        for task in tasks:
            task.cancel()
        for worker in self._workers:
            worker.stop()
        if workers:
            _, late = await asyncio.wait(workers, timeout=DRAIN_TIMEOUT_S)
            for running in late:
                running.cancel()
        if deaf := await _not_ended([*workers, *tasks]):
            # Neither at work nor ended, it would be restarted by nobody.
            logger.error("ended_by_force", parts=deaf)
            os._exit(1)

    async def _prepare(self) -> None:
        settings = self._settings
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "postgres": lambda: migrate(
                settings.postgres_url.get_secret_value(),
                {"chassis": CHASSIS_MIGRATIONS, **self._service.migrations},
            ),
            "schemas": lambda: asyncio.to_thread(registry.ensure, settings.schema_registry_url),
            "topics": lambda: asyncio.to_thread(
                topics.ensure,
                settings.kafka(),
                settings.topic_prefix,
                settings.kafka_replication,
            ),
        }
        for name, step in steps.items():
            while not self._stopping.is_set():
                try:
                    await step()
                    break
                except Unavailable as error:
                    self._awaited = f"waiting for {name}: {error}"
                    logger.warning("waiting", step=name, why=str(error))
                    await asyncio.sleep(WAIT_S)
        self._awaited = ""

    def _standing(self) -> Standing:
        waiting = [worker.waiting_for for worker in self._workers]
        waiting += [source.waiting_for for source in self._sources]
        waiting += [self._awaited, *(ask() for ask in self._parts.not_ready)]
        said = [*self._reasons, *filter(None, waiting)]
        if self._early is None:
            return Standing(reasons=tuple(said))
        degraded = tuple(filter(None, [*waiting, self._early.degraded()]))
        # A start that waits for a server is degraded; one that goes on is over in a moment.
        closed = self._door is None or (self._reasons and not self._awaited)
        return Standing(reasons=tuple(said if closed else ()), degraded=degraded)

    def _asked_to_stop(self) -> None:
        if self._stopping.is_set():
            os._exit(1)  # asked twice: now, without draining
        self._stopping.set()


async def _not_ended(parts: Sequence[asyncio.Future[None]]) -> list[str]:
    """The names of those cancelled parts that live on though they are cancelled again."""
    left = set(parts)
    for _ in range(END_ATTEMPTS):
        _, left = await asyncio.wait(left, timeout=END_TIMEOUT_S)
        if not left:
            break
        for part in left:
            part.cancel()
    await asyncio.gather(*(part for part in parts if part not in left), return_exceptions=True)
    return sorted(map(_name, left))


def _why(ended: asyncio.Future[None]) -> str:
    if ended.cancelled():
        return "cancelled"
    if (error := ended.exception()) is None:
        return "returned"
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename}:{last.lineno}"


def _name(part: asyncio.Future[Any]) -> str:
    if isinstance(part, asyncio.Task):
        return str(getattr(part.get_coro(), "__qualname__", part.get_name()))
    return "command results"
