"""Troubles of the hub's own: any of its processes and servers is killed or frozen at any moment, by a seed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo.platform import Platform
from deploy.embedded import stack as embedded
from deploy.embedded.ports import reserved

PAUSE_S = (1.0, 6.0)
FROZEN_S = (1.0, 25.0)
"""Longer than Kafka's session now and then: who wakes up then is a zombie."""
AWAY_S = (0.0, 45.0)
"""Longer than a delivery's deadline now and then: services end then, and start again."""
SERVERS = ("kafka", "postgres", "valkey", "registry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What happens to whom, and for how long."""

    kind: str
    target: str
    seconds: float

    def __str__(self) -> str:
        return f"{self.target} {self.kind} for {self.seconds:.1f} s"


def troubles(random: Random, services: tuple[str, ...]) -> Trouble:
    """The next trouble. Half of them are killed processes, which is what happens most."""
    kind = random.choice(("killed", "killed", "frozen", "away"))
    match kind:
        case "killed":
            return Trouble(kind=kind, target=random.choice(services), seconds=0.0)
        case "frozen":
            return Trouble(
                kind=kind, target=random.choice(services), seconds=random.uniform(*FROZEN_S)
            )
        case _:
            # Most outages are a restart.
            seconds = random.uniform(*AWAY_S) * random.random()
            return Trouble(kind=kind, target=random.choice(SERVERS), seconds=seconds)


async def make_trouble(
    platform: Platform, home: Path, random: Random, say: Callable[[str], None]
) -> None:
    """One trouble after the other until cancelled; whoever suffers then is whole again."""
    while True:
        await asyncio.sleep(random.uniform(*PAUSE_S))
        trouble = troubles(random, platform.services)
        say(str(trouble))
        platform.disturbances += 1
        match trouble.kind:
            case "killed":
                platform.supervisor.signal(trouble.target, signal.SIGKILL)
            case "frozen":
                await _freeze(platform, trouble)
            case _:
                await _take_away(home, trouble)


async def _freeze(platform: Platform, trouble: Trouble) -> None:
    platform.supervisor.signal(trouble.target, signal.SIGSTOP)
    try:
        await asyncio.sleep(trouble.seconds)
    finally:
        platform.supervisor.signal(trouble.target, signal.SIGCONT)


async def _take_away(home: Path, trouble: Trouble) -> None:
    ports = {one.name: one.ports for one in embedded.status(home)}[trouble.target]
    await asyncio.to_thread(embedded.kill, home, trouble.target)
    async with AsyncExitStack() as ending:
        ending.push_async_callback(asyncio.to_thread, embedded.start, home, trouble.target)
        # Nobody else's server may move in meanwhile: clients know this address.
        with reserved(ports):
            await asyncio.sleep(trouble.seconds)
