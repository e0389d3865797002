"""Child processes under watch: started with their environment, logged to files, started again when they die.

Only processes started here are ever signalled, by their own handle. A service that keeps dying is started
again with growing pauses, and how often is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from demo.errors import RollUnreadable
from deploy.embedded.processes import Identity, end, identify, is_alive

RESTART_PAUSES_S = (0.2, 1.0, 3.0, 10.0)
STOP_TIMEOUT_S = 25.0
ORPHAN_PATIENCE_S = 2.0


@dataclass(slots=True, kw_only=True)
class Child:
    """One process and what is known of it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    exits: list[int] = field(default_factory=list)
    wanted: bool = True
    watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running instance; 0 when there is none."""
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process else 0


class Supervisor:
    """Starts, watches, restarts and stops children."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._roll = folder / "processes.json"
        self._identities: dict[str, Identity] = {}
        self.children: dict[str, Child] = {}

    def end_orphans(self) -> int:
        """Ends what an earlier supervisor here left running when it was killed; returns how many.

        Raises:
            RollUnreadable: nobody can tell which processes these are.
        """
        if not self._roll.exists():
            return 0
        try:
            left = msgspec.json.decode(self._roll.read_bytes(), type=dict[str, Identity])
        except msgspec.MsgspecError as error:
            raise RollUnreadable(f"{self._roll}: {error}") from None
        alive = [identity for identity in left.values() if is_alive(identity)]
        for identity in alive:
            end(identity, patience_s=ORPHAN_PATIENCE_S)
        self._roll.unlink()
        return len(alive)

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> Child:
        """Starts a child; its output goes to `<name>.log`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        child = Child(
            name=name,
            command=command,
            environment=environment,
            log=self._folder / f"{name}.log",
        )
        child.log.unlink(missing_ok=True)
        self.children[name] = child
        await self._spawn(child)
        child.watcher = asyncio.create_task(self._watch(child))
        return child

    async def _spawn(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                *child.command,
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **child.environment},
                # A Ctrl-C on the terminal is ours to pass on, in order.
                start_new_session=True,
            )
        child.starts += 1
        if not child.wanted:  # stopped while it was being started
            await _end(child.process)
            return
        if (identity := identify(child.process.pid)) is not None:
            self._identities[child.name] = identity
            fresh = self._roll.with_suffix(".json.new")
            fresh.write_bytes(msgspec.json.encode(self._identities))
            fresh.replace(self._roll)  # whole or not at all, also if we are killed here

    async def _watch(self, child: Child) -> None:
        while child.process is not None:
            code = await child.process.wait()
            child.exits.append(code)
            if child.wanted:
                await asyncio.sleep(RESTART_PAUSES_S[min(child.starts, len(RESTART_PAUSES_S)) - 1])
            if not child.wanted:
                return
            await self._spawn(child)

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Sends a signal to a child that runs; whether it does."""
        if pid := self.children[name].pid:
            os.kill(pid, number)
            return True
        return False

    async def stop(self, name: str) -> None:
        """SIGTERM, then SIGKILL after STOP_TIMEOUT_S; one that is just being started is ended once it runs."""
        child = self.children[name]
        child.wanted = False
        if child.process is not None:
            await _end(child.process)
        if child.watcher is not None:
            await child.watcher

    async def stop_all(self) -> None:
        """Stops every child, those started last first, side by side."""
        await asyncio.gather(*(self.stop(name) for name in reversed(self.children)))
        self._roll.unlink(missing_ok=True)

    def restarts(self) -> int:
        """How often a child was started again."""
        return sum(child.starts - 1 for child in self.children.values())


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def python(*arguments: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *arguments]
