"""What the facts of a batch know of expected receipts, and how decisions about promises change it.

Guarantees: like rows of stock, a line that was not foreseen is never guessed; the records are taken again with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from services.inventory.domain.choosing import spare_of
from services.inventory.domain.model import Goods, Hold, Mend, Row
from services.inventory.domain.presale import (
    Aside,
    EndPromise,
    Expect,
    Expectations,
    MakePromise,
    PresaleEffect,
    Promised,
    promised,
)
from services.inventory.domain.promise import Promise
from services.inventory.foreseen import Foreseen
from services.inventory.locked import LockedRows, Unlocked
from services.inventory.presale import Presale
from services.inventory.quotas import Quotas
from services.inventory.shelf_life import ShelfLife


class PromisedFacts(LockedRows):
    """The expected lines of a batch beside its rows of stock."""

    def __init__(
        self,
        foreseen: Foreseen,
        remember: Callable[[Iterable[Row]], None],
        shelf_life: ShelfLife,
        *,
        presale: Presale,
        quotas: Quotas,
    ) -> None:
        super().__init__(remember, shelf_life)
        self.foreseen = foreseen
        self.presale = presale
        self.quotas = quotas
        self.expected = Expectations()
        self.promised: dict[Row, int] = {}
        """Pieces that orders of this batch still to be decided were promised by Valkey, where others may be split."""

    def promise_carried(self, hold: Hold) -> bool:
        """Whether all that it was promised is still to come, or lies there."""
        self._require_lines(hold.promises)
        return self.expected.carries(hold.promises)

    def redated(self, hold: Hold) -> tuple[Promise, ...]:
        """What it was promised, with the dates that hold now."""
        self._require_lines(hold.promises)
        return self.expected.redated(hold.promises)

    @contextmanager
    def without(self, promises: tuple[Promise, ...], *, drawn: bool) -> Iterator[None]:
        """As if these promises had ended, for the time of the block."""
        if not promises:
            yield
            return
        self._require_lines(promises)
        lines, aside = dict(self.expected.lines), dict(self.book.aside)
        for row, pieces in self.expected.release(promises, drawn=drawn):
            self.book.aside[row] += pieces
        try:
            yield
        finally:
            self.expected.lines, self.book.aside = lines, aside

    def promise_from(
        self, warehouses: tuple[str, ...], hold: Hold, goods: Goods, now: datetime
    ) -> Promised | None:
        """What makes an order whole, its own promise taken back; None where the table does not let it, or nothing does.

        Rows of which anything is kept for channels, by hard quotas or for open campaigns, are not counted on.
        """
        if not self.presale.sells or hold.asked is not None or hold.handed_over:
            return None
        if not any(self.presale.terms(hold.channel, sku) for sku, _ in goods):
            return None
        self._require((warehouse, sku) for warehouse in warehouses for sku, _ in goods)
        ahead = [sku for sku, _ in goods if self.presale.concerns(sku)]
        if not self.foreseen.wished.issuperset(ahead):
            self._remember([(warehouse, sku) for warehouse in warehouses for sku in ahead])
            raise Unlocked("what is expected of a SKU was not foreseen")
        with self.without(hold.promises, drawn=False):
            return promised(
                self.expected.lines,
                spare_of(self.book.available, self.promised),
                self.quotas.open_to_all(self.book, warehouses, goods),
                goods,
                lambda sku: self.presale.terms(hold.channel, sku),
                now,
            )

    def mend(self, effect: Mend) -> None:
        """Makes the books of a row agree, those of its promises last: they may have what nobody holds."""
        row = (effect.warehouse, effect.sku)
        self.book.aside.pop(row, None)
        self.book.mend(effect)
        on_hand, reserved = self.book.rows[row]
        came = self.expected.mend(row, effect.promises, on_hand - reserved)
        self.book.set_aside(row, came)

    def take(self, effect: PresaleEffect) -> None:
        """Books what follows for expected lines, and what is set aside of the shelf."""
        aside: Aside
        match effect:
            case MakePromise(promised=made):
                aside = self.expected.promise(made)
            case EndPromise(promises=promises, drawn=drawn):
                self._require_lines(promises)
                aside = self.expected.release(promises, drawn=drawn)
            case Expect():
                aside = self.expected.expect(
                    effect.purchase_no,
                    effect.warehouse,
                    effect.skus,
                    effect.outstanding,
                    effect.expected_at,
                    effect.came,
                )
        self._require(row for row, _ in aside)
        for row, pieces in aside:
            self.book.set_aside(row, pieces)

    def _require_lines(self, promises: Iterable[Promise]) -> None:
        wanted = list(promises)
        self._require((one.warehouse, one.sku) for one in wanted)
        if any(one.key not in self.expected.lines for one in wanted):
            self._remember([(one.warehouse, one.sku) for one in wanted])
            raise Unlocked("a line of what is expected was not foreseen")
