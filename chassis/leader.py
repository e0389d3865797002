"""Work that one process at a time does for as long as it lives, and the next one when it is gone.

Guarantees: of all processes that share a database one has the work. Whose session ends, by whatever, stops it before anybody
who asks again can have it, except for one that is frozen or cut off: its work is done twice then, and must bear that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from chassis.log import logger
from chassis.postgres import AWAY, Connection, Pool, leading

LOOK_EVERY_S: Final = 2.0


async def lead_for_ever(
    pool: Pool, lock: int, parts: Sequence[Callable[[], Awaitable[None]]], *, name: str
) -> None:
    """Runs the parts while this process leads, and asks again while another one does. Ends when cancelled.

    The parts work until they are cancelled. One session of the pool is taken while they do. Raises what a part raises.
    """
    while True:
        try:
            async with leading(pool, lock) as session:
                if session is not None:
                    logger.info("leads", part=name)
                    await _lead(session, parts)
        except AWAY as away:
            logger.warning("waiting", part=name, why=type(away).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


async def _lead(session: Connection, parts: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Until the session ends. Raises AWAY."""
    running: set[asyncio.Future[Any]] = {asyncio.ensure_future(part()) for part in parts}
    try:
        while running:
            done, running = await asyncio.wait(running, timeout=LOOK_EVERY_S)
            for ended in done:
                ended.result()
            await session.fetchval("SELECT 1")
    finally:
        for part in running:
            part.cancel()
        await asyncio.gather(*running, return_exceptions=True)
