"""A service of which one part fails and another does not hear that it shall end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from chassis import service
from chassis.service import Context, Parts, Service, run
from chassis.settings import Settings


async def failing() -> None:
    """Ends the process."""
    await asyncio.sleep(0.1)
    raise ValueError("buyer 13800138000")


async def deaf() -> None:
    """Goes on."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def build(_context: Context[Any]) -> Parts:
    """The two."""
    return Parts(tasks=(failing, deaf))


if __name__ == "__main__":
    service.END_TIMEOUT_S = 0.2
    run(Service(name="orders", settings=Settings, migrations={}, build=build))
