"""Named points where a fault test may kill, stop or fail this process; no-op unless armed.

`DANSHU_FAILPOINTS="batch.before_commit=kill@3,outbox.after_publish=stop@1"` acts at the third and first pass.
Actions: kill (SIGKILL self), stop (SIGSTOP self; someone else sends SIGCONT), raise (FailpointHit).
"""

from __future__ import annotations

import os
import signal

POINTS = frozenset(
    {
        "batch.after_load",
        "batch.before_commit",
        "batch.after_commit",
        "outbox.after_publish",
        "stock.admitted",
        "stock.before_telling",
        "stock.after_telling",
        "epoch.begun",
        "epoch.written",
        "epoch.opened",
        "spool.before_write",
        "spool.before_fsync",
        "spool.after_fsync",
        "spool.before_delete",
        "spool.after_delete",
        "write_back.answered",
        "payout.given_up",
        "request_agreed.handed_over",
        "request_ended.handed_over",
    }
)
"""Aggregates read, nothing decided · before commit · after commit, before publishing · after publishing, before
marking. Stock: Valkey has promised, no row is locked · committed, Valkey not told · told. Epoch: a number is taken, nothing
written · written and compared, not opened · opened in Valkey, not in Postgres. Spool: nothing of a group is written ·
written, not synced · synced, not answered · delivered, not deleted · deleted. Write-back: the channel has answered, its
answer is not recorded. Payout: the journal says that a person is needed, nobody was told. Request ended: handed over to
the write-backs, not marked so. Request agreed: handed over to refunds, not marked so."""


class FailpointHit(Exception):
    """Raised by an armed point with the action `raise`."""


def _parse(text: str) -> dict[str, tuple[str, int]]:
    armed = {}
    for part in filter(None, text.split(",")):
        point, _, action = part.partition("=")
        name, _, count = action.partition("@")
        if point not in POINTS or name not in {"kill", "stop", "raise"}:
            raise ValueError(f"unknown failpoint {part!r}; known points: {sorted(POINTS)}")
        armed[point] = (name, int(count or 1))
    return armed


_armed = _parse(os.environ.get("DANSHU_FAILPOINTS", ""))
_passes: dict[str, int] = {}


def failpoint(point: str) -> None:
    """Marks a point; acts when it is armed and passed often enough."""
    if not _armed or point not in _armed:
        return
    _passes[point] = _passes.get(point, 0) + 1
    action, at_pass = _armed[point]
    if _passes[point] != at_pass:
        return
    match action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case _:
            raise FailpointHit(point)
