"""The arithmetic of stock over a book of true numbers: reserve, release, deduct, receive.

Guarantees: pure (the book is the only thing that changes); every operation keeps 0 ≤ reserved ≤ on_hand and refuses
(ValueError) what would not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from services.inventory.domain.batches import (
    Batch,
    Portion,
    Shelf,
    Stand,
    Unfit,
    by_sku,
    first_expired,
    loose,
    moved,
    per_sku,
    withheld,
)
from services.inventory.domain.campaigns import Allot
from services.inventory.domain.choosing import Available
from services.inventory.domain.model import (
    REPAIR,
    BatchOff,
    Deduct,
    Entry,
    Goods,
    Mend,
    Places,
    Receive,
    Row,
    merged,
)
from services.inventory.domain.quotas import Recount, Share, Shares


class Book:
    """Numbers of the stock rows a batch works on: row → [on_hand, reserved], and what was booked.

    `shelves` are the batches of those rows that have any, `shares` the uses of those whose channels are counted, `aside`
    what of them came for promised orders, and is for nobody else (domain/presale.py).
    """

    __slots__ = (
        *("aside", "aside_before", "changed", "changed_batches", "entries"),
        *("reshelved", "rows", "shares", "shelves"),
    )

    def __init__(
        self,
        rows: Mapping[Row, tuple[int, int]],
        shelves: Mapping[Row, Shelf] | None = None,
        shares: Mapping[Row, Shares] | None = None,
        aside: Mapping[Row, int] | None = None,
    ) -> None:
        self.rows: dict[Row, list[int]] = {row: [*numbers] for row, numbers in rows.items()}
        self.shelves: dict[Row, Shelf] = {row: {**shelf} for row, shelf in (shelves or {}).items()}
        self.shares: dict[Row, Shares] = dict(shares or {})
        self.aside: dict[Row, int] = dict(aside or {})
        self.aside_before: Mapping[Row, int] = dict(self.aside)
        self.changed: set[Row] = set()
        self.changed_batches: set[tuple[Row, str]] = set()
        self.reshelved: set[Row] = set()
        """Rows of which more or less may be withheld."""
        self.entries: list[Entry] = []

    def available(self, row: Row) -> int:
        """Pieces that may be promised; 0 for a row the book does not have.

        Negative when more was promised than is for sale since.
        """
        numbers = self.rows.get(row)
        if not numbers:
            return 0
        free = numbers[0] - numbers[1]
        if self.aside:
            free -= self.aside.get(row, 0)
        if self.shelves and row in self.shelves:
            return free - withheld(self.shelves[row])
        return free

    def available_to(self, channel: str) -> Available:
        """Pieces that may be promised to an order of this channel: without what is kept for others."""
        if not self.shares:
            return self.available

        def available(row: Row) -> int:
            shares = self.shares.get(row)
            if shares is None:
                return self.available(row)
            return shares.left_for(channel, *self.for_sale(row))

        return available

    def kept(self, row: Row) -> int:
        """Free pieces of a row that only some channels may have; they are never more than are free."""
        return sum(self.shares[row].kept(*self.for_sale(row)).values())

    def by_quota(self, row: Row) -> tuple[Share, ...]:
        """How a counted row is shared out now."""
        return self.shares[row].by_quota(*self.for_sale(row))

    def quota_used_up(self, channel: str) -> Callable[[Row], str]:
        """The quota that is in the channel's way: there is more of the row than it may have. Empty = none is."""

        def used_up(row: Row) -> str:
            shares = self.shares.get(row)
            if shares is None or self.available(row) <= max(0, self.available_to(channel)(row)):
                return ""
            return shares.in_the_way(channel, *self.for_sale(row))

        return used_up

    def campaigns(self, channel: str, places: Places) -> tuple[str, ...]:
        """The campaigns that sell any of these goods to the channel now, sorted."""
        found: set[str] = set()
        for warehouse, goods in places:
            for sku, _ in goods:
                if (shares := self.shares.get((warehouse, sku))) is not None:
                    found.update(shares.selling_to(channel))
        return tuple(sorted(found))

    def changed_alone(self) -> set[Row]:
        """Changed rows that are not counted, and of which as much is set aside as before."""
        if not self.shares and self.aside == self.aside_before:
            return self.changed
        return {
            row
            for row in self.changed - self.shares.keys()
            if self.aside.get(row, 0) == self.aside_before.get(row, 0)
        }

    def allot(self, effect: Allot) -> None:
        """Sets pieces of a counted row aside, or ends that."""
        row = (effect.warehouse, effect.sku)
        self.shares[row].allot(effect.campaign, effect.allotment)
        self.changed.add(row)

    def for_sale(self, row: Row) -> tuple[int, int]:
        """Pieces for sale, promised or not, and those that are not."""
        free = self.available(row)
        return free + self.rows[row][1], free

    def objection(
        self, warehouse: str, goods: Goods, portions: Sequence[Portion], *, new: bool = False
    ) -> Unfit | None:
        """Why these signed pieces cannot be booked; None when they can. `new`: batches may be new."""
        plain_of, portions_of = dict(merged(goods)), by_sku(portions)
        for sku in sorted({*plain_of, *portions_of}):
            row = (warehouse, sku)
            plain = plain_of.get(sku, 0)
            on_hand, reserved = self.rows[row]
            shelf = dict(self.shelves.get(row, {}))
            if shelf and loose(on_hand, shelf) + plain < 0:
                return Unfit("batch_needed", sku)
            for portion in portions_of.get(sku, ()):
                try:
                    after = _after(shelf.get(portion.batch), portion, new=new)
                except ValueError:
                    return Unfit("below_batch", sku)
                if isinstance(after, Unfit):
                    return after
                shelf[portion.batch] = after
                on_hand += portion.quantity
            reserved += self.aside.get(row, 0)
            spare = on_hand + plain - reserved - withheld(shelf)
            if on_hand + plain < reserved or spare < min(0, self.available(row)):
                return Unfit("below_reserved", sku)
        return None

    def set_aside(self, row: Row, pieces: int) -> None:
        """So many pieces more (or, negative, less) are for promised orders. ValueError when they are not free."""
        after = self.aside.get(row, 0) + pieces
        on_hand, reserved = self.rows[row]
        if not 0 <= after <= on_hand - reserved:
            raise ValueError(f"{row}: {after} set aside of {on_hand - reserved}")
        self.aside[row] = after
        self.changed.add(row)

    def reserve(self, warehouse: str, goods: Goods, channel: str = "") -> None:
        """Available → reserved."""
        if self.shares:
            available = self.available_to(channel)
            for sku, quantity in goods:
                if available((warehouse, sku)) < quantity:
                    raise ValueError(
                        f"{warehouse} {sku}: {quantity} is more than {channel} may hold"
                    )
            campaigns = self.campaigns(channel, ((warehouse, goods),))
            self._use(warehouse, goods, channel, campaigns, 1)
        for sku, quantity in goods:
            row = (warehouse, sku)
            if self.shelves and row in self.shelves and self.available(row) < quantity:
                raise ValueError(f"{row}: {quantity} wanted of {self.available(row)} for sale")
            self._move(row, 0, quantity)

    def first_expired(self, warehouse: str, goods: Goods) -> tuple[Portion, ...]:
        """The batches these goods leave from, as negative portions; the rest has no batch."""
        if not self.shelves:
            return ()
        return tuple(
            portion
            for sku, quantity in goods
            if (row := (warehouse, sku)) in self.shelves
            for portion in first_expired(sku, self.shelves[row], self.rows[row][0], quantity)
        )

    def release(
        self, warehouse: str, goods: Goods, channel: str = "", campaigns: Sequence[str] = ()
    ) -> None:
        """Reserved → available."""
        if self.shares:
            self._use(warehouse, goods, channel, campaigns, -1)
        for sku, quantity in goods:
            self._move((warehouse, sku), 0, -quantity)

    def recount(self, effect: Recount) -> None:
        """Reserved for one channel → for another."""
        if self.shares:
            before = (effect.before, effect.campaigns_before)
            self._use(effect.warehouse, effect.goods, *before, -1)
            self._use(effect.warehouse, effect.goods, effect.channel, effect.campaigns, 1)
            self.changed.update((effect.warehouse, sku) for sku, _ in effect.goods)

    def _use(  # noqa: PLR0917 — whose pieces, and which way they go
        self,
        warehouse: str,
        goods: Goods,
        channel: str,
        campaigns: Sequence[str],
        held: int,
        sent: int = 0,
    ) -> None:
        for sku, quantity in goods:
            if (shares := self.shares.get((warehouse, sku))) is not None:
                shares.use(channel, held * quantity, sent * quantity, campaigns)

    def deduct(self, effect: Deduct) -> None:
        """Reserved → out of the house, with ledger entries."""
        goods = effect.goods
        if effect.portions:
            named = per_sku(effect.portions)
            goods = tuple((sku, left) for sku, q in goods if (left := q + named.get(sku, 0)))
        for sku, quantity in goods:
            self._move((effect.warehouse, sku), -quantity, -quantity)
            self._enter(effect, sku, -quantity, "deduction")
        for portion in effect.portions:
            self._shift(effect, portion, "deduction", portion.quantity)
        if self.shares:
            self._use(effect.warehouse, effect.goods, effect.channel, effect.campaigns, -1, 1)

    def receive(self, effect: Receive) -> None:
        """Into the house (negative: out of it), with ledger entries."""
        for sku, quantity in effect.goods:
            self._move((effect.warehouse, sku), quantity, 0)
            self._enter(effect, sku, quantity, effect.kind, effect.reason)
        for portion in effect.portions:
            self._shift(effect, portion, effect.kind, 0, effect.reason)
        if self.shares and effect.kind == "return":
            came = merged([*effect.goods, *((one.sku, one.quantity) for one in effect.portions)])
            self._use(effect.warehouse, came, effect.channel, effect.campaigns, 0, -1)

    def stand(self, effect: Stand) -> None:
        """A batch is for sale or not from now on; what lies there of it changes sides, with a ledger entry."""
        row = (effect.warehouse, effect.sku)
        batch = self.shelves[row][effect.batch]
        after = replace(batch, standing=effect.standing, why=effect.why)
        self._keep(row, after)
        self.changed.add(row)
        if after.withheld != batch.withheld:
            self.entries.append(
                Entry(
                    *row,
                    0,
                    "withhold",
                    effect.document_no,
                    "",
                    self.rows[row][0],
                    effect.actor,
                    effect.reason,
                    effect.batch,
                    after.withheld - batch.withheld,
                )
            )

    def mend(self, effect: Mend) -> None:
        """Reserved becomes what is held, and the ledger comes to what is on hand, by entries of its own."""
        row = (effect.warehouse, effect.sku)
        self._move(row, 0, effect.reserved)
        self.reshelved.add(row)
        unnumbered = effect.entry - sum(off.quantity for off in effect.batches)
        balance = self.rows[row][0] - effect.entry
        for off in (*effect.batches, BatchOff("", unnumbered, 0)):
            balance += off.quantity
            self.entries.append(
                Entry(
                    *row,
                    off.quantity,
                    REPAIR,
                    effect.document_no,
                    "",
                    balance,
                    effect.actor,
                    effect.reason,
                    off.batch,
                    off.withheld,
                )
            )

    def _shift(
        self,
        effect: Deduct | Receive,
        portion: Portion,
        kind: str,
        reserved: int,
        reason: str = "",
    ) -> None:
        row = (effect.warehouse, portion.sku)
        batch = self.shelves.setdefault(row, {}).get(portion.batch)
        if batch is None:
            dates = (portion.produced_on, portion.expires_on)
            batch = Batch(number=portion.batch, produced_on=dates[0], expires_on=dates[1])
        after = moved(batch, portion)
        self._move(row, portion.quantity, reserved, numbered=portion.quantity)
        self._keep(row, after)
        withheld = after.withheld - batch.withheld
        if portion.quantity or withheld:
            self._enter(
                *(effect, portion.sku, portion.quantity, kind, reason),
                batch=portion.batch,
                withheld=withheld,
            )

    def _keep(self, row: Row, batch: Batch) -> None:
        self.shelves[row][batch.number] = batch
        self.changed_batches.add((row, batch.number))
        self.reshelved.add(row)

    def _move(self, row: Row, on_hand: int, reserved: int, numbered: int = 0) -> None:
        numbers = self.rows[row]
        on_hand += numbers[0]
        reserved += numbers[1]
        if not 0 <= reserved <= on_hand - self.aside.get(row, 0):
            raise ValueError(f"{row}: {reserved} reserved of {on_hand}")
        if (
            self.shelves
            and row in self.shelves
            and loose(on_hand - numbered, self.shelves[row]) < 0
        ):
            raise ValueError(f"{row}: more pieces in batches than on hand")
        numbers[0] = on_hand
        numbers[1] = reserved
        self.changed.add(row)

    def _enter(
        self,
        effect: Deduct | Receive,
        sku: str,
        quantity: int,
        kind: str,
        reason: str = "",
        *,
        batch: str = "",
        withheld: int = 0,
    ) -> None:
        self.entries.append(
            Entry(
                effect.warehouse,
                sku,
                quantity,
                kind,
                effect.document_no,
                effect.order_id,
                self.rows[effect.warehouse, sku][0],
                effect.actor.replace("\0", ""),  # which Postgres cannot keep
                reason,
                batch,
                withheld,
            )
        )


def _after(batch: Batch | None, portion: Portion, *, new: bool) -> Batch | Unfit:
    dates = (portion.produced_on, portion.expires_on)
    if batch is None:
        if not new:
            return Unfit("unknown_batch", portion.sku)
        batch = Batch(number=portion.batch, produced_on=dates[0], expires_on=dates[1])
    elif any(dates) and dates != (batch.produced_on, batch.expires_on):
        return Unfit("other_dates", portion.sku)
    return moved(batch, portion)
