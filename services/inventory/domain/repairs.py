"""What a repair was. Values only."""

from __future__ import annotations

from msgspec import Struct

from services.inventory.domain.promise import PromiseOff


class Repair(Struct, frozen=True, kw_only=True, tag="repair", tag_field="kind"):
    """A row whose books were made to agree."""

    warehouse: str
    sku: str
    entry: int
    """Pieces by which the ledger was off."""
    reserved: int
    """Pieces by which `reserved` was off."""
    broken_entry: int
    """The first entry out of line; 0 = none."""
    promises: tuple[PromiseOff, ...] = ()
    """By how much lines of what is expected were off."""
    aside: int = 0
    """Pieces by which what is set aside was off."""
    repaired_by: str
    reason: str
