"""Our book against somebody else's numbers, both as of one moment. Pure.

Guarantees: every row of either side is compared once; rates are whole millionths, rounded up, so that a threshold is
never missed by rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from services.inventory.domain.model import Row

PACK_PIECES_MIN = 6
"""From this factor on, whole multiples look like cartons counted as pieces; below, like chance."""
WHOLE_PPM = 1_000_000


class BookRow(Struct, frozen=True, kw_only=True):
    """A row of stock, in pieces."""

    then: int
    """On hand by the book at the moment of the comparison."""
    on_hand: int
    """Now."""
    reserved: int
    """Now."""


class Gap(Struct, frozen=True, kw_only=True):
    """A row where the two differ, in pieces."""

    warehouse: str
    sku: str
    book: int
    outside: int
    hint: str
    """What it looks like; where to look first, never a verdict."""
    oversold: bool
    """Whether more is promised now than can lie there."""

    @property
    def difference(self) -> int:
        """Pieces the book lacks; negative: has too many."""
        return self.outside - self.book


class Compared(Struct, frozen=True, kw_only=True):
    """One warehouse."""

    warehouse: str
    rows: int
    book_pieces: int
    gaps: tuple[Gap, ...]

    @property
    def difference_pieces(self) -> int:
        """Sum of the differences, whatever their sign."""
        return sum(abs(gap.difference) for gap in self.gaps)

    @property
    def difference_ppm(self) -> int:
        """Differences in millionths of the book, rounded up; everything where the book has nothing."""
        if not self.book_pieces:
            return WHOLE_PPM if self.gaps else 0
        return -(-self.difference_pieces * WHOLE_PPM // self.book_pieces)


def compare(
    book: Mapping[Row, BookRow], outside: Mapping[Row, int], *, listed_only: bool = False
) -> tuple[Compared, ...]:
    """Each warehouse the other side speaks of, by its code.

    A row it does not list counts as 0 there, unless it lists only some (`listed_only`).
    """
    compared = []
    for warehouse in sorted({row[0] for row in outside}):
        rows = {row for row in outside if row[0] == warehouse}
        if not listed_only:
            rows |= {row for row in book if row[0] == warehouse}
        gaps = [
            _gap(row, book.get(row), outside.get(row))
            for row in sorted(rows)
            if _then(book.get(row)) != outside.get(row, 0)
        ]
        compared.append(
            Compared(
                warehouse=warehouse,
                rows=len(rows),
                book_pieces=sum(_then(book.get(row)) for row in rows),
                gaps=_swapped(gaps),
            )
        )
    return tuple(compared)


def _then(row: BookRow | None) -> int:
    return row.then if row is not None else 0


def _gap(row: Row, ours: BookRow | None, theirs: int | None) -> Gap:
    then, outside = _then(ours), theirs or 0
    moved_since = ours.on_hand - ours.then if ours is not None else 0
    return Gap(
        warehouse=row[0],
        sku=row[1],
        book=then,
        outside=outside,
        hint=_hint(ours, theirs),
        oversold=ours is not None and outside + moved_since < ours.reserved,
    )


def _hint(ours: BookRow | None, theirs: int | None) -> str:
    if ours is None:
        return "not_in_book"
    if theirs is None:
        return "not_in_sheet"
    small, large = sorted((ours.then, theirs))
    if small > 0 and large % small == 0 and large // small >= PACK_PIECES_MIN:
        return f"unit_x{large // small}"
    return "unbooked_in" if theirs > ours.then else "unbooked_out"


def _swapped(gaps: Sequence[Gap]) -> tuple[Gap, ...]:
    """Two rows that miss each other's pieces, where no third one could be meant."""
    by_pieces: dict[int, list[Gap]] = {}
    for gap in gaps:
        by_pieces.setdefault(gap.difference, []).append(gap)
    hinted = []
    for gap in gaps:
        here, there = by_pieces[gap.difference], by_pieces.get(-gap.difference, [])
        if len(here) == len(there) == 1:
            hinted.append(replace(gap, hint=f"swapped_with {there[0].sku}"))
        else:
            hinted.append(gap)
    return tuple(hinted)
