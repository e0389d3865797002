"""Inventory as a process of its own, as `python -m services.inventory`, with a bug planted if one is named."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from chassis.service import run
from chassis.valkey import Script
from services.inventory import reserving, store
from services.inventory.__main__ import SERVICE
from services.inventory.domain.model import Hold, Row
from services.inventory.domain.reservations import ExpireReservation, ReleaseReservation
from services.inventory.domain.rules import Book
from services.inventory.rebuild import EpochKeeper
from services.inventory.store import EpochInForce

UNGUARDED = (
    "ALTER TABLE inventory.stock DROP CONSTRAINT never_oversold",
    "ALTER TABLE inventory.ledger DROP CONSTRAINT ledger_balance_after_check",
)
"""Goes with `last_word_removed`: the tables refuse nothing either."""

FENCED = frozenset({"reserve", "settle", "noted"})
"""Scripts that do nothing under an epoch which is not in force, or on another run of the server."""


def last_word_removed() -> None:
    """What is written is not what was locked, and nothing refuses more than there is."""
    queries: Any = store.SQL
    unlocked = queries["lock_rows"].removesuffix("FOR UPDATE OF stock")
    assert unlocked != queries["lock_rows"]
    queries["lock_rows"] = unlocked

    def move(self: Book, row: Row, on_hand: int, reserved: int) -> None:
        self.rows[row][0] += on_hand
        self.rows[row][1] += reserved
        self.changed.add(row)

    _plant(Book, "_move", move)


def epoch_ignored() -> None:
    """Whatever lies in Valkey is believed, on whichever run of the server, after whatever silence."""
    read = Script.__init__

    def read_unfenced(self: Script, client: Any, path: Path) -> None:
        read(self, client, path)
        fence = r"^if (meta\[1\]|not string\.find\(redis\.call\('INFO').*return nil end$"
        self._text, removed = re.subn(fence, "", self._text, flags=re.MULTILINE)
        # A script whose fence reads otherwise by now would stay fenced, and the bug be half planted.
        assert removed == (2 if path.stem in FENCED else 0), path

    async def void(_self: EpochInForce, _connection: Any) -> None:
        """Nobody hears of it."""

    async def is_in_force(self: EpochKeeper, connection: Any) -> bool:
        return await self._epochs.read(connection) is not None

    _plant(Script, "__init__", read_unfenced)
    _plant(EpochInForce, "void", void)
    _plant(EpochKeeper, "_is_in_force", is_in_force)


def release_repeated() -> None:
    """What was let go is let go again whenever somebody asks for it again."""
    handlers: Any = reserving.DIRECT_HANDLERS
    for command, reason in ((ReleaseReservation, "released"), (ExpireReservation, "expired")):
        handlers[command] = repeating(handlers[command], reason)


def repeating(decide: Any, reason: str) -> Any:
    """A decision to let go that does so again."""

    def decide_again(state: Any, command: Any, stock: Any, moment: Any) -> Any:
        if isinstance(state, Hold) and state.asked and state.state in {"cancelled", "expired"}:
            as_held = replace(state, held=state.asked.granted)
            return reserving._ended(command.reservation_id, as_held, reason, moment)
        return decide(state, command, stock, moment)

    return decide_again


def _plant(owner: Any, name: str, bug: Any) -> None:
    """Fails when the place it is planted in no longer exists."""
    assert hasattr(owner, name), name
    setattr(owner, name, bug)


BUGS: Mapping[str, Callable[[], None]] = {
    bug.__name__: bug for bug in (last_word_removed, epoch_ignored, release_repeated)
}

if __name__ == "__main__":
    if sys.argv[1:]:
        BUGS[sys.argv[1]]()
    run(SERVICE)
