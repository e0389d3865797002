"""Promises against expected receipts.

Guarantees: pure. Of a line of a purchase order never more is promised than its percentage of what is still to come; what
came in and was promised is set aside until its orders are held, and sold to nobody else. Promises that a line carries no
more, since less is to come than was said, are counted (`uncarried`) until they were moved or withdrawn: no new one is
made of that line meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from services.inventory.domain.model import Goods, Row
from services.inventory.domain.promise import OF_SHELF, ExpectedKey, Promise, PromiseOff

EVER = datetime.min.replace(tzinfo=UTC)
"""Before every date: what lies there was expected long ago."""
Aside: TypeAlias = Sequence[tuple[Row, int]]
"""By how many pieces more (or, negative, less) is set aside in rows of stock."""


class Terms(Struct, frozen=True, kw_only=True):
    """On what terms a SKU may be sold by a channel before it has come."""

    percent: int
    """Of what is expected; 1 to 100."""
    handling_days: int
    """From the expected date until it can be sent."""
    days_max: int
    """How far ahead of now the promised date may be."""
    rule: str

    def reaches(self, expected_at: datetime | None, now: datetime) -> bool:
        """Whether what is expected then may be promised now: it has a date, is not overdue and not too far ahead."""
        if expected_at is None:
            return False
        return now < expected_at <= now + timedelta(days=self.days_max - self.handling_days)


class Promised(Struct, frozen=True, kw_only=True):
    """The answer "later": what is to make the order whole, and when."""

    promises: tuple[Promise, ...]
    promised_for: datetime
    """When the last of it can be sent."""
    rule: str
    """Of the SKU that comes last."""
    percents: tuple[tuple[ExpectedKey, int], ...] = ()
    """By which percentage each line was drawn on."""


class ExpectedLine(Struct, frozen=True, kw_only=True):
    """One SKU of a purchase order, in pieces."""

    outstanding: int = 0
    """Still to come."""
    promised: int = 0
    """To orders that are not held yet."""
    came: int = 0
    """Of these: came in, and is set aside for them."""
    uncarried: int = 0
    """Of these: nothing is to come for them any more."""
    percent: int = 0
    """The most that anybody was promised by."""
    expected_at: datetime | None = None

    def free(self, percent: int) -> int:
        """Pieces that may still be promised at this percentage."""
        return max(0, self.outstanding * percent // 100 - (self.promised - self.came))

    def promise(self, pieces: int, percent: int) -> ExpectedLine:
        """With so many pieces more promised. ValueError when they are not free."""
        if pieces > self.free(percent):
            raise ValueError(f"{pieces} promised of {self.free(percent)} free")
        return replace(self, promised=self.promised + pieces, percent=max(self.percent, percent))

    def set_aside(self, pieces: int) -> ExpectedLine:
        """With so many pieces of the shelf set aside for an order."""
        return replace(self, promised=self.promised + pieces, came=self.came + pieces)

    def release(self, pieces: int, drawn: int) -> ExpectedLine:
        """Without a promise, of which `drawn` pieces were taken from what came. ValueError when there is none."""
        promised = self.promised - pieces
        if promised < 0 or drawn > min(pieces, self.came):
            raise ValueError(f"{pieces} released of {self.promised} promised")
        after = replace(self, promised=promised, came=min(self.came - drawn, promised))
        return replace(after, uncarried=min(self.uncarried, _overhang(after)))

    def expect(self, outstanding: int, expected_at: datetime | None, came: int = 0) -> ExpectedLine:
        """After a purchase order changed: of what came, as much as was promised is set aside."""
        kept = min(came, self.promised - self.came)
        after = replace(
            self, outstanding=outstanding, came=self.came + kept, expected_at=expected_at
        )
        return replace(after, uncarried=_overhang(after))

    def mended(self, off: PromiseOff) -> ExpectedLine:
        """As promises and purchase order say. What is promised of the shelf lies there."""
        promised = self.promised + off.promised
        came = promised if off.purchase_no == OF_SHELF else min(self.came, promised)
        after = replace(
            self, promised=promised, came=came, outstanding=self.outstanding + off.outstanding
        )
        return replace(after, uncarried=_overhang(after))

    def there(self, pieces: int) -> ExpectedLine:
        """Of what came no more than these pieces lie there: the rest is not carried."""
        after = replace(self, came=min(self.came, pieces))
        return replace(after, uncarried=_overhang(after)) if after != self else self


NOTHING = ExpectedLine()


def free_now(line: ExpectedLine, terms: Terms, now: datetime) -> int:
    """Pieces of a line that may still be promised on these terms: none of one that is overdue, undated or too far ahead."""
    return line.free(terms.percent) if terms.reaches(line.expected_at, now) else 0


def _overhang(line: ExpectedLine) -> int:
    """Promised pieces that neither came nor are carried by what is to come."""
    return max(0, line.promised - line.came - line.outstanding * line.percent // 100)


class Expectations:
    """The lines of what is expected that a batch works on, as they were locked and as they are."""

    __slots__ = ("lines", "loaded")

    def __init__(self, lines: Mapping[ExpectedKey, ExpectedLine] | None = None) -> None:
        self.lines: dict[ExpectedKey, ExpectedLine] = dict(lines or {})
        self.loaded: Mapping[ExpectedKey, ExpectedLine] = dict(self.lines)

    def changed(self) -> dict[ExpectedKey, ExpectedLine]:
        """Lines that are not as they were locked."""
        return {
            key: line for key, line in self.lines.items() if self.loaded.get(key, NOTHING) != line
        }

    def promise(self, promised: Promised) -> Aside:
        """Makes a promise; what of it lies there is set aside."""
        percents = dict(promised.percents)
        aside = []
        for one in promised.promises:
            line = self.lines.get(one.key, NOTHING)
            if one.purchase_no == OF_SHELF:
                self.lines[one.key] = line.set_aside(one.quantity)
                aside.append(((one.warehouse, one.sku), one.quantity))
            else:
                self.lines[one.key] = line.promise(one.quantity, percents[one.key])
        return aside

    def release(self, promises: Iterable[Promise], *, drawn: bool) -> Aside:
        """Ends a promise. `drawn`: its order takes what came for it, so that no other may count on that."""
        aside = []
        for one in promises:
            line = self.lines[one.key]
            after = line.release(one.quantity, min(one.quantity, line.came) if drawn else 0)
            self.lines[one.key] = after
            if after.came != line.came:
                aside.append(((one.warehouse, one.sku), after.came - line.came))
        return aside

    def expect(  # noqa: PLR0917 — all of one purchase order
        self,
        purchase_no: str,
        warehouse: str,
        skus: Iterable[str],
        outstanding: Goods,
        expected_at: datetime | None,
        came: Goods,
    ) -> Aside:
        """What is to come of a purchase order from now on, and what has just come."""
        left, arrived = dict(outstanding), dict(came)
        aside = []
        for sku in skus:
            key = (sku, warehouse, purchase_no)
            line = self.lines.get(key, NOTHING)
            after = line.expect(left.get(sku, 0), expected_at, arrived.get(sku, 0))
            self.lines[key] = after
            if after.came != line.came:
                aside.append(((warehouse, sku), after.came - line.came))
        return aside

    def mend(self, row: Row, offs: Iterable[PromiseOff], free: int) -> int:
        """Makes the lines of a row what promises and purchase orders say; returns what is to be set aside for them.

        That is no more than what is free there: what came for lines expected last gives way.
        """
        warehouse, sku = row
        for off in offs:
            key = (sku, warehouse, off.purchase_no)
            line = self.lines.get(key, ExpectedLine(expected_at=off.expected_at))
            self.lines[key] = line.mended(off)
        left = free
        those = [key for key in self.lines if key[:2] == (sku, warehouse)]
        for key in sorted(those, key=lambda one: (self.lines[one].expected_at or EVER, one)):
            self.lines[key] = self.lines[key].there(left)
            left -= self.lines[key].came
        return free - left

    def carries(self, promises: Iterable[Promise]) -> bool:
        """Whether all that these wait for is still to come, or lies there."""
        return all(not self.lines[one.key].uncarried for one in promises)

    def redated(self, promises: Iterable[Promise]) -> tuple[Promise, ...]:
        """The same promises, with the dates that hold now; what has all come keeps its own."""
        found = []
        for one in promises:
            line = self.lines[one.key]
            moved = one.purchase_no != OF_SHELF and line.outstanding and line.expected_at
            found.append(replace(one, expected_at=line.expected_at) if moved else one)
        return tuple(found)


def due(promises: Iterable[Promise]) -> datetime | None:
    """When the last of these can be sent; None where nothing of it is to come."""
    dates = [
        one.expected_at + timedelta(days=one.handling_days)
        for one in promises
        if one.expected_at is not None
    ]
    return max(dates, default=None)


def promised(  # noqa: PLR0917 — facts of one question
    expected: Mapping[ExpectedKey, ExpectedLine],
    available: Callable[[Row], int],
    warehouses: Sequence[str],
    goods: Goods,
    terms_of: Callable[[str], Terms | None],
    now: datetime,
) -> Promised | None:
    """What makes an order whole soonest, all of it in one warehouse, the earlier one on a tie; None where nothing does.

    What lies there is set aside, the rest comes out of purchase orders, those expected first. A line that is overdue is
    not counted on, nor one without a date.
    """
    best: Promised | None = None
    for warehouse in warehouses:
        found = _promised_in(warehouse, expected, available, goods, terms_of, now)
        if found and (best is None or found.promised_for < best.promised_for):
            best = found
    return best


def _promised_in(  # noqa: PLR0917 — as above
    warehouse: str,
    expected: Mapping[ExpectedKey, ExpectedLine],
    available: Callable[[Row], int],
    goods: Goods,
    terms_of: Callable[[str], Terms | None],
    now: datetime,
) -> Promised | None:
    found: list[Promise] = []
    percents: list[tuple[ExpectedKey, int]] = []
    last: tuple[datetime, str] | None = None
    for sku, wanted in goods:
        there = min(wanted, max(0, available((warehouse, sku))))
        if there:
            found.append(Promise(warehouse, sku, there))
        if there == wanted:
            continue
        terms = terms_of(sku)
        if terms is None:
            return None
        coming = _coming(expected, warehouse, sku, wanted - there, terms, now)
        if not coming:
            return None
        found += coming
        percents += [(one.key, terms.percent) for one in coming]
        date = due(coming)
        assert date is not None, "what is to come has a date"
        last = max(last, (date, terms.rule)) if last else (date, terms.rule)
    if last is None:
        return None
    return Promised(
        promises=tuple(found), promised_for=last[0], rule=last[1], percents=tuple(percents)
    )


def _coming(  # noqa: PLR0917 — as above
    expected: Mapping[ExpectedKey, ExpectedLine],
    warehouse: str,
    sku: str,
    wanted: int,
    terms: Terms,
    now: datetime,
) -> list[Promise]:
    """Whole, or nothing."""
    lines = sorted(
        (line.expected_at, key[2], free)
        for key, line in expected.items()
        if key[:2] == (sku, warehouse)
        and line.expected_at is not None
        and (free := free_now(line, terms, now))
    )
    found = []
    for expected_at, purchase_no, free in lines:
        if pieces := min(wanted, free):
            days = terms.handling_days
            found.append(Promise(warehouse, sku, pieces, purchase_no, expected_at, days))
            wanted -= pieces
    return [] if wanted else found


class Ahead(Struct, frozen=True, kw_only=True):
    """Pieces that may be promised before they have come, and when they can be sent."""

    pieces: int
    """For all of the channels together."""
    promised_for: datetime
    channels: tuple[str, ...]


def ahead(
    line: ExpectedLine, terms: Iterable[tuple[str, Terms]], now: datetime
) -> tuple[Ahead, ...]:
    """What may still be promised of a line, by channels with the same terms; nothing of one that is overdue or undated."""
    channels: dict[tuple[int, datetime], list[str]] = {}
    for channel, one in terms:
        pieces = free_now(line, one, now)
        if pieces and line.expected_at is not None:
            promised_for = line.expected_at + timedelta(days=one.handling_days)
            channels.setdefault((pieces, promised_for), []).append(channel)
    return tuple(
        Ahead(pieces=pieces, promised_for=promised_for, channels=tuple(those))
        for (pieces, promised_for), those in channels.items()
    )


class MakePromise(Struct, frozen=True):
    """Effect: an order is promised goods."""

    promised: Promised


class EndPromise(Struct, frozen=True):
    """Effect: a promise is no more."""

    promises: tuple[Promise, ...]
    drawn: bool = False
    """Whether the order takes what came for it."""


class Expect(Struct, frozen=True):
    """Effect: what is to come of a purchase order, and what has just come."""

    purchase_no: str
    warehouse: str
    skus: tuple[str, ...]
    outstanding: Goods
    expected_at: datetime | None
    came: Goods = ()


PresaleEffect: TypeAlias = MakePromise | EndPromise | Expect
