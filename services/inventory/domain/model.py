"""What inventory knows of an order or a receipt, and the movements a decision leads to.

Guarantees: values only. Goods are counted in pieces, merged per SKU and sorted by it (`Goods`), so that the
same lines always compare equal. A `Hold` is live exactly while its state is `held`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from msgspec import Struct

from chassis.extension_facts import Told
from services.inventory.domain.batches import Portion
from services.inventory.domain.campaigns import Campaign
from services.inventory.domain.promise import Promise, PromiseOff, Redate
from services.inventory.domain.repairs import Repair

Goods: TypeAlias = tuple[tuple[str, int], ...]
"""(sku, pieces) with every SKU once, sorted; pieces > 0 unless a field says otherwise."""
Row: TypeAlias = tuple[str, str]
"""(warehouse, sku): one row of stock."""
Places: TypeAlias = tuple[tuple[str, Goods], ...]
"""(warehouse, what comes from there), in the order of preference, each with at least one piece."""

RESERVATION = "rsv-"
"""How a reservation's id begins. No document's number may: both are keys of one table, with different writers."""
REPAIR = "repair"
"""Kind of the entry that makes the books of a row agree: it moves no goods."""

HoldState: TypeAlias = Literal[
    "unmatched", "short", "held", "expired", "cancelled", "shipped", "adopted"
]
"""`unmatched`: a line has no SKU of ours yet, so nothing is asked for. `adopted`: of a reservation whose goods an
order has taken over."""


class Line(Struct, frozen=True, array_like=True):
    """One ordered line."""

    line_no: int
    sku: str
    quantity: int


class Returned(Struct, frozen=True, array_like=True):
    """Goods a refund brings back."""

    document_no: str
    goods: Goods


class Missing(Struct, frozen=True, kw_only=True):
    """A SKU of which there is too little."""

    sku: str
    wanted: int
    available: int
    quota: str = ""
    """Whose quota is in the way, where more lies there and is kept for others (domain/quotas.py)."""


class Asked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What makes a hold a reservation of an own store: who asked, and the answer that was given."""

    reference: str
    """The caller's own name for it."""
    digest: str
    """Of what was asked."""
    granted: Goods = ()
    missing: tuple[Missing, ...] = ()
    expires_at: datetime | None = None
    adopted_by: str = ""
    """The order that has its goods now."""


