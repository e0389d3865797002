"""The whole platform under traffic on servers a test may kill, with its checker at the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import valkey.asyncio as aio

from chassis.clock import SystemClock
from demo.checker import Report, summary
from demo.figures import Figures
from demo.platform import Platform
from demo.staff import Staff
from tests.support import stack as stacks

SERVICES = ("ingest", "inventory", "orders", "fulfillment", "refunds", "console")
RATE_PER_S = 15.0
SETTLE_TIMEOUT_S = 150.0
"""Room for a machine with other work; an idle one needs a third."""

LOG_END = 2_000
"""Characters of each log that are shown when something is found."""
BRISK = {
    "tracking_step_s": 0.5,
    "confirm_after_s": 0.5,
    "mix": {
        "pay_after_s": [1, 5],
        "change_after_s": [1, 5],
        "after_sale_after_s": [1, 5],
        "after_sale_pct": 10,
    },
}
"""Buyers and carriers who make up their minds quickly: a shorter tail after the last order."""


class Market:
    """Traffic, people at their desks, and hands on servers and processes."""

    def __init__(self, platform: Platform, servers: stacks.PrivateStack) -> None:
        self.platform = platform
        self.servers = servers
        self._clock = SystemClock()
        self._figures = Figures(platform)

    async def open(self, *, rate_per_s: float = RATE_PER_S) -> None:
        """Orders come in until `close`."""
        answer = await self.platform.http.post(
            f"{self.platform.simulators_url}/_sim/traffic", json={"rate_per_s": rate_per_s}
        )
        answer.raise_for_status()

    async def placed(self, more: int) -> None:
        """Returns when so many more orders were placed outside: the run's own measure of time."""
        wanted = await self._orders() + more
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while await self._orders() < wanted:  # noqa: ASYNC110 — another process counts
                await asyncio.sleep(0.1)

    async def ready(self, service: str) -> None:
        """Returns when a service which was killed is back and ready."""
        url = f"http://127.0.0.1:{self.platform.admin[service]}/readyz"
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while not await self._answers(url):  # noqa: ASYNC110 — another process answers
                await asyncio.sleep(0.1)

    async def flush_valkey(self) -> None:
        """FLUSHALL: every counter and hold in it is gone."""
        self.platform.disturbances += 1
        async with aio.Valkey.from_url(self.platform.stack.valkey_url) as client:
            await client.flushall()

    async def kill_server(self, name: str) -> None:
        """SIGKILL, then a start on the same port and data."""
        self.platform.disturbances += 1
        await asyncio.to_thread(self.servers.kill, name)
        await asyncio.to_thread(self.servers.start, name)

    async def restart_server(self, name: str) -> None:
        """An orderly stop, then a start on the same port and data."""
        self.platform.disturbances += 1
        await asyncio.to_thread(self.servers.restart, name)

    async def kill(self, service: str) -> None:
        """SIGKILL of a service process, as soon as there is one; the supervisor starts it again."""
        await self._signal(service, signal.SIGKILL)

    async def freeze(self, service: str) -> None:
        """SIGSTOP of a service process, as soon as there is one."""
        self.platform.disturbances += 1
        await self._signal(service, signal.SIGSTOP)

    async def thaw(self, service: str) -> None:
        """SIGCONT of it."""
        await self._signal(service, signal.SIGCONT)

    async def _signal(self, service: str, what: signal.Signals) -> None:
        async with asyncio.timeout(SETTLE_TIMEOUT_S):
            while not self.platform.supervisor.signal(service, what):  # noqa: ASYNC110 — another task starts it
                await asyncio.sleep(0.1)

    async def close(self) -> Report:
        """Stops traffic; the report when nothing is to find and all work is done, or after SETTLE_TIMEOUT_S."""
        platform = self.platform
        started_ms = self._clock.monotonic_ms()
        await platform.http.delete(f"{platform.simulators_url}/_sim/traffic")
        report = await self._figures.final_report(SETTLE_TIMEOUT_S)
        took_s = (self._clock.monotonic_ms() - started_ms) / 1000
        restarts = platform.supervisor.restarts()
        print(  # noqa: T201 — read with `pytest -s`, and shown where a test fails
            f"recovered and done {took_s:.1f} s after the last order; {restarts} processes started "
            f"again; looked at {dict(report.looked_at)}",
            *summary(report),
            *report.unfinished[:10],
            sep="\n  ",
        )
        if not report.clean or report.unfinished:
            print(self._ends_of_logs())  # noqa: T201
        return report

    def _ends_of_logs(self) -> str:
        children = self.platform.supervisor.children.values()
        return "\n".join(
            f"{child.name}, ended with {child.exits}: … "
            f"{child.log.read_text(encoding='utf-8', errors='replace')[-LOG_END:]}"
            for child in children
        )

    async def _answers(self, url: str) -> bool:
        try:
            return (await self.platform.http.get(url)).status_code == 200
        except httpx2.HTTPError:
            return False

    async def _orders(self) -> int:
        answer = await self.platform.http.get(f"{self.platform.simulators_url}/_sim/traffic")
        count: int = answer.json()["orders"]
        return count


@asynccontextmanager
async def open_market(
    servers: stacks.PrivateStack, folder: Path, seed: int
) -> AsyncIterator[Market]:
    """Every service, simulators with their usual faults, stock booked, people at work."""
    addresses = servers.addresses
    with (
        stacks.fresh_database(addresses.postgres_url) as url,
        stacks.fresh_topics(addresses.kafka_bootstrap) as prefix,
    ):
        platform = Platform(
            addresses,
            folder,
            prefix=prefix,
            postgres_url=url,
            simulator={"seed": seed, "faults": "default", "stock_multiplier": 5, **BRISK},
            services=SERVICES,
        )
        async with platform:
            staff = Staff(platform)
            await staff.stock_up()
            working = asyncio.create_task(staff.run())
            try:
                yield Market(platform, servers)
            finally:
                working.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await working
