"""`make soak`: orders of all channels under a storm of faults, with Kafka and a channel away in its middle.

Everything is real but the outside world, whose every fault is switched on. At a quarter of the orders one channel goes
down, at half of them Kafka is killed and stays away; orders come in all the while. Told as it goes: how far the hub
is behind, and how long it took to catch up after each outage. At the end the checker compares both worlds order by
order: each there once, with its newest content, every refused payload with its reason, every parcel told once, money
and stock exact. Exit status 1 where anything is found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import httpx2
from rich.console import Console

from chassis.clock import SystemClock
from demo.checker import Report
from demo.figures import Figures
from demo.platform import Platform
from demo.processes import Supervisor
from demo.run import JUDGES_AFTER_S, MIX
from demo.staff import Staff
from deploy.embedded import stack as embedded
from deploy.embedded.ports import reserved
from simulators.registry import MARKETPLACES
from tests.soak.troubles import make_trouble

CAUGHT_UP_S = 3.0
"""So many seconds' worth of orders may be under way without the hub being behind."""
SETTLE_TIMEOUT_S = 1800.0
LOOK_TIMEOUT_S = 60.0
TELL_EVERY_S = 10.0
KNOWN = "SELECT count(*) FROM ingest.orders WHERE channel = ANY($1::text[])"
REASONS = """
SELECT problem->>'code' AS reason, count(*) AS n
FROM ingest.quarantine, jsonb_array_elements(problems::jsonb) AS problem GROUP BY 1 ORDER BY 2 DESC
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--orders", type=int, default=50_000)
    parser.add_argument("--rate", type=float, default=40.0, help="orders a second")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", choices=("none", "default", "storm"), default="storm")
    parser.add_argument("--channel", choices=sorted(MARKETPLACES), default="douyin")
    parser.add_argument("--channel-down", type=float, default=300.0, help="seconds")
    parser.add_argument("--kafka-down", type=float, default=60.0, help="seconds")
    parser.add_argument(
        "--troubles",
        action="store_true",
        help="kill and freeze services and servers all the while, as the seed has it",
    )
    return parser.parse_args()


class Soak:
    """One run on a platform that is up."""

    def __init__(self, platform: Platform, home: Path, wanted: argparse.Namespace) -> None:
        self._platform = platform
        self._home = home
        self._wanted = wanted
        self._clock = SystemClock()
        self._console = Console(soft_wrap=True, highlight=False)
        self._started_ms = self._clock.monotonic_ms()
        self._caught_up: dict[str, float] = {}
        self._told_ms = self._started_ms

    async def run(self) -> tuple[Report, dict[str, Any]]:
        """The final report, and what is worth keeping of the run."""
        figures, wanted = Figures(self._platform), self._wanted
        async with asyncio.TaskGroup() as group:
            staff = Staff(self._platform, judges_after_s=JUDGES_AFTER_S)
            await staff.stock_up()
            working = group.create_task(staff.run())
            await self._traffic()
            telling = group.create_task(self._tell_for_ever())
            troubling = group.create_task(self._make_trouble())
            await self._placed(wanted.orders // 4)
            await self._outage(f"{wanted.channel} down", wanted.channel_down, self._channel_down)
            await self._placed(wanted.orders // 2)
            await self._outage("kafka down", wanted.kafka_down, self._kafka_down)
            await self._placed(wanted.orders)
            telling.cancel()
            troubling.cancel()
            await asyncio.wait({troubling})
            self._say("no more orders; waiting until all work is done")
            report = await figures.final_report(SETTLE_TIMEOUT_S, self._tell_what_is_left)
            working.cancel()
            return report, await self._summary(figures, report)
        raise AssertionError

    async def _make_trouble(self) -> None:
        if self._wanted.troubles:
            random = Random(self._wanted.seed)
            await make_trouble(self._platform, self._home, random, self._say)

    async def _traffic(self) -> None:
        order = {"rate_per_s": self._wanted.rate, "count": self._wanted.orders}
        answer = await self._platform.http.post(self._sim("traffic"), json=order)
        answer.raise_for_status()

    async def _placed(self, count: int) -> None:
        while await self._outside() < count:  # noqa: ASYNC110 — another process counts
            await asyncio.sleep(0.5)

    async def _outage(
        self, name: str, seconds: float, bring_about: Callable[[float], Awaitable[list[str]]]
    ) -> None:
        """An outage, and how long after its end nothing is missing of those it hit."""
        if not seconds:
            return
        self._say(f"{name} for {seconds:.0f} s")
        channels = await bring_about(seconds)
        ended_ms = self._clock.monotonic_ms()
        while await self._behind(channels) > CAUGHT_UP_S * self._wanted.rate:  # noqa: ASYNC110
            await asyncio.sleep(1.0)
        took_s = (self._clock.monotonic_ms() - ended_ms) / 1000
        self._caught_up[name] = round(took_s, 1)
        self._say(f"{name} is over, caught up in {took_s:.1f} s")

    async def _channel_down(self, seconds: float) -> list[str]:
        self._platform.disturbances += 1
        wanted = {"channel": self._wanted.channel, "seconds": seconds}
        (await self._platform.http.post(self._sim("outage"), json=wanted)).raise_for_status()
        await asyncio.sleep(seconds)
        return [self._wanted.channel]

    async def _kafka_down(self, seconds: float) -> list[str]:
        self._platform.disturbances += 1
        ports = {one.name: one.ports for one in embedded.status(self._home)}["kafka"]
        await asyncio.to_thread(embedded.kill, self._home, "kafka")
        # Nobody else's server may move in meanwhile: clients know this address.
        with reserved(ports):
            await asyncio.sleep(seconds)
            await asyncio.to_thread(embedded.start, self._home, "kafka")
        return list(MARKETPLACES)

    async def _behind(self, channels: list[str]) -> int:
        """Orders of these channels that their platforms list and the hub does not know."""
        by_channel = (await self._asked("ledger/totals"))["orders_listed"]
        listed = sum(int(by_channel[channel]) for channel in channels)
        connection = await asyncpg.connect(self._platform.postgres_url, timeout=LOOK_TIMEOUT_S)
        try:
            known: int = await connection.fetchval(KNOWN, channels)
        finally:
            await connection.close()
        return listed - known

    async def _outside(self) -> int:
        return int((await self._asked("traffic"))["orders"])

    async def _asked(self, path: str) -> dict[str, Any]:
        """What the outside world tells; a busy machine answers late."""
        answer = await self._platform.http.get(self._sim(path), timeout=LOOK_TIMEOUT_S)
        told: dict[str, Any] = answer.json()
        return told

    async def _tell_for_ever(self) -> None:
        while True:
            try:
                placed, behind = await self._outside(), await self._behind(list(MARKETPLACES))
                self._say(f"{placed} orders placed, {behind} not known yet")
            except (httpx2.HTTPError, OSError, asyncpg.PostgresError) as error:
                self._say(f"cannot look now: {type(error).__name__}")
            await asyncio.sleep(TELL_EVERY_S)

    def _tell_what_is_left(self, report: Report) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._told_ms < TELL_EVERY_S * 1000:
            return
        self._told_ms = now_ms
        left = [*report.unfinished, *(f"{f.check}: {f.detail}" for f in report.findings)]
        self._say(f"{len(report.unfinished)} unfinished, {len(report.findings)} found ({left[0]})")

    async def _summary(self, figures: Figures, report: Report) -> dict[str, Any]:
        seconds = (self._clock.monotonic_ms() - self._started_ms) / 1000
        connection = await asyncpg.connect(self._platform.postgres_url, timeout=LOOK_TIMEOUT_S)
        try:
            reasons = {row["reason"]: row["n"] for row in await connection.fetch(REASONS)}
        finally:
            await connection.close()
        told = await self._asked("ledger/faults")
        faults: dict[str, int] = {}
        for name, count in told.items():
            kind = name.rpartition(":")[2]
            faults[kind] = faults.get(kind, 0) + count
        summary = await figures.summary(report, seconds)
        return {
            "caught_up_s": self._caught_up,
            "refused_by_reason": reasons,
            "faults": faults,
            **{name: getattr(summary, name) for name in summary.__struct_fields__},
        }

    def _sim(self, path: str) -> str:
        return f"{self._platform.simulators_url}/_sim/{path}"

    def _say(self, text: str) -> None:
        at_s = (self._clock.monotonic_ms() - self._started_ms) / 1000
        self._console.print(f"[{at_s:6.0f} s] {text}", markup=False)


async def _soak(stack: embedded.Stack, home: Path, wanted: argparse.Namespace) -> bool:
    platform = Platform(
        stack,
        home / "run",
        simulator={
            "seed": wanted.seed,
            "faults": wanted.faults,
            "mix": MIX,
            "stock_multiplier": 200,
            "settled_after_s": 5,
            "tracking_step_s": 1.0,
        },
    )
    async with platform:
        report, summary = await Soak(platform, home, wanted).run()
    print(json.dumps(summary, ensure_ascii=False))  # noqa: T201 — the result
    # A soak sells enough that each check has something to look at.
    return report.clean and not report.unfinished and report.saw_everything


def main() -> None:
    """Runs the soak on a stack of its own."""
    wanted = _arguments()
    home = embedded.default_home() / "soak"
    # What a killed run left would go on working, on the servers of this one.
    Supervisor(home / "run" / "logs").end_orphans()
    shutil.rmtree(home / "run", ignore_errors=True)
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    embedded.down(home, wipe=True)
    stack = embedded.up(home, keep=False)
    try:
        good = asyncio.run(_soak(stack, home, wanted))
    finally:
        embedded.down(home)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