class Extension(Struct, frozen=True, array_like=True):
    """One time that a payment in progress kept the goods longer."""

    key: str
    """Under which it was asked for."""
    for_s: int
    """As it was asked for; 0 = what the rule allows."""
    expires_at: datetime
    """What came of it."""


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one warehouse has to do with an order."""

    warehouse: str
    goods: Goods
    """What was set aside there; it does not change while the hold lives."""
    held: Goods = ()
    """What of it is still there."""
    shipped: Goods = ()
    """What left from there and did not come back."""
    batches: tuple[Portion, ...] = ()
    """Which batches that was of, where the SKU has any."""


class Hold(Struct, frozen=True, kw_only=True, tag="hold", tag_field="kind", omit_defaults=True):
    """An order as inventory sees it: what it wants, and what is held for it."""

    state: HoldState
    generation: int = 0
    """How often stock was asked for; 0 = never (cancelled before it was seen)."""
    paid: bool = False
    channel: str = ""
    province: str = ""
    told: Told = ()
    """What its channel alone tells and the table of sourcing asks for."""
    lines: tuple[Line, ...] = ()
    warehouse: str = ""
    """Empty where nothing was held, and where several warehouses hold it (`parts`)."""
    rule: str = ""
    held: Goods = ()
    """What is held now; smaller than the lines after a parcel took a part. Empty unless live."""
    shipped: Goods = ()
    """What left the house and did not come back."""
    batches: tuple[Portion, ...] = ()
    """Which batches that was of, where the SKU has any and one warehouse holds it all."""
    parts: tuple[Part, ...] = ()
    """By warehouse, where several hold it: `held` and `shipped` are the sums of theirs. See domain/parts.py."""
    expires_at: datetime | None = None
    """When an unpaid hold ends; None = never."""
    extensions: tuple[Extension, ...] = ()
    short_since: datetime | None = None
    """Since when nothing is held for want of goods; None while it is not short."""
    buyer: str = ""
    """Keyed digest of the receiver, while it is not paid; empty = not told."""
    early_returns: tuple[Returned, ...] = ()
    """Returns whose parcel we have not seen leave yet: topics have no order among themselves."""
    reservation_id: str = ""
    """The reservation whose goods the order takes over, where it names one."""
    handed_over: bool = False
    """Whether the buyer took the goods along: they leave the books as soon as they are held."""
    left_elsewhere: bool = False
    """Whether all of it had left, and not from us, when we first saw it: nothing is asked for, and nothing leaves the books."""
    promises: tuple[Promise, ...] = ()
    """What it is to have, while it is short (domain/presale.py)."""
    promised_for: datetime | None = None
    """When that can be sent."""
    promised_at: datetime | None = None
    """Since when it is promised: who was promised first is served first."""
    promise_no: int = 0
    """How often its promise was made, changed, or looked for in vain."""
    campaigns: tuple[str, ...] = ()
    """On whose pieces it drew when it was held: they sold to its channel then (domain/campaigns.py)."""
    asked: Asked | None = None
    """Set where this is no order but a reservation (domain/reservations.py)."""


class Receipt(Struct, frozen=True, kw_only=True, tag="receipt", tag_field="kind"):
    """A goods receipt or adjustment that was booked."""

    warehouse: str
    cause: str
    goods: Goods
    """Pieces are negative where an adjustment takes away."""
    portions: tuple[Portion, ...] = ()
    """Which batches that is of, where the SKU has any."""


class TransferArrival(Struct, frozen=True, kw_only=True):
    """A part of a transfer that was booked in."""

    arrival_no: str
    warehouse: str
    goods: Goods
    portions: tuple[Portion, ...] = ()
    asked: tuple[Portion, ...] = ()
    """Those of them that were named."""


class Transfer(Struct, frozen=True, kw_only=True, tag="transfer", tag_field="kind"):
    """Goods on their way from one warehouse to another. They leave one book at once and enter the other on arrival."""

    state: Literal["in_transit", "received"] = "in_transit"
    warehouse: str
    """Where they left."""
    to_warehouse: str
    goods: Goods
    in_transit: Goods
    """What has not arrived, and has not come back."""
    portions: tuple[Portion, ...] = ()
    """Which batches were sent."""
    asked: tuple[Portion, ...] = ()
    """Those of them that were named."""
    portions_in_transit: tuple[Portion, ...] = ()
    arrivals: tuple[TransferArrival, ...] = ()
    sent_by: str
    reason: str


class PurchaseReceipt(Struct, frozen=True, kw_only=True):
    """Goods of a purchase order that were booked in."""

    receipt_no: str
    goods: Goods
    over: Goods
    """The part of it that came beyond what was ordered."""
    received_by: str
    received_at: datetime


class Purchase(Struct, frozen=True, kw_only=True, tag="purchase", tag_field="kind"):
    """Goods ordered from a supplier."""

    state: Literal["open", "partly_received", "received", "cancelled"] = "open"
    warehouse: str
    supplier: str
    goods: Goods
    outstanding: Goods
    """What is still to come; nothing once it is received or cancelled."""
    over_receipt_percent: int
    """How much more of a SKU than ordered may come in."""
    receipts: tuple[PurchaseReceipt, ...] = ()
    expected_at: datetime | None
    opened_by: str
    opened_at: datetime
    reason: str
    """What it was ordered by."""
    cancelled_by: str = ""
    cancel_reason: str = ""
    redates: tuple[Redate, ...] = ()


class Adjustment(Struct, frozen=True, kw_only=True, tag="adjustment", tag_field="kind"):
    """Signed pieces by which the book is to be corrected."""

    state: Literal["requested", "booked", "rejected"] = "requested"
    warehouse: str
    goods: Goods
    """Negative: lost."""
    portions: tuple[Portion, ...] = ()
    """Which batches that is of, where the SKU has any; pieces in all of a SKU are in `goods`."""
    requested_by: str
    reason: str
    decided_by: str = ""
    decision_reason: str = ""


class ShelfCount(Struct, frozen=True, kw_only=True):
    """What lay on the shelf and what the book said at that moment, in pieces."""

    sku: str
    quantity: int
    book: int
    counted_at: datetime
    counted_by: str
    batch: str = ""


class StockCount(Struct, frozen=True, kw_only=True, tag="count", tag_field="kind"):
    """A count of some SKUs of a warehouse."""

    state: Literal["open", "booked", "rejected"] = "open"
    warehouse: str
    opened_at: datetime
    opened_by: str
    reason: str
    frozen: tuple[tuple[str, int], ...]
    """(sku, pieces on hand by the book when it was opened), by SKU."""
    counted: tuple[ShelfCount, ...] = ()
    """By SKU; may hold SKUs nobody expected there."""
    decided_by: str = ""
    decision_reason: str = ""


class BatchPaper(Struct, frozen=True, kw_only=True, tag="batch", tag_field="kind"):
    """What was decided about a batch."""

    state: Literal["judged", "recalled", "inspected"]
    warehouse: str
    sku: str
    batch: str
    decided_by: str
    reason: str
    good: int = 0
    bad: int = 0
    """Pieces found by an inspection."""


Aggregate: TypeAlias = (
    Hold | Receipt | Transfer | Purchase | Adjustment | StockCount | Repair | BatchPaper | Campaign
)


class Lacking(Struct, frozen=True, kw_only=True):
    """Why a warehouse was not chosen: the SKU of which most lacks; "" = it has all of it by now."""

    warehouse: str
    sku: str
    wanted: int
    available: int
    why: str = ""
    """Where several send the order: has_none (of its goods), more_parcels (with it there would be more), no_cheaper
    (as few with it, but at no less cost)."""
    quota: str = ""
    """As in `Missing`."""


class Held(Struct, frozen=True, kw_only=True):
    """The answer "yes": all lines, in one warehouse unless the rule lets several send them."""

    warehouse: str
    """Of several: the first."""
    rule: str
    passed_over: tuple[Lacking, ...] = ()
    """Warehouses the rule names before it; of several that send it, all others."""
    several: Places = ()
    """What each of several gives; empty = the one has it all."""


class HeldPart(Struct, frozen=True, kw_only=True):
    """The answer "not all of it", to who may take a part: what one warehouse has."""

    warehouse: str
    rule: str
    goods: Goods
    """At least one piece."""
    missing: tuple[Missing, ...]


class Short(Struct, frozen=True, kw_only=True):
    """The answer "no": what is missing in the warehouse that comes closest."""

    missing: tuple[Missing, ...]


class Lease(Struct, frozen=True, kw_only=True):
    """How long goods are kept for somebody who has not paid; zero = not at all. And by which rule."""

    time: timedelta
    rule: str
    extension: timedelta = timedelta()
    """For how long a payment in progress keeps them, from when it is told; at most `extensions_max` times."""
    extensions_max: int = 0


class Reserve(Struct, frozen=True):
    """Effect: pieces become reserved."""

    warehouse: str
    goods: Goods
    buyer: str = ""
    """Who has them unpaid; empty where that is not counted."""
    channel: str = ""
    """Whose quota they come from."""


class Release(Struct, frozen=True):
    """Effect: reserved pieces become available."""

    warehouse: str
    goods: Goods
    partly: bool = False
    """Whether others that were set aside with them have left."""
    channel: str = ""
    campaigns: tuple[str, ...] = ()


class Deduct(Struct, frozen=True):
    """Effect: reserved pieces leave the house."""

    warehouse: str
    goods: Goods
    document_no: str
    order_id: str
    actor: str = ""
    portions: tuple[Portion, ...] = ()
    """Which batches give them (negative pieces); the rest of the goods has no batch."""
    channel: str = ""
    campaigns: tuple[str, ...] = ()


class Receive(Struct, frozen=True):
    """Effect: pieces come in (or, negative, leave) for a reason of that `kind`: receipt, adjustment, return."""

    warehouse: str
    goods: Goods
    """Those without a batch."""
    kind: str
    document_no: str
    order_id: str = ""
    actor: str = ""
    reason: str = ""
    portions: tuple[Portion, ...] = ()
    """Those of batches, besides `goods`."""
    channel: str = ""
    """Of a return: who had sent them."""
    campaigns: tuple[str, ...] = ()


class BatchOff(Struct, frozen=True, array_like=True):
    """Signed pieces of one batch that are missing from the ledger."""

    batch: str
    quantity: int
    withheld: int


class Mend(Struct, frozen=True):
    """Effect: the books of a row agree. What lies there does not change."""

    warehouse: str
    sku: str
    entry: int
    """Signed pieces that are missing from the ledger."""
    reserved: int
    """Signed pieces that are missing from `reserved`."""
    document_no: str
    actor: str
    reason: str
    batches: tuple[BatchOff, ...] = ()
    promises: tuple[PromiseOff, ...] = ()


class Off(Struct, frozen=True, kw_only=True):
    """By how much the books of a row differ, in signed pieces that are missing."""

    entry: int
    """From the ledger, to come to what is on hand."""
    reserved: int
    """From `reserved`, to come to the live holds."""
    broken_entry: int
    """The first ledger entry that does not follow from the one before; 0 = none."""
    batches: tuple[BatchOff, ...] = ()
    withheld: int = 0
    """From what the row says is withheld, to come to what its batches withhold."""
    promises: tuple[PromiseOff, ...] = ()
    """From lines of what is expected."""
    aside: int = 0
    """From what is set aside, to come to what lines say came for their promises."""


AGREEING = Off(entry=0, reserved=0, broken_entry=0)


class Entry(Struct, frozen=True, array_like=True):
    """One ledger entry."""

    warehouse: str
    sku: str
    quantity: int
    """Signed pieces: + in, − out."""
    kind: str
    document_no: str
    order_id: str
    balance_after: int
    actor: str = ""
    """Who said so: a person, a service or a timer."""
    reason: str = ""
    """Why, in a person's words; empty where the document says it all."""
    batch: str = ""
    """Which batch; empty = pieces without one."""
    withheld: int = 0
    """Signed pieces that are not for sale any more (+), or are again or no longer there (−)."""


def pieces_of(goods: Goods) -> int:
    """How many pieces in all."""
    return sum([quantity for _, quantity in goods])


def merged(pairs: Iterable[tuple[str, int]]) -> Goods:
    """Pieces per SKU, sorted; SKUs that come to 0 are left out."""
    pieces: dict[str, int] = {}
    for sku, quantity in pairs:
        pieces[sku] = pieces.get(sku, 0) + quantity
    return tuple(sorted((sku, quantity) for sku, quantity in pieces.items() if quantity))


def unnumbered(goods: Iterable[tuple[str, int]], portions: Iterable[Portion]) -> Goods:
    """What of these goods no portion has."""
    return merged([*goods, *((one.sku, -one.quantity) for one in portions)])


def taken_from(goods: Goods, taken: Goods) -> Goods | None:
    """What is left of `goods` without `taken`; None when it is not all there."""
    left = merged([*goods, *((sku, -quantity) for sku, quantity in taken)])
    return left if all(quantity > 0 for _, quantity in left) else None
