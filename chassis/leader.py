"""Work that one process at a time does for as long as it lives, and the next one when it is gone.

Guarantees: of all processes that share a database one has the work. Whose session ends hears of it from the server and
stops. Until it has heard, the next one may have begun: a moment, or as long as a process is frozen or cut off. The work
must bear being done twice.
"""

from __future__ import annotations

import asyncio
import contextlib
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
    """Until the session ends, or cannot be asked any more. Raises AWAY."""
    ended = asyncio.Event()

    def hear(_session: object) -> None:
        ended.set()

    session.add_termination_listener(hear)
    heard = asyncio.ensure_future(ended.wait())
    running: set[asyncio.Future[Any]] = {asyncio.ensure_future(part()) for part in parts}
    try:
        while running:
            done, _ = await asyncio.wait(
                running | {heard}, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            running -= done
            for part in done - {heard}:
                part.result()
            await session.fetchval("SELECT 1")
    finally:
        for task in (heard, *running):
            task.cancel()
        await asyncio.gather(heard, *running, return_exceptions=True)
        with contextlib.suppress(*AWAY):  # then it has nobody to tell any more
            session.remove_termination_listener(hear)
