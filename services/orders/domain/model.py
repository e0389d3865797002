"""What is known of one order: facts as they came, and how far it has come. Frozen values, nothing else.

Guarantees: facts (paid, stock, parcel, holds, refunds) are kept apart from `state`, so that no fact is lost
because it came early and no progress is lost because of a hold or a refund.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from chassis.currency import CNY
from schemas.events.order_states import FulfilLine, FulfilPart
from schemas.events.orders import ChannelExtension
from services.orders.domain.states import State


class HoldCode(StrEnum):
    """Why an order stands still; each kind is lifted in its own way."""

    RISK = "risk"
    """Lifted by ReviewOrder."""
    CHANNEL = "channel"
    """Lifted when the channel clears it."""
    SHORT = "short"
    """Lifted by StockReserved."""
    UNMATCHED = "unmatched"
    """A line has none of our SKUs; lifted when all have."""
    ADDRESS = "address"
    """The receiver changed after the hand-over to fulfillment; lifted by hand, which tells fulfillment the newest one."""
    REFUND = "refund"
    """All of it is asked back, and nobody has decided yet; lifted when that request ends without money."""
    MANUAL = "manual"
    """Lifted by hand."""


LIFTED_BY_HAND = (HoldCode.MANUAL, HoldCode.ADDRESS)


class Stock(StrEnum):
    """What inventory last said."""

    UNKNOWN = ""
    RESERVED = "reserved"
    SHORT = "short"
    RELEASED = "released"


class ParcelStage(StrEnum):
    """What fulfillment last said."""

    UNKNOWN = ""
    WAYBILL = "waybill"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Content(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order as the channel describes it now."""

    channel: str
    shop: str
    channel_order_no: str
    lines: tuple[FulfilLine, ...]
    payable_fen: int
    province: str
    city: str
    district: str
    personal: bytes
    personal_kind: str
    receiver_key: str
    receiver_digest: str = ""
    """Tells more of the receiver than its key, which counts orders; empty = not told, or kept from before it was."""
    currency: str = CNY
    """Of the money of the order; of one that was kept before this was, yuan."""
    address_vague: bool = False
    hold: str = ""
    problem_count: int = 0
    ship_by: datetime | None = None
    gaps: tuple[str, ...] = ()
    """What is missing for a parcel, codes; see `gaps_of`."""
    unmatched: str = ""
    """Which lines have no SKU of ours, and why; empty = all have one."""
    extension: ChannelExtension | None = None
    """What only its channel tells: facts of rules."""
    balance_open: bool = False
    """The buyer has paid a deposit, and has the balance before him."""
    closable: bool = False
    """A seller can close it on its channel; where not, the channel ends what nobody pays."""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the risk table, or a person after it, said."""

    outcome: str
    """passed, review or blocked"""
    score: int
    reasons: tuple[str, ...] = ()
    rule: str = ""
    """table@version#rows"""
    asked_fen: int = 0
    """The amount and"""
    same_receiver: int = 0
    """the number of this receiver's orders in the hour that it was asked about."""
    reviewed_by: str = ""
    """Who decided by hand; empty = the table. A hand's word is not asked again of the table."""


class Hold(Struct, frozen=True, kw_only=True):
    """One reason to stand still."""

    code: HoldCode
    reason: str
    actor: str
    held_at: datetime


class CancelAsk(Struct, frozen=True, kw_only=True):
    """An interception that fulfillment was asked for and has not answered."""

    reason: str
    actor: str
    basis: str


class RefundStage(StrEnum):
    """How far a refund has come."""

    ASKED = ""
    APPROVED = "approved"
    SETTLED = "settled"


class RefundAsk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A refund that was not refused and has not failed. `quantities` are pieces by line number."""

    refund_id: str
    amount_fen: int
    quantities: dict[int, int]
    stage: RefundStage = RefundStage.ASKED


class Head(Struct, frozen=True, kw_only=True):
    """Where the order's audit chain ends."""

    seq: int = 0
    hash: bytes = b""


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The aggregate."""

    state: State = State.NEW
    content: Content | None = None
    placed_at: datetime | None = None
    unpaid_since: datetime | None = None
    """When we accepted it; set as long as it waits for payment, whoever is to end it."""
    paid_fen: int = 0
    paid_at: datetime | None = None
    collect_fen: int = 0
    """What the carrier has to collect at the door."""
    ship_by: datetime | None = None
    ship_by_rule: str = ""
    """table@version#row, or `channel` where the channel names the time itself."""
    stock: Stock = Stock.UNKNOWN
    warehouse: str = ""
    parts: tuple[FulfilPart, ...] = ()
    """What each of several warehouses holds; empty = `warehouse` holds it all."""
    parcel: ParcelStage = ParcelStage.UNKNOWN
    verdict: Verdict | None = None
    holds: tuple[Hold, ...] = ()
    cancel: CancelAsk | None = None
    refunds: tuple[RefundAsk, ...] = ()
    audit: Head = Head()

    @property
    def after_sale(self) -> bool:
        """Whether a refund is open (售后中)."""
        return any(ask.stage is not RefundStage.SETTLED for ask in self.refunds)

    @property
    def granted(self) -> tuple[RefundAsk, ...]:
        """Refunds whose money may go, or has gone."""
        return tuple([ask for ask in self.refunds if ask.stage is not RefundStage.ASKED])


def gaps_of(lines: tuple[FulfilLine, ...], province: str, personal_kind: str) -> tuple[str, ...]:
    """Codes of what a parcel needs and the content lacks."""
    gaps = []
    if not lines:
        gaps.append("no_lines")
    elif not all(line.sku for line in lines):
        gaps.append("no_sku")
    if not province:
        gaps.append("no_region")
    if personal_kind == "absent":
        gaps.append("no_receiver")
    return tuple(gaps)


def cover_whole(asks: Sequence[RefundAsk], order: Order) -> bool:
    """Whether refunds together are for the order as a whole: all its money, or every piece of every line."""
    if order.content is None or not asks:
        return False
    due_fen = order.paid_fen or order.content.payable_fen
    if due_fen and sum(ask.amount_fen for ask in asks) >= due_fen:
        return True
    lines = order.content.lines
    return bool(lines) and all(
        sum(ask.quantities.get(line.line_no, 0) for ask in asks) >= line.quantity for line in lines
    )
