"""`make demo`: bring everything up, let twelve channels sell, watch, stop, and prove that it adds up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import msgspec
from rich.console import Console
from rich.live import Live

from chassis.clock import SystemClock
from demo import terminal
from demo.checker import Report
from demo.figures import Figures, Summary
from demo.platform import Platform
from demo.staff import Staff
from demo.view import View
from deploy.embedded.stack import Stack
from services.console.signin import hash_password
from simulators.registry import MARKETPLACES

RATE_PER_S = 20.0
SECONDS = 60.0
SETTLE_TIMEOUT_S = 90.0
TERMINAL_PERIOD_S = 0.5
PLAIN_PERIOD_S = 5.0
MIX = {
    "weights": dict.fromkeys(MARKETPLACES, 1),
    # Shops are asked every two seconds, and most claims are answered within seconds: some of these buyers are never
    # seen, some come when the money has gone, and the others at every step between.
    "withdraw_pct": 40,
    "withdraw_after_s": [1, 12],
    # Clerks are as fast as buyers, and as the people here who approve: some decide first, some last.
    "back_office_pct": 25,
    "back_office_refuse_pct": 40,
    "back_office_after_s": [1, 12],
}
"""Buyers on every channel, of whom many think better of what they have claimed, and clerks who decide in the back office."""
JUDGES_AFTER_S = 4.0
"""How long a claim waits for the people who approve it: long enough that a buyer may be faster."""


class Demo:
    """One demonstration on a stack that is up."""

    def __init__(
        self, stack: Stack, home: Path, *, seconds: float | None, rate_per_s: float
    ) -> None:
        self._stack = stack
        self._home = home
        self._seconds = seconds
        self._rate_per_s = rate_per_s
        self._console = Console()
        self._stop = asyncio.Event()
        self._clock = SystemClock()
        self._password = secrets.token_urlsafe(9)
        self._told_ms = self._clock.monotonic_ms()

    async def run(self) -> Summary:
        """Returns the summary; printing it is the caller's."""
        started_ms = self._clock.monotonic_ms()
        loop = asyncio.get_running_loop()
        for number in terminal.heeded():
            loop.add_signal_handler(number, self._end, number)
        users = json.dumps({"demo": hash_password(self._password)})
        platform = Platform(
            self._stack,
            self._home,
            simulator={
                "seed": 7,
                "faults": "default",
                "stock_multiplier": 5,
                # Pinduoduo lists what is three minutes old; whoever watches waits five seconds.
                "settled_after_s": 5,
                "mix": MIX,
            },
            users=users,
            say=lambda text: self._console.print(f"  … {text}", highlight=False),
        )
        async with platform, asyncio.TaskGroup() as group:
            staff = Staff(platform, judges_after_s=JUDGES_AFTER_S)
            units = await staff.stock_up()
            self._console.print(f"  … {units} units booked into three warehouses", highlight=False)
            await staff.compare_stock()
            await staff.hand_down_history()
            # Where the people stop working the run ends: nothing would leave the warehouse any more.
            working = group.create_task(staff.run())
            figures = Figures(platform)
            view = View(self._addresses(platform))
            await self._traffic(platform)
            await self._watch(figures, view)
            await platform.http.delete(f"{platform.simulators_url}/_sim/traffic")
            self._console.print("收尾: 停止下单, 等待在途订单落定…", highlight=False)
            report = await figures.final_report(SETTLE_TIMEOUT_S, self._tell_what_is_left)
            working.cancel()
            seconds = (self._clock.monotonic_ms() - started_ms) / 1000
            return await figures.summary(report, seconds)
        raise AssertionError  # a task group does not swallow what ends it

    def _end(self, number: signal.Signals) -> None:
        if number == signal.SIGHUP:
            terminal.let_go()
        self._stop.set()

    def _tell_what_is_left(self, report: Report) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._told_ms >= PLAIN_PERIOD_S * 1000:
            self._told_ms = now_ms
            left = [*report.unfinished, *(f"{f.check}: {f.detail}" for f in report.findings)]
            self._console.print(
                f"  … {len(report.unfinished)} 件未完, {len(report.findings)} 处未对上 ({left[0]})",
                highlight=False,
                soft_wrap=True,
            )

    def _addresses(self, platform: Platform) -> tuple[tuple[str, str], ...]:
        return (
            ("控制台", f"{platform.door('console')}   用户 demo   密码 {self._password}"),
            ("Kafka", self._stack.kafka_bootstrap),
            ("Schema Registry", self._stack.schema_registry_url),
            ("Postgres", self._stack.postgres_url),
            ("模拟平台", platform.simulators_url),
            ("日志", str(self._home / "logs")),
        )

    async def _traffic(self, platform: Platform) -> None:
        order: dict[str, float] = {"rate_per_s": self._rate_per_s}
        if self._seconds is not None:
            order["seconds"] = self._seconds
        answer = await platform.http.post(f"{platform.simulators_url}/_sim/traffic", json=order)
        answer.raise_for_status()

    async def _watch(self, figures: Figures, view: View) -> None:
        started_ms = self._clock.monotonic_ms()
        watched = self._console.is_terminal
        live = Live(view.page(), console=self._console, screen=False, auto_refresh=False)
        if not watched:
            for name, address in view._addresses:  # noqa: SLF001 — one room
                self._console.print(f"  {name:16} {address}", highlight=False)
        with live if watched else contextlib.nullcontext(), self._keys():
            while not self._stop.is_set():
                at_s = (self._clock.monotonic_ms() - started_ms) / 1000
                if self._seconds is not None and at_s >= self._seconds:
                    return
                try:
                    view.add(at_s, await figures.moment())
                except (httpx2.HTTPError, OSError, asyncpg.PostgresError, KeyError) as error:
                    self._console.print(f"  (暂时读不到: {type(error).__name__})", highlight=False)
                else:
                    if watched:
                        live.update(view.page(), refresh=True)
                    else:
                        self._console.print(view.line(), highlight=False, soft_wrap=True)
                period_s = TERMINAL_PERIOD_S if watched else PLAIN_PERIOD_S
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(period_s):
                        await self._stop.wait()

    @contextlib.contextmanager
    def _keys(self) -> Iterator[None]:
        """`q` stops, where there is a keyboard."""
        if not (self._console.is_terminal and sys.stdin.isatty()):
            yield
            return
        loop = asyncio.get_running_loop()
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)

        def read() -> None:
            try:
                key = os.read(descriptor, 1)
            except OSError:
                key = b""
            if not key:  # the terminal was closed; this may be heard before SIGHUP
                loop.remove_reader(descriptor)
                self._end(signal.SIGHUP)
            if key in {b"q", b"Q"}:
                self._stop.set()

        loop.add_reader(descriptor, read)
        try:
            yield
        finally:
            loop.remove_reader(descriptor)
            with contextlib.suppress(termios.error):  # the terminal was closed
                termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def summary_line(summary: Summary) -> str:
    """The last line of a run."""
    return msgspec.json.encode(summary).decode()
