"""What a snapshot of a channel order means, given what is known of the order: the pure heart of ingest.

Guarantees: snapshots of one order have a total order (`Rank`), and what is known of the order is the same
whichever order they came in and however often: the content of the greatest, the receiver as told best, and
that it was paid or closed if any of them says so, and with how much by the one that says most. The same snapshot
any number of times is one order; payment and cancellation are told once, a payment again where more is paid than
was told, as at the door; what may change later (receiver, hold, extension) is told as an amendment with the names
of what changed; a receiver that the channel takes away again, as some do once a parcel has left, stays as it
was told; a payload that cannot be worked with is quarantined with every reason and does not touch what is
known. What is told has all of the order to ship: an order of which a part is refunded, or has left and not from us, is held.
So is one that the channel called paid, while the greatest says that it is not.
An imported snapshot has no modified time and is older than any that the channel told: it takes an order in,
and tells that it was paid or closed, but overwrites nothing. An order that an import told otherwise than the
channel does is held.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from chassis import channel_holds
from schemas.events.orders import ChannelExtension
from services.ingest.domain.extensions import changed_fields, told
from services.ingest.domain.imported import ImportedLine, as_imported, paired, same_goods
from services.ingest.domain.matching import ChannelLine
from services.ingest.domain.model import (
    SHIPPABLE,
    CanonicalOrder,
    Item,
    LineRefundState,
    OrderSnapshotState,
    PiiKind,
    Problem,
)

PAID = frozenset(
    {
        OrderSnapshotState.AWAITING_SHIPMENT,
        OrderSnapshotState.PARTLY_SHIPPED,
        OrderSnapshotState.SHIPPED,
        OrderSnapshotState.COMPLETED,
        OrderSnapshotState.PAID_ON_HOLD,
    }
)
OVER = frozenset({OrderSnapshotState.CANCELLED, OrderSnapshotState.CLOSED_REFUNDED})
LEFT = frozenset({OrderSnapshotState.SHIPPED, OrderSnapshotState.COMPLETED})

SHIPPED_ELSEWHERE = channel_holds.SHIPPED_ELSEWHERE
PARTLY_SHIPPED_ELSEWHERE = "partly_shipped_elsewhere"
PARTLY_REFUNDED = "partly_refunded"
IMPORT_DIFFERS = "import_differs"
PAYMENT_TAKEN_BACK = "payment_taken_back"
_BEFORE_PAYMENT = frozenset({OrderSnapshotState.UNPAID, OrderSnapshotState.DEPOSIT_PAID})

_STOPPED = "stopped"
"""Paid and on hold, for another reason than what comes by itself (`PASSING_HOLDS`)."""

# How far an order has come. What is stopped or unknown must not ship, so it stands above all that may.
_PROGRESS: dict[str, int] = {
    state: progress
    for progress, state in enumerate(
        (
            OrderSnapshotState.UNPAID,
            OrderSnapshotState.DEPOSIT_PAID,
            OrderSnapshotState.PAID_ON_HOLD,
            OrderSnapshotState.AWAITING_SHIPMENT,
            _STOPPED,
            OrderSnapshotState.PARTLY_SHIPPED,
            OrderSnapshotState.SHIPPED,
            OrderSnapshotState.COMPLETED,
            OrderSnapshotState.UNKNOWN,
            OrderSnapshotState.CANCELLED,
            OrderSnapshotState.CLOSED_REFUNDED,
        )
    )
}
assert {*OrderSnapshotState, _STOPPED} == _PROGRESS.keys(), "every state has come so far"

# What a paid order waits for that comes by itself: a group's members, a payment under way, the customs. An order that
# waits for shipment has that behind it. Every other hold may come to an order that was free: from its buyer, from a
# person, from the platform. So may one that nobody has described here.
PASSING_HOLDS = frozenset(
    {
        "customs",
        "gift_not_accepted",
        "group_not_complete",
        "not_confirmed",
        "payment_in_process",
        "payment_incomplete",
        "payment_passing",
        "waiting_on_channel",
    }
)

# How much of the receiver a form tells: a cipher opens with the platform's help, a mask never.
# "" stands in orders known from before forms were kept.
_TOLD: dict[str, int] = {
    "": -1,
    PiiKind.ABSENT: 0,
    PiiKind.MASKED: 1,
    PiiKind.ENCRYPTED: 2,
    PiiKind.PLAIN: 2,
}

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class Rank(Struct, frozen=True, order=True, array_like=True):
    """Which of two snapshots of one order is the newer one; equal only for the same snapshot.

    Channels tell modified times in whole seconds, so two contents may share one. Then the state that has
    come further counts (`_progress`), then the one that is held, and at last a digest of the content: arbitrary,
    but the same whichever came first.
    """

    modified_at: datetime
    progress: int
    held: bool
    digest: str


class Since(Struct, frozen=True, order=True, array_like=True):
    """How a snapshot stands to a receiver which somebody corrected by hand on the snapshot `modified_at`.

    `spoken` 0: the channel still said the same, and the correction holds; 1: it has said something else since.
    """

    modified_at: datetime
    spoken: int


NEVER = Since(_BEFORE_ALL, 0)


class Waiting(Struct, frozen=True, kw_only=True):
    """What an order that waits for a mapping was placed with."""

    lines: tuple[ChannelLine, ...]
    discount_fen: int
    since: datetime


class KnownOrder(Struct, frozen=True, kw_only=True):
    """What ingest keeps of a channel order. `order_id` is empty while only quarantined payloads came."""

    order_id: str = ""
    channel: str
    shop: str
    channel_order_no: str
    modified_at: datetime | None = None
    paid: bool = False
    cancelled: bool = False
    state: str = ""
    raw_state: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    personal_digest: str = ""
    personal_kind: str = ""
    hold: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    """(channel's line id, pieces of ours), in the order of our line numbers."""
    mapped: tuple[tuple[str, int], ...] = ()
    """(channel's line id, pieces the channel sold) of lines that a mapping opened."""
    waiting: Waiting | None = None
    """Set while a line has no SKU of ours."""
    quarantine: tuple[Problem, ...] = ()
    set_aside: bool = False
    """Whether the quarantine has, or had, an entry of it."""
    digest: str = ""
    """Of the newest snapshot's content; empty in orders known from before it was kept."""
    personal_of: Rank | None = None
    """The snapshot that told the personal block; None: the newest."""
    personal_since: Since = NEVER
    """Whether the personal block is a corrected one, or told after that."""
    region_of: Rank | None = None
    """The snapshot that told the region; None: the newest."""
    imported: tuple[ImportedLine, ...] = ()
    """The lines as an import told them, where it told the order first; else nothing."""
    returns: str = ""
    """The order whose goods it takes back; it has no order id of its own then."""
    extension: ChannelExtension | None = None
    """What only its channel tells; None: nothing yet, or known from before it was kept."""
    paid_there: bool = False
    """Whether the channel itself has said that it is paid; an import alone tells no time to compare."""
    paid_fen: int | None = None
    """The most that the channel, or before it an import, called paid; None: nothing, or known from before it was kept."""

    @property
    def rank(self) -> Rank:
        """The newest snapshot's."""
        progress = _progress(self.state, self.hold, self.modified_at)
        # That a payment was taken back is said by two snapshots together, and by neither of them alone.
        held = self.hold not in {"", PAYMENT_TAKEN_BACK}
        return Rank(self.modified_at or _BEFORE_ALL, progress, held, self.digest)

    @property
    def region(self) -> tuple[str, str, str]:
        """Province, city, district."""
        return self.province, self.city, self.district

    @property
    def balance_open(self) -> bool:
        """Whether the buyer has paid a deposit, and has the balance before him."""
        return self.state == OrderSnapshotState.DEPOSIT_PAID and not self.paid


class Stale(Struct, frozen=True):
    """The snapshot brings nothing new: a repeat, or older than what is known."""


class Quarantine(Struct, frozen=True):
    """The payload cannot be worked with, for all these reasons."""

    problems: tuple[Problem, ...]


class Change(Struct, frozen=True, kw_only=True):
    """What a good snapshot brings.

    `placed`: the order is new to us. `paid`: it is paid now, or more is. `later`: it was modified after what was known of it.
    """

    placed: bool
    paid: bool
    amended: tuple[str, ...]
    cancelled: bool
    known: KnownOrder
    later: bool = True


Reading = Stale | Quarantine | Change


def hold_of(order: CanonicalOrder) -> str:
    """Why a snapshot forbids shipping all of the order now; empty when it does not."""
    if order.state is OrderSnapshotState.PAID_ON_HOLD and _all_left(order):
        # What has left must not leave again, either when what holds it is over.
        return SHIPPED_ELSEWHERE
    if order.hold:
        return order.hold
    if order.handed_over:
        return ""
    if order.state is OrderSnapshotState.UNKNOWN:
        return "state_unknown"
    if order.state is OrderSnapshotState.PAID_ON_HOLD:
        return "paid_on_hold"
    if order.state in LEFT:
        # What has left must not leave again, whoever sent it.
        return SHIPPED_ELSEWHERE
    if order.state not in SHIPPABLE:
        return ""
    # We ship an order as a whole, in one parcel or several. What others left of one is for a person to decide.
    partly = order.state is OrderSnapshotState.PARTLY_SHIPPED
    if not order.left_from_us and (partly or any(item.shipped_qty for item in order.items)):
        return PARTLY_SHIPPED_ELSEWHERE
    if any(
        item.refunded_qty or item.refund_state is LineRefundState.REFUNDED for item in order.items
    ):
        return PARTLY_REFUNDED
    return ""


def left_from_us(known: KnownOrder | None, order: CanonicalOrder, sent: Collection[str]) -> bool:
    """Whether every line that has left, by the channel, is one of those that a parcel of ours held some of.

    `sent` are their ids, as they were told when the order was placed; empty while nothing has left from us.
    """
    if known is None or not sent:
        return False
    own_ids = {line.line_id: line.own_id for line in known.imported if line.own_id}
    ours = {own_ids.get(line_id, line_id) for line_id in sent}
    return all(item.line_id in ours for item in order.items if item.shipped_qty)


def _all_left(order: CanonicalOrder) -> bool:
    return bool(order.items) and all(item.shipped_qty >= item.qty for item in order.items)


def rank_of(order: CanonicalOrder, digest: str) -> Rank:
    """Where a snapshot stands among those of its order. `digest` is equal only for equal contents."""
    modified_at, hold = order.times.modified, hold_of(order)
    progress = _progress(order.state, hold, modified_at)
    return Rank(modified_at or _BEFORE_ALL, progress, bool(hold), digest)


def _progress(state: str, hold: str, modified_at: datetime | None) -> int:
    """How far an order has come among its snapshots of one second.

    Imports tell no second, and of two each is as likely the later one: nothing counts as stopped there.
    """
    passing = hold in PASSING_HOLDS or not hold or modified_at is None
    if state == OrderSnapshotState.PAID_ON_HOLD and not passing:
        return _PROGRESS[_STOPPED]
    return _PROGRESS.get(state, -1)


def read_snapshot(
    known: KnownOrder | None,
    order: CanonicalOrder,
    problems: tuple[Problem, ...],
    *,
    digest: str,
    personal_digest: str,
    order_id: str,
    since: Since = NEVER,
    again: bool = False,
) -> Reading:
    """Compares a snapshot with what is known. `order_id` is used when the order is new to us.

    `since` says how it stands to a receiver that was corrected by hand. `again`: it is read by another mapping,
    and what an earlier one made of a snapshot of the same time gives way.
    """
    if any(problem.blocks for problem in problems):
        return Quarantine(problems)
    seen = KnownOrder(
        order_id=order_id,
        channel=order.channel,
        shop=order.shop,
        channel_order_no=order.order_no,
        modified_at=order.times.modified,
        paid=order.state in PAID,
        cancelled=order.state in OVER,
        state=order.state,
        raw_state=order.raw_state,
        province=order.receiver.province,
        city=order.receiver.city,
        district=order.receiver.district,
        personal_digest=personal_digest,
        personal_kind=order.receiver.pii,
        hold=hold_of(order),
        lines=tuple([(item.line_id, item.qty) for item in order.items]),
        digest=digest,
        personal_since=since,
        imported=() if order.times.modified else as_imported(order),
        extension=told(order.extensions),
        paid_there=_paid_there(order.state, order.times.modified),
        paid_fen=order.paid_fen if order.state in PAID else None,
    )
    if known is None or not known.order_id:
        seen = replace(seen, set_aside=known is not None and known.set_aside)
        return Change(placed=True, paid=seen.paid, amended=(), cancelled=seen.cancelled, known=seen)
    given_way = again and seen.modified_at == known.modified_at
    before = replace(known, state="", raw_state="", hold="", digest="") if given_way else known
    seen = _handed_over_since(known, seen, order)
    now_known = _joined(*_beside_import(before, seen, order))
    if now_known == known:
        return Stale()
    return Change(
        placed=False,
        paid=_more_paid(known, now_known),
        amended=() if now_known.cancelled else _amended(known, now_known),
        cancelled=now_known.cancelled and not known.cancelled,
        known=now_known,
        # Imports tell no time.
        later=not (seen.modified_at and known.modified_at) or seen.modified_at > known.modified_at,
    )


def _handed_over_since(known: KnownOrder, seen: KnownOrder, order: CanonicalOrder) -> KnownOrder:
    """The snapshot of a till's order that was told before its till was done: only an order's placing takes it off the books.

    So it is held as one that others have sent, for as long as the channel says so.
    """
    told_before = known.state not in LEFT or known.hold == SHIPPED_ELSEWHERE
    if not (order.handed_over and told_before):
        return seen
    return replace(seen, hold=seen.hold or SHIPPED_ELSEWHERE)


def _beside_import(
    known: KnownOrder, seen: KnownOrder, order: CanonicalOrder
) -> tuple[KnownOrder, KnownOrder]:
    """What is known, and the channel's own snapshot, where an import told the order first.

    The first that tells the same goods gives our lines the channel's ids; one that tells others is held.
    """
    if not known.imported or seen.modified_at is None:
        return known, seen
    if not same_goods(known.imported, order.items):
        return known, replace(seen, hold=seen.hold or IMPORT_DIFFERS)
    if known.imported[0].own_id:
        return known, seen
    return _named(known, paired(known.imported, order.items)), seen


def _named(known: KnownOrder, items: Mapping[str, Item]) -> KnownOrder:
    """The order with its lines in the channel's own words. `items` are the channel's by the import's line ids."""
    own = {line_id: item.line_id for line_id, item in items.items()}
    waiting = known.waiting
    if waiting is not None:
        lines = [_as_the_channel_says(line, items[line.line_id]) for line in waiting.lines]
        waiting = replace(waiting, lines=tuple(lines))
    return replace(
        known,
        lines=tuple([(own[line_id], pieces) for line_id, pieces in known.lines]),
        mapped=tuple([(own[line_id], pieces) for line_id, pieces in known.mapped]),
        waiting=waiting,
        imported=tuple([replace(line, own_id=own[line.line_id]) for line in known.imported]),
    )


def _as_the_channel_says(line: ChannelLine, item: Item) -> ChannelLine:
    return replace(
        line,
        line_id=item.line_id,
        channel_sku_id=item.sku_id,
        merchant_code=item.merchant_sku,
    )


def _joined(known: KnownOrder, seen: KnownOrder) -> KnownOrder:
    """What is known after one more snapshot: the same whichever of the two came first."""
    newer = seen if seen.rank > known.rank else known
    personal = max(known, seen, key=_personal_standing)
    region = max(known, seen, key=lambda one: (any(one.region), _region_rank(one)))
    personal_of, region_of = _personal_rank(personal), _region_rank(region)
    # Orders from before it was kept still tell it by their state.
    paid_there = seen.paid_there or known.paid_there or _paid_there(known.state, known.modified_at)
    taken_back = paid_there and newer.state in _BEFORE_PAYMENT
    return replace(
        newer,
        order_id=known.order_id,
        set_aside=known.set_aside,
        # Money that was taken and an order that was closed are facts, also where they are told late.
        paid=known.paid or seen.paid,
        paid_there=paid_there,
        paid_fen=_most_paid(known, seen),
        cancelled=known.cancelled or seen.cancelled,
        hold=newer.hold or (PAYMENT_TAKEN_BACK if taken_back else ""),
        province=region.province,
        city=region.city,
        district=region.district,
        region_of=None if region_of == newer.rank else region_of,
        personal_digest=personal.personal_digest,
        personal_kind=personal.personal_kind,
        personal_of=None if personal_of == newer.rank else personal_of,
        personal_since=personal.personal_since,
        # Line numbers are given once: a later snapshot that drops a line must not shift the others.
        lines=known.lines or seen.lines,
        mapped=known.mapped,
        waiting=None if known.cancelled or seen.cancelled else known.waiting,
        imported=known.imported,
        quarantine=known.quarantine if seen.rank < known.rank else (),
    )


def _paid_there(state: str, modified_at: datetime | None) -> bool:
    return state in PAID and modified_at is not None


def _most_paid(known: KnownOrder, seen: KnownOrder) -> int | None:
    told = [(one.paid_there, one.paid_fen) for one in (known, seen) if one.paid_fen is not None]
    return max(told)[1] if told else None


def _more_paid(known: KnownOrder, newer: KnownOrder) -> bool:
    """Whether a payment is to be told. Of one from before amounts were kept, nobody knows what was told."""
    if not known.paid or known.paid_fen is None:
        return newer.paid and not known.paid
    return newer.paid_fen is not None and newer.paid_fen > known.paid_fen


def _personal_standing(known: KnownOrder) -> tuple[Since, bool, bool, int, Rank]:
    """How well a receiver is told. A mask of the channel's own says more than an import's clear text."""
    told, rank = _TOLD[known.personal_kind], _personal_rank(known)
    return known.personal_since, told > 0, rank.modified_at > _BEFORE_ALL, told, rank


def _personal_rank(known: KnownOrder) -> Rank:
    return known.personal_of or known.rank


def _region_rank(known: KnownOrder) -> Rank:
    return known.region_of or known.rank


def _amended(known: KnownOrder, newer: KnownOrder) -> tuple[str, ...]:
    changed = []
    if newer.personal_digest != known.personal_digest:
        changed.append("personal")
    if newer.region != known.region:
        changed.append("region")
    if newer.hold != known.hold and not _our_own_shipping(known, newer):
        changed.append("hold")
    # The balance is told as the payment.
    if newer.balance_open != known.balance_open and not newer.paid:
        changed.append("balance_open")
    return (*changed, *changed_fields(known.extension, newer.extension))


def _our_own_shipping(known: KnownOrder, newer: KnownOrder) -> bool:
    """Whether the channel only says back what we told it: the order was free for us to ship."""
    return newer.hold == SHIPPED_ELSEWHERE and known.paid and not known.hold
