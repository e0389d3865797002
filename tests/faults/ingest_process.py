"""Ingest as a process of its own, as `python -m services.ingest`, with a bug planted if one is named."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chassis.service import run
from chassis.spool import Spool, Spooled, _Append
from services.ingest.__main__ import SERVICE


def answered_first() -> None:
    """Pushes are answered when their group is about to be written."""
    write = Spool._write_group

    async def write_group(self: Spool, group: Sequence[_Append]) -> None:
        unheard = asyncio.get_running_loop().create_future()
        unheard.cancel()
        for one in group:
            one.done.set_result(None)
        await asyncio.sleep(0.05)  # the answers are out
        await write(self, [_Append(g.block, g.records, g.at_ms, unheard) for g in group])

    Spool._write_group = write_group  # type: ignore[method-assign]


def deleted_first() -> None:
    """Records are forgotten when they are given out, not when they are delivered."""
    head, forget = Spool.head, Spool.forget

    async def head_and_forget(self: Spool) -> tuple[Spooled, ...]:
        given = await head(self)
        if given:
            await forget(self)
        return given

    async def forget_nothing(self: Spool) -> None:
        """Done already."""

    Spool.head = head_and_forget  # type: ignore[method-assign]
    Spool.forget = forget_nothing  # type: ignore[method-assign]


BUGS: Mapping[str, Callable[[], Any]] = {
    bug.__name__: bug for bug in (answered_first, deleted_first)
}

if __name__ == "__main__":
    if sys.argv[1:]:
        BUGS[sys.argv[1]]()
    run(SERVICE)
