"""A trial of the consumer transaction: orders are sent, worker processes run and die, the history is read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient
from msgspec import Struct

from chassis.codec import codec
from chassis.source import SEEKING
from chassis.topics import TOPICS
from schemas.events.command_results import CommandSettled
from schemas.events.order_states import OrderHeld, OrderStateChanged
from tests.faults.consumer_checker import History, Out, Sent
from tests.support.rigs import ServerRig
from tests.support.toy import TOY, hold, paid, placed

CLONE = Path(__file__).resolve().parents[2]
NO_OPTIONS: Mapping[str, object] = {}
PATIENCE_S = 60.0
POLL_S = 0.02
OPTIONS = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000}
"""The shortest session a broker grants by default: a zombie's partitions are given away after it."""
STATIC = {"group.instance.id": "worker-1"}
"""A worker started again under its old name gets its partitions at once, as under a StatefulSet."""
EMITTED = (OrderStateChanged.TOPIC, OrderHeld.TOPIC)
TWICE = 0.2
EARLY = 0.05
"""Share of events sent twice, and of orders whose payment is sent before the order."""


class Trial:
    """One database, one topic prefix, and the processes on them."""

    def __init__(self, rig: ServerRig, folder: Path, seed: int) -> None:
        self._rig = rig
        self._folder = folder
        self._random = random.Random(seed)
        self._processes: list[asyncio.subprocess.Process] = []
        self._orders: set[str] = set()
        self._holds: dict[str, str] = {}
        self.database: asyncpg.Connection[asyncpg.Record]

    async def send(self, count: int) -> None:
        """Publishes `count` more orders, placed and paid, a hold for every third, with repetitions."""
        events: list[Struct] = []
        for number in range(len(self._orders), len(self._orders) + count):
            order_id = f"T{number:04d}"
            self._orders.add(order_id)
            pair: list[Struct] = [placed(order_id), paid(order_id)]
            if self._random.random() < EARLY:
                pair.reverse()
            if number % 3 == 0:
                self._holds[f"hold-{order_id}"] = order_id
                pair.append(hold(order_id, f"hold-{order_id}"))
            events += pair
        repeated = [e for e in events if self._random.random() < TWICE]
        self._random.shuffle(repeated)
        await self._rig.publish(events + repeated)

    async def hold_all(self) -> None:
        """Publishes one more hold for every order."""
        again = {f"again-{order_id}": order_id for order_id in sorted(self._orders)}
        self._holds |= again
        await self._rig.publish([hold(order_id, command) for command, order_id in again.items()])

    async def start(
        self, failpoint: str = "", *, bug: str = "", options: Mapping[str, object] = NO_OPTIONS
    ) -> asyncio.subprocess.Process:
        """A worker process; `options` are librdkafka's."""
        kafka = {**self._rig.kafka, **OPTIONS, **options}
        command = [
            sys.executable, "-m", "tests.faults.worker_process",
            "--kafka", json.dumps(kafka), "--prefix", self._rig.prefix, "--url", self._rig.url,
            *(["--bug", bug] if bug else []),
        ]  # fmt: skip
        log = self._folder / f"worker-{len(self._processes)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=CLONE,
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "DANSHU_FAILPOINTS": failpoint},
            )
        self._processes.append(process)
        return process

    async def until_killed(self, process: asyncio.subprocess.Process) -> None:
        """Returns when a failpoint has killed the process."""
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == -signal.SIGKILL, self._log(process)

    async def until_stopped(self, process: asyncio.subprocess.Process) -> None:
        """Returns when a failpoint has stopped the process."""
        stopped = psutil.Process(process.pid)

        async def holds() -> bool:
            assert process.returncode is None, self._log(process)
            return stopped.status() == psutil.STATUS_STOPPED

        await self._until(holds)

    def wake(self, process: asyncio.subprocess.Process) -> None:
        """SIGCONT: the zombie goes on where it was."""
        os.kill(process.pid, signal.SIGCONT)

    async def until_blocked(self) -> None:
        """Returns when a transaction waits for the lock of another."""

        async def holds() -> bool:
            waiting = await self._count(
                "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return waiting > 0

        await self._until(holds)

    async def end_sessions(self) -> None:
        """What Postgres does after a minute to a worker which keeps silent in a transaction."""
        await self.database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    async def until_shared(self, workers: int) -> None:
        """Returns when the group has settled on this many members."""
        admin = AdminClient(self._rig.kafka)
        group = f"{self._rig.prefix}.{TOY.name}"

        async def holds() -> bool:
            asked = admin.describe_consumer_groups([group])[group]
            found = await asyncio.to_thread(asked.result)
            stable = found.state == ConsumerGroupState.STABLE
            return stable and len(found.members) == workers

        await self._until(holds)

    async def until_done(self, *alive: asyncio.subprocess.Process) -> None:
        """Returns when everything sent is applied and told; fails when a worker dies meanwhile."""

        async def holds() -> bool:
            for process in alive:
                assert process.returncode is None, self._log(process)
            return await self._rig.caught_up()

        try:
            await self._until(holds)
        except TimeoutError:
            raise AssertionError(await self._standing()) from None

    async def _standing(self) -> str:
        """Who stands still where: for the reader of a failure."""
        behind = await self.database.fetch(
            "SELECT topic, partition, next FROM chassis.consumer_offsets ORDER BY 1, 2"
        )
        ends = await asyncio.to_thread(self._rig.ends)
        sessions = await self.database.fetch(
            "SELECT pid, state, wait_event_type, xact_start, left(query, 60) AS query "
            "FROM pg_stat_activity WHERE datname = current_database()"
        )
        lag = {
            (
                row["topic"],
                row["partition"],
            ): f"{row['next']} of {ends[row['topic'], row['partition']]}"
            for row in behind
            if row["next"] != ends[row["topic"], row["partition"]]
        }
        unmarked = await self._count("chassis.outbox WHERE published_at IS NULL")
        return f"behind: {lag}; {unmarked} outbox rows unmarked; sessions: {[*map(dict, sessions)]}"

    async def end(self, *processes: asyncio.subprocess.Process) -> None:
        """SIGTERM; each must leave in order."""
        for process in processes:
            process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            for process in processes:
                assert await process.wait() == 0, self._log(process)

    async def history(self) -> History:
        """What was sent and what came of it; the processes have ended."""
        rows = await self.database.fetch("SELECT key, document FROM toy.orders")
        states = {row["key"]: msgspec.json.decode(row["document"])["state"] for row in rows}
        settled = await self.database.fetch(
            "SELECT command_id, outcome FROM chassis.commands_settled"
        )
        offsets = await self.database.fetch(
            "SELECT topic, partition, next FROM chassis.consumer_offsets"
        )
        results = await asyncio.to_thread(self._read, "command-results")
        return History(
            sent=Sent(orders=frozenset(self._orders), holds=dict(self._holds)),
            applied={
                key: (state["placed"], state["paid"]) for key, state in states.items() if state
            },
            emitted=tuple(await asyncio.to_thread(self._read, *EMITTED)),
            settled={row["command_id"]: row["outcome"] for row in settled},
            results=tuple((out.key, out.kind) for out in results),
            offsets={(row["topic"], row["partition"]): row["next"] for row in offsets},
            ends=await asyncio.to_thread(self._rig.ends),
            unmarked=await self._count("chassis.outbox WHERE published_at IS NULL"),
            parked=await self._count("chassis.parked"),
            dead=await self._count("chassis.dead_letters"),
        )

    def kill_all(self) -> None:
        """Ends whatever still runs."""
        for process in self._processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()

    async def _count(self, rows: str) -> int:
        counted: int = await self.database.fetchval(f"SELECT count(*) FROM {rows}")
        return counted

    async def _until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 — another process makes it true
                await asyncio.sleep(POLL_S)

    def _log(self, process: asyncio.subprocess.Process) -> str:
        number = self._processes.index(process)
        text = (self._folder / f"worker-{number}.log").read_text(errors="replace")
        return f"worker {number} ended with {process.returncode}:\n{text[-3000:]}"

    def _read(self, *domains: str) -> list[Out]:
        """Every record of these topics up to their present ends."""
        group = {"group.id": f"{self._rig.prefix}.history"}
        consumer = Consumer({**self._rig.kafka, **SEEKING, **group})
        read: list[Out] = []
        try:
            for topic in (TOPICS[domain] for domain in domains):
                for number in range(topic.partitions):
                    where = TopicPartition(topic.name(self._rig.prefix), number, 0)
                    at, end = consumer.get_watermark_offsets(where, timeout=10)
                    consumer.assign([where])
                    while at < end:
                        message = consumer.poll(10.0)
                        assert message is not None, f"{where} gives nothing at {at} of {end}"
                        if message.error() is None:
                            at = (message.offset() or 0) + 1
                            read.append(_out(topic.domain, message))
        finally:
            consumer.close()
        return read


def _out(domain: str, message: Any) -> Out:
    event = codec().decode(message.value())
    kind = type(event).__name__
    match event:
        case OrderStateChanged():
            kind = f"{kind}:{event.to_state}"
        case CommandSettled():
            kind = event.outcome
    return Out(
        topic=domain,
        partition=message.partition(),
        offset=message.offset(),
        key=message.key().decode(),
        version=codec().peek(message.value()).version,
        kind=kind,
        value=message.value(),
        event_id=dict(message.headers())["ce_id"].decode(),
    )


@asynccontextmanager
async def on_trial(rig: ServerRig, folder: Path, seed: int) -> AsyncIterator[Trial]:
    """A trial whose processes never outlive it."""
    trial = Trial(rig, folder, seed)
    trial.database = await asyncpg.connect(rig.url)
    try:
        yield trial
    finally:
        trial.kill_all()
        await trial.database.close()
