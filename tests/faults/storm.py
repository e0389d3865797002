"""A storm over stock: buyers, three processes of inventory, and servers and processes that die at drawn moments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import valkey.asyncio as aio

from chassis.clock import SystemClock
from chassis.errors import Unavailable
from chassis.failpoints import POINTS
from chassis.postgres import AWAY
from chassis.valkey import connect
from deploy.embedded.ports import free_port
from deploy.embedded.stack import Stack
from services.inventory.counters import ValkeyCounters
from services.inventory.domain.ledger import Booked
from services.inventory.domain.model import Hold
from services.inventory.rebuild import decode_kept
from services.inventory.store import SQL
from tests.faults.inventory_process import UNGUARDED
from tests.faults.storm_buyers import SKUS, WAREHOUSES, Crowd
from tests.faults.storm_checker import Seen
from tests.integration.inventory.rig import RULES, House, house
from tests.integration.inventory.test_process import TOKEN
from tests.support import stack as stacks
from tests.unit.inventory.events import receipt

CLONE = Path(__file__).resolve().parents[2]
PROCESSES = 3
HOLD_S = 3
PATIENCE_S = 150.0
DRAIN_S = 25.0
QUIET_S = 60.0
"""A leaked hold heals by itself within a minute."""
QUIET_LOOKS = 8
DEADLY = sorted(
    point for point in POINTS if point.startswith(("batch.", "outbox.", "stock.", "epoch."))
)
SETTINGS = {
    "DANSHU_API_TOKEN": TOKEN,
    "DANSHU_INVENTORY_HOLD_S": str(HOLD_S),
    "DANSHU_INVENTORY_TIMER_MS": "200",
    "DANSHU_INVENTORY_SWEEP_AFTER_MS": "1000",
    "DANSHU_BATCH_RECORDS": "20",
    "DANSHU_RULES_DIR": str(RULES),
    "DANSHU_LOG_LEVEL": "WARNING",
}


class Processes:
    """Three processes of inventory, each started again when it has ended; while it storms they may die by themselves."""

    def __init__(
        self, addresses: Stack, at: House, folder: Path, bug: str, chance: random.Random
    ) -> None:
        self.stormy = True
        self.ports = [free_port() for _ in range(PROCESSES)]
        self.deaths = 0
        """How many were killed, by us or by themselves, before the end."""
        self._ending = False
        self._addresses = addresses
        self._house = at
        self._folder = folder
        self._bug = bug
        self._chance = chance
        self._running: dict[int, asyncio.subprocess.Process] = {}

    def draw(self) -> int:
        """One of them that is there; -1 when all are dead."""
        alive = [number for number, one in self._running.items() if one.returncode is None]
        return self._chance.choice(alive) if alive else -1

    def signal(self, number: int, what: signal.Signals) -> bool:
        """To one of them, if it is there; whether it was."""
        process = self._running.get(number)
        if process is None or process.returncode is not None:
            return False
        try:
            process.send_signal(what)
        except ProcessLookupError:
            return False
        return True

    def logs(self) -> str:
        """How the log of each of them ends."""
        paths = sorted(self._folder.glob("inventory-*.log"))
        ends = (path.read_text(encoding="utf-8", errors="replace")[-2000:] for path in paths)
        return "\n".join(f"{path.name}: … {end}" for path, end in zip(paths, ends, strict=True))

    async def run(self) -> None:
        """Until cancelled; then they end."""
        keeping = [asyncio.ensure_future(self._keep(number)) for number in range(PROCESSES)]
        try:
            # Does not cancel them: a process that is just being started must be known to be ended.
            await asyncio.wait(keeping, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._ending = True
            for what in (signal.SIGTERM, signal.SIGKILL):
                for number in range(PROCESSES):
                    self.signal(number, what)
                await asyncio.wait(keeping, timeout=DRAIN_S)
            await asyncio.gather(*keeping)

    async def _keep(self, number: int) -> None:
        while not self._ending:
            self._running[number] = process = await self._start(number)
            if self._ending:
                process.kill()
            ended = await process.wait()
            # At the end the last are killed as well, which is no part of the storm.
            if ended == -signal.SIGKILL and not self._ending:
                self.deaths += 1
            await asyncio.sleep(self._chance.random() / 2)

    async def _start(self, number: int) -> asyncio.subprocess.Process:
        deadly = ""
        if self.stormy and self._chance.random() < 0.6:
            deadly = f"{self._chance.choice(DEADLY)}=kill@{self._chance.randrange(1, 40)}"
        kafka = {
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "1000",
            "log_level": "0",
        }
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("DANSHU_")},
            **self._addresses.environment(),
            **SETTINGS,
            "DANSHU_POSTGRES_URL": self._house.url,
            "DANSHU_TOPIC_PREFIX": self._house.prefix,
            "DANSHU_HTTP_PORT": str(self.ports[number]),
            # A process started again under its old name gets its partitions at once.
            "DANSHU_INSTANCE": str(number),
            "DANSHU_KAFKA_OPTIONS": json.dumps(kafka),
            "DANSHU_FAILPOINTS": deadly,
        }
        bug = [self._bug] if self._bug else []
        with (self._folder / f"inventory-{number}.log").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.inventory_process", *bug),
                cwd=CLONE,
                env=environment,
                stdout=output,
                stderr=output,
            )


class Storm:
    """One storm, drawn from its seed."""

    def __init__(
        self, servers: stacks.PrivateStack, at: House, folder: Path, seed: int, bug: str = ""
    ) -> None:
        self.chance = random.Random(seed)
        self.faults: list[str] = []
        self.quiet_ms = 0
        self.processes = Processes(servers.addresses, at, folder, bug, random.Random(f"{seed} run"))
        self._servers = servers
        self._house = at
        self._seed = seed
        self._bug = bug
        self._clock = SystemClock()
        self._had: dict[str, int] = dict.fromkeys(SKUS, 0)
        self._watched: list[str] = []
        self._looks = 0
        self._found = asyncio.Event()

    async def blow(self, lasts_s: float, quiet_s: float = QUIET_S) -> Seen:
        """Everything that is left of it, once it is quiet, or has been for `quiet_s`.

        Ends early when books do not agree while it blows.
        """
        doors = [f"http://127.0.0.1:{port}" for port in self.processes.ports]
        crowd = Crowd(self._house, doors, self._seed, lasts_s)
        if self._bug == "last_word_removed":
            for statement in UNGUARDED:
                await self._house.fetch(statement)
        async with _beside(self.processes.run(), self._watch()):
            await self._stock_up()
            async with _beside(_patient(crowd.send_off)):
                buying = asyncio.ensure_future(crowd.buy())
                raging = asyncio.ensure_future(self._rage(lasts_s))
                await self._until(raging, buying)
            self.processes.stormy = False
            await asyncio.to_thread(self._servers.mend)
            await self._calm_down(quiet_s)
        # Nobody works any more: what is read one after the other is of one moment.
        return await self._look(crowd)

    async def _until(self, raging: asyncio.Future[None], buying: asyncio.Future[None]) -> None:
        """Both are done, or there is a finding already, or patience is at its end."""
        found: asyncio.Future[object] = asyncio.ensure_future(self._found.wait())
        both: asyncio.Future[object] = asyncio.ensure_future(asyncio.wait({raging, buying}))
        await asyncio.wait({both, found}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        found.cancel()
        both.cancel()
        for one in (raging, buying):
            # The nemesis stops before its servers are mended; buyers who still wait are found.
            if not one.done():
                one.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await one

    async def _stock_up(self) -> None:
        receipts = []
        for warehouse in WAREHOUSES:
            goods = [(sku, self.chance.randrange(1, 7)) for sku in SKUS]
            receipts.append(receipt(f"first-{warehouse}", warehouse, goods))
            for sku, pieces in goods:
                self._had[sku] += pieces
        await self._house.publish(receipts)
        await self._house.drained()

    async def _rage(self, lasts_s: float) -> None:
        """Faults, one after the other, until the time is over; each at least once.

        One that found nobody to happen to did not happen, and has its turn again.
        """
        faults: list[Callable[[], Awaitable[bool]]] = [
            self._kill_a_process,
            self._kill_valkey,
            self._kill_postgres,
            self._empty_valkey,
            self._forget_scripts,
            self._freeze_a_process,
        ]
        until_ms = self._clock.monotonic_ms() + int(lasts_s * 1000)
        while True:
            for fault in self.chance.sample(faults, len(faults)):
                each_once = len(set(self.faults)) == len(faults)
                if each_once and self._clock.monotonic_ms() > until_ms:
                    return
                await asyncio.sleep(self.chance.random() * lasts_s / 12)
                if await fault():
                    self.faults.append(fault.__name__)

    async def _kill_a_process(self) -> bool:
        return self.processes.signal(self.processes.draw(), signal.SIGKILL)

    async def _freeze_a_process(self) -> bool:
        number = self.processes.draw()
        if not self.processes.signal(number, signal.SIGSTOP):
            return False
        try:
            await asyncio.sleep(self.chance.random() * 2)
        finally:
            self.processes.signal(number, signal.SIGCONT)
        return True

    async def _kill_valkey(self) -> bool:
        return await self._kill("valkey")

    async def _kill_postgres(self) -> bool:
        return await self._kill("postgres")

    async def _kill(self, server: str) -> bool:
        await asyncio.to_thread(self._servers.kill, server)
        await asyncio.sleep(self.chance.random())
        await asyncio.to_thread(self._servers.start, server)
        return True

    async def _empty_valkey(self) -> bool:
        async with aio.Valkey.from_url(self._house.valkey_url) as client:
            return bool(await client.flushall())

    async def _forget_scripts(self) -> bool:
        async with aio.Valkey.from_url(self._house.valkey_url) as client:
            return bool(await client.script_flush())

    async def _watch(self) -> None:
        """Postgres' own books must agree at any moment, from one snapshot."""
        while True:
            with contextlib.suppress(*AWAY):
                sums = dict((await self._house.fetch(SQL["invariants"]))[0])
                self._looks += self.processes.stormy
                if any(sums.values()):
                    self._watched.append(str(sums))
                    self._found.set()
            await asyncio.sleep(0.2)

    async def _calm_down(self, quiet_s: float) -> None:
        """Returns when nothing is left to do, at the latest after so long."""
        started_ms = self._clock.monotonic_ms()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(quiet_s):
                looks = 0
                while looks < QUIET_LOOKS:
                    # Goods that come free go to orders that wait for them: quiet once is not quiet.
                    looks = looks + 1 if await self._is_quiet() else 0
                    await asyncio.sleep(0.2)
        self.quiet_ms = self._clock.monotonic_ms() - started_ms

    async def _is_quiet(self) -> bool:
        if not await self._house.caught_up():
            return False
        waiting = await self._house.fetch(
            "SELECT 1 FROM inventory.reservations WHERE state = 'held' AND expires_at IS NOT NULL"
        )
        if waiting:
            return False
        there, in_force, notes = await self._valkey()
        rows = await self._house.fetch(SQL["all_levels"])
        levels = {(row["warehouse"], row["sku"]): row["available"] for row in rows}
        return there == levels and in_force and not notes

    async def _valkey(self) -> tuple[dict[tuple[str, str], int] | None, bool, int]:
        """From the outside: levels of the epoch that Postgres has in force, whether Valkey has it, and the number of notes."""
        rows = await self._house.fetch(SQL["read_epoch"])
        number = next((row["epoch"] for row in rows if row["state"] == "LIVE"), None)
        if number is None:
            return None, False, 0
        client = connect(self._house.valkey_url)
        try:
            counters = ValkeyCounters(client, self._house.prefix)
            levels = await counters.levels(number)
            epoch = await counters.in_force()
            if epoch is None:
                return levels, False, 0
            notes = await counters.noted(epoch, 0, 1_000)
            return levels, epoch.number == number, len(notes or ())
        except Unavailable:
            return None, False, 0
        finally:
            await client.aclose()

    async def _look(self, crowd: Crowd) -> Seen:
        stored = await self._house.fetch("SELECT key, document FROM inventory.reservations")
        states = {row["key"]: decode_kept(row["document"]).state for row in stored}
        stock = await self._house.fetch(SQL["stock"])
        ledger = await self._house.fetch(SQL["entries_after"], 0, 1_000_000)
        there, in_force, notes = await self._valkey()
        return Seen(
            had=self._had,
            tills=crowd.tills,
            orders={key: one for key, one in crowd.orders.items() if one.sent},
            holds={key: state for key, state in states.items() if isinstance(state, Hold)},
            stock={
                (row["warehouse"], row["sku"]): (row["on_hand"], row["reserved"]) for row in stock
            },
            ledger=[Booked(*row) for row in ledger],
            events=[
                *await self._house.emitted("stock"),
                *await self._house.emitted("reservations"),
            ],
            valkey=there,
            in_force=in_force,
            notes=notes,
            now=self._clock.now(),
            watched=self._watched,
            looks=self._looks,
        )


@asynccontextmanager
async def storm(
    servers: stacks.PrivateStack, prefix: str, folder: Path, seed: int, bug: str = ""
) -> AsyncIterator[Storm]:
    """A storm over tables of its own; `prefix` names prepared topics, which storms may share."""
    servers.mend()
    addresses = servers.addresses
    with stacks.fresh_database(addresses.postgres_url) as url:
        async with house(addresses, prefix, url, addresses.valkey_url) as at:
            try:
                yield Storm(servers, at, folder, seed, bug)
            finally:
                await asyncio.to_thread(servers.mend)


@asynccontextmanager
async def _beside(*running: Awaitable[None]) -> AsyncIterator[None]:
    """Runs these while the block does; what ends one of them early is raised at its end."""
    tasks = [asyncio.ensure_future(one) for one in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for one in ended:
        if isinstance(one, BaseException) and not isinstance(one, asyncio.CancelledError):
            raise one


async def _patient(work: Callable[[], Awaitable[None]]) -> None:
    """Goes on after Postgres was away."""
    while True:
        with contextlib.suppress(*AWAY, asyncpg.PostgresError):
            await work()
        await asyncio.sleep(0.2)
