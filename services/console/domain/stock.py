"""What the console keeps of stock, and how it stands for a person in a hurry. Pure.

                          good            soon              late
delay of the levels       up to 5 min     up to 30 min      more, or nothing was told for two minutes
difference rate           up to 0.5 %     up to 1 %         more
oversold, negative, off   0               –                 anything else
what can be sold          more than low   a little, or one  nothing
                                          warehouse empty
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from schemas.events.stock_books import (
    BooksChecked,
    StockDifferenceChanged,
    StockTaskChanged,
    WarehouseReconciled,
)

Goods = tuple[tuple[str, int], ...]
"""(sku, pieces)."""
SEPARATOR = "\x1f"
"""Between the SKUs of a hold in their column."""
DELAY_SOON = timedelta(minutes=5)
DELAY_LATE = timedelta(minutes=30)
SILENCE_MAX = timedelta(minutes=2)
"""The books are told every half a minute."""
RATE_SOON_PPM = 5_000
RATE_LATE_PPM = 10_000
WORST = ("late", "soon", "calm", "good")
"""Tones, those first that need a person most."""


class Hold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is held for an order or a reservation now; nothing of a document that holds nothing."""

    warehouse: str = ""
    goods: Goods = ()
    """Empty when nothing is held."""
    places: tuple[tuple[str, Goods], ...] = ()
    """What each of several warehouses holds of it; empty = the one holds it all."""
    since: datetime | None = None
    expires_at: datetime | None = None
    """None: for good."""
    reference: str = ""
    """A reservation's name in the own store; empty for an order."""

    @property
    def skus(self) -> str:
        """As their column has them."""
        return SEPARATOR.join(sku for sku, _ in self.goods)

    def where(self, sku: str) -> list[tuple[str, int]]:
        """(warehouse, pieces) of a SKU."""
        places = self.places or ((self.warehouse, self.goods),)
        return [(place, pieces) for place, goods in places for one, pieces in goods if one == sku]


class Movement(Struct, frozen=True, kw_only=True):
    """Pieces of a SKU that came or went. A row of console.stock_movements, in its order."""

    sku: str
    at: datetime
    warehouse: str
    quantity: int
    """Signed: + in, − out."""
    kind: str
    document_no: str
    order_id: str = ""
    actor: str
    reason: str = ""
    balance_after: int | None = None
    """What lies there then; None where the event does not tell."""


class Book(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One state of the books: exactly one of the four."""

    learnt_at: datetime
    books: BooksChecked | None = None
    reconciled: WarehouseReconciled | None = None
    difference: StockDifferenceChanged | None = None
    task: StockTaskChanged | None = None

    @property
    def state(
        self,
    ) -> BooksChecked | WarehouseReconciled | StockDifferenceChanged | StockTaskChanged:
        """The one that is there."""
        found = self.books or self.reconciled or self.difference or self.task
        assert found is not None, "a book is a state of something"
        return found

    @property
    def kind(self) -> str:
        """Name of the one that is there."""
        return next(name for name in Book.__struct_fields__[1:] if getattr(self, name) is not None)

    @property
    def at(self) -> datetime:
        """By which it is sorted: the moment it is of."""
        match self.state:
            case BooksChecked(occurred_at=at) | StockTaskChanged(opened_at=at):
                return at
            case WarehouseReconciled(at=at) | StockDifferenceChanged(at=at):
                return at

    @property
    def open(self) -> bool:
        """Whether somebody still has to do something about it."""
        match self.state:
            case StockDifferenceChanged() as difference:
                return difference.closed_at is None and not difference.superseded_by
            case StockTaskChanged() as task:
                return task.closed_at is None
            case _:
                return False


def without(goods: Goods, taken: Goods) -> Goods:
    """What is left of goods; what was not there is not missed."""
    gone = dict(taken)
    left = ((sku, pieces - gone.get(sku, 0)) for sku, pieces in goods)
    return tuple((sku, pieces) for sku, pieces in left if pieces > 0)


def delay_of(
    books: BooksChecked, learnt_at: datetime, newest_level_at: datetime | None, now: datetime
) -> timedelta:
    """How far behind inventory what is shown may be.

    Levels of which the books know and that have not come are as late as their change is old; a silence counts from
    the last word; else it is as long as the last word was on its way.
    """
    told = timedelta()
    if books.newest_change_at is not None and (
        newest_level_at is None or newest_level_at < books.newest_change_at
    ):
        told = now - books.newest_change_at
    silent = now - books.occurred_at
    on_its_way = learnt_at - books.occurred_at
    return max(told, silent if silent > SILENCE_MAX else on_its_way, timedelta())


def delay_tone(delay: timedelta, *, silent: bool) -> str:
    """good, soon or late."""
    if silent or delay > DELAY_LATE:
        return "late"
    return "soon" if delay > DELAY_SOON else "good"


def rate_tone(difference_ppm: int) -> str:
    """good, soon or late."""
    if difference_ppm > RATE_LATE_PPM:
        return "late"
    return "soon" if difference_ppm > RATE_SOON_PPM else "good"


def level_tone(available: int, *, low_pieces: int, empty_in: int = 0) -> str:
    """Of a SKU or of one of its levels: late (nothing to sell), soon (a little, or none in one warehouse), good."""
    if available <= 0:
        return "late"
    return "soon" if available <= low_pieces or empty_in else "good"
