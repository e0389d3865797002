"""The rows of stock a batch of records has locked, and what may be asked of them.

Guarantees: a row that was not foreseen is never guessed (`Unlocked`: the records are taken again with it). Batches of
goods are read under the lock of their row, which whoever changes them holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from chassis.errors import Unavailable
from services.inventory.domain.batches import Batch, Portion, Standing, Unfit
from services.inventory.domain.campaigns import Allotment
from services.inventory.domain.model import Goods, Places, Row
from services.inventory.domain.quotas import Use
from services.inventory.domain.rules import Book
from services.inventory.shelf_life import ShelfLife

NOTHING: Mapping[str, Batch] = {}


class Unlocked(Unavailable):
    """A decision needs a row that was not locked for the batch; taken again with that row."""


class LockedRows:
    """The book of the locked rows. `remember` is told which rows were missed."""

    def __init__(self, remember: Callable[[Iterable[Row]], None], shelf_life: ShelfLife) -> None:
        self.book = Book({})
        self.recalled: set[tuple[str, str]] = set()
        """(sku, batch) of those asked for that are recalled, wherever they lie."""
        self._remember = remember
        self._shelf_life = shelf_life

    def spare(self, warehouse: str, sku: str) -> int:
        """Pieces that lie there, are for sale and promised to nobody."""
        self._require([(warehouse, sku)])
        return self.book.available((warehouse, sku))

    def on_hand(self, warehouse: str, sku: str) -> int:
        """Pieces that lie there, promised or not."""
        self._require([(warehouse, sku)])
        return self.book.rows[warehouse, sku][0]

    def shelf(self, warehouse: str, sku: str) -> Mapping[str, Batch]:
        """Its batches by number, empty for a SKU without."""
        self._require([(warehouse, sku)])
        return self.book.shelves.get((warehouse, sku), NOTHING)

    def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
        """Which batches these goods would leave from, as negative portions; the rest has no batch."""
        if not self.book.shelves:
            return ()
        self._require([(warehouse, sku) for sku, _ in goods])
        return self.book.first_expired(warehouse, goods)

    def objection(
        self, warehouse: str, goods: Goods, portions: Sequence[Portion], *, new: bool = False
    ) -> Unfit | None:
        """Why these signed pieces cannot be booked; None when they can. `new`: batches may be new."""
        self._require([(warehouse, sku) for sku, _ in goods])
        self._require([(warehouse, portion.sku) for portion in portions])
        return self.book.objection(warehouse, goods, portions, new=new)

    def standing(self, warehouse: str, sku: str, batch: Batch, on: date) -> tuple[Standing, str]:
        """Whether a batch is for sale on a day, and what says so. A recall stands for ever, and everywhere."""
        if batch.standing == "recalled":
            return "recalled", batch.why
        if (sku, batch.number) in self.recalled:
            return "recalled", "recalled in another warehouse"
        verdict = self._shelf_life.selling(warehouse, batch, on)
        return verdict.standing, verdict.rule

    def returning(self, warehouse: str, batch: Batch, on: date) -> str:
        """What becomes of pieces of it that come back on a day: restock, hold or write_off."""
        return self._shelf_life.returning(warehouse, batch, on)

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        """The campaigns that sell any of these goods to the channel now, sorted."""
        return self.book.campaigns(channel, places) if self.book.shares else ()

    def room(self, warehouse: str, sku: str, allotment: Allotment) -> int | Unfit:
        """Pieces that may be set aside on these terms, besides those that are; or why none may."""
        self._require([(warehouse, sku)])
        shares = self.book.shares.get((warehouse, sku))
        if shares is None:
            return 0  # there is no such row
        return shares.room(allotment, *self.book.for_sale((warehouse, sku)))

    def drawn_on(self, warehouse: str, sku: str, campaign: str) -> Use:
        """What the channels of an open campaign hold of a row and have sent."""
        self._require([(warehouse, sku)])
        return self.book.shares[warehouse, sku].drawn_on(campaign)

    def _require(self, rows: Iterable[Row]) -> None:
        if missing := [row for row in rows if row not in self.book.rows]:
            self._remember(missing)
            raise Unlocked("a row of stock was not foreseen")
