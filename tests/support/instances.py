"""Processes of one service, each under a name of its own among those that live.

The name of one that has ended is given to the next, as whoever restarts a service does: Kafka then need not wait until
the dead one is given up.
"""

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any


class Instances:
    """Starts the processes of one service on one rig."""

    def __init__(self) -> None:
        self._by_name: dict[str, asyncio.subprocess.Process] = {}

    async def start(
        self, *command: str, env: Mapping[str, str], **options: Any
    ) -> asyncio.subprocess.Process:
        """As asyncio.create_subprocess_exec, with DANSHU_INSTANCE where `env` has none."""
        name = next(name for name in map(str, count(1)) if self._is_free(name))
        process = await asyncio.create_subprocess_exec(
            *command, env={"DANSHU_INSTANCE": name, **env}, **options
        )
        self._by_name[name] = process
        return process

    def _is_free(self, name: str) -> bool:
        holder = self._by_name.get(name)
        return holder is None or holder.returncode is not None
