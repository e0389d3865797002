"""A task that looks for rows to work on, again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chassis.log import logger
from chassis.postgres import AWAY
from chassis.producer import DeliveryFailed


async def look_on(
    part: str, look: Callable[[], Awaitable[int]], *, most: int, pause_s: float
) -> None:
    """Looks until cancelled; rests after a look that found fewer than `most`, and while a server is away."""
    while True:
        try:
            found = await look()
        except (*AWAY, DeliveryFailed) as away:
            logger.warning("waiting", part=part, why=type(away).__name__)
            found = 0
        if found < most:
            await asyncio.sleep(pause_s)
