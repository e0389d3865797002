"""The canonical order: what every channel's native order becomes, and nothing else.

Guarantees of a `CanonicalOrder` whose `Normalised` carries no blocking problem:

- money is whole fen (the minor unit of `currency`); no float was on the way;
- for each line `unit_price_fen * qty - discount_fen` is its share of what is payable for goods, and
  these shares add up to `payable_fen - freight_fen` exactly; the lines' `paid_fen` add up to
  `goods_paid_fen(order)` exactly;
- numbers of orders, lines and SKUs are text, as the channel wrote them;
- times are aware UTC; an event which has not happened is None, never 1970;
- plain, masked and encrypted personal data are told apart and never share a field.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec


class OrderSnapshotState(StrEnum):
    """Where the channel says the order stands. Only the states in `SHIPPABLE` may ship."""

    UNPAID = "unpaid"
    DEPOSIT_PAID = "deposit_paid"
    PAID_ON_HOLD = "paid_on_hold"
    AWAITING_SHIPMENT = "awaiting_shipment"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLOSED_REFUNDED = "closed_refunded"
    UNKNOWN = "unknown"


SHIPPABLE = frozenset({OrderSnapshotState.AWAITING_SHIPMENT, OrderSnapshotState.PARTLY_SHIPPED})


class LineRefundState(StrEnum):
    """Where after-sales of one line stands. Those in `OPEN_REFUNDS` forbid shipping the line.

    PARTLY_REFUNDED: `Item.refunded_qty` of its pieces have left the order, the others go on.
    """

    NONE = "none"
    REQUESTED = "requested"
    RETURNING = "returning"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    EXCHANGING = "exchanging"
    EXCHANGED = "exchanged"
    UNKNOWN = "unknown"


OPEN_REFUNDS = frozenset(
    {
        LineRefundState.REQUESTED,
        LineRefundState.RETURNING,
        LineRefundState.EXCHANGING,
        LineRefundState.UNKNOWN,
    }
)


class PiiKind(StrEnum):
    """The most protected form in which the channel sent the receiver."""

    PLAIN = "plain"
    MASKED = "masked"
    ENCRYPTED = "encrypted"
    ABSENT = "absent"


class Bearer(StrEnum):
    """Who pays for a promotion."""

    SELLER = "seller"
    PLATFORM = "platform"
    INFLUENCER = "influencer"
    UNKNOWN = "unknown"


class ProblemCode(StrEnum):
    """Every reason for which a payload is quarantined, or which an accepted payload contradicts."""

    GARBAGE = "garbage"  # not JSON at all
    BAD_SHAPE = "bad_shape"  # JSON, but a field has another type than the channel documents
    NOT_AN_ORDER = "not_an_order"  # JSON without any order of this channel
    CHANNEL_ERROR = "channel_error"  # the channel's error answer
    DETAIL_NEEDED = "detail_needed"  # a list row or a hint: carries no lines, fetch the detail
    DETAIL_GONE = (
        "detail_gone"  # hinted at, and the channel keeps saying that there is no such order
    )
    ORDER_NO_MISSING = "order_no_missing"
    ORDER_NO_MALFORMED = "order_no_malformed"
    ORDER_NO_REUSED = "order_no_reused"  # one number, two contents which cannot both be right
    SALE_MISSING = "sale_missing"  # goods come back, and nobody says of which order
    SHOP_MISSING = "shop_missing"
    LINES_MISSING = "lines_missing"
    LINE_ID_MISSING = "line_id_missing"
    LINE_ID_REPEATED = "line_id_repeated"
    LINES_CUT = "lines_cut"  # the channel sends at most so many lines, and this order has them all
    SKU_MISSING = "sku_missing"
    BAD_QUANTITY = "bad_quantity"
    BAD_AMOUNT = "bad_amount"
    NEGATIVE_AMOUNT = "negative_amount"
    AMOUNT_MISSING = "amount_missing"
    CURRENCY_UNKNOWN = "currency_unknown"
    FREIGHT_ABOVE_TOTAL = "freight_above_total"
    PAID_ABOVE_PAYABLE = "paid_above_payable"
    LINES_DIFFER_FROM_TOTAL = "lines_differ_from_total"
    GOODS_DIFFER_FROM_TOTAL = "goods_differ_from_total"
    PROMOTIONS_DIFFER = "promotions_differ"
    STATE_UNKNOWN = "state_unknown"
    STATE_CONTRADICTS_PAYMENT = "state_contradicts_payment"
    BAD_TIME = "bad_time"
    MODIFIED_MISSING = "modified_missing"
    RECEIVER_MISSING = "receiver_missing"
    RECEIVER_LOST = "receiver_lost"  # spoilt by a wrong encoding, and not to be had back
    RESERVATION_MALFORMED = "reservation_malformed"  # named, and no id of ours: held for itself
    RECEIVER_MIXED = "receiver_mixed"  # some fields masked or plain, others ciphers


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a payload.

    `blocks`: the order belongs into quarantine; else it is taken in with the contradiction named.
    `detail` names fields and amounts, never personal data.
    """

    code: ProblemCode
    detail: str
    blocks: bool


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `discount_fen` is negative where the seller raised the price by hand.

    `qty` and the amounts are what was bought; `refunded_qty` of these pieces must not ship any more.
    """

    line_id: str
    sku_id: str
    merchant_sku: str
    title: str
    qty: int
    unit_price_fen: int
    discount_fen: int
    paid_fen: int
    is_gift: bool
    refund_state: LineRefundState
    shipped_qty: int
    refunded_qty: int = 0

    @property
    def payable_fen(self) -> int:
        """This line's share of what is payable for goods."""
        return self.unit_price_fen * self.qty - self.discount_fen


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the parcel.

    `name`, `phone` and `address` are readable texts: clear ones when `pii` is plain, masks else.
    Ciphers stand in the `*_cipher` fields only, untouched. `key` (oaid, open_address_id, hash) is
    equal for equal receivers: parcels merge by it, never by masked text; "" means "do not merge".
    Region names are the channel's own words.
    """

    province: str
    city: str
    district: str
    town: str
    pii: PiiKind
    name: str
    phone: str
    address: str
    name_cipher: str
    phone_cipher: str
    address_cipher: str
    key: str


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """One discount of the order as the channel names it."""

    name: str
    fen: int
    borne_by: Bearer


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel the channel knows.

    `carrier` is the channel's own code or name; no `line_ids` means the whole order.
    """

    waybill_no: str
    carrier: str
    shipped_at: datetime | None
    line_ids: tuple[str, ...]


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Aware UTC; None: has not happened, or the channel does not say.

    `ship_by` is the channel's deadline.
    """

    created: datetime | None
    paid: datetime | None
    modified: datetime | None
    shipped: datetime | None
    ended: datetime | None
    ship_by: datetime | None


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """Fields which only one channel has; each channel declares its own subclass, its name as the tag.

    The text under a field is its Chinese label and its meaning, as on the wire. `buyer_key` is the channel's
    pseudonym of the buyer, "" when it sends none. `PERSONAL` names more fields which tell of a person, or in which a
    buyer may have written anything: like `buyer_key` they go under the order's seal and nowhere else. Text that is ""
    was not told; what may be missing otherwise is None. A field that comes later is optional, with None as its default.
    """

    PERSONAL: ClassVar[frozenset[str]] = frozenset()

    buyer_key: str


class CanonicalOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One snapshot of one order of one channel.

    `order_no` is the channel's number, `shop` the channel's id or name of the shop, `raw_state` the
    channel's own state. `hold` says why the order must not ship now ("" when nothing holds it); it
    may be set in a shippable state when only some lines are held. `discount_total_fen` = goods at
    list price + freight - payable. `reservation_id` is the reservation of ours whose goods the order takes over.
    `handed_over`: the buyer has taken the goods along from a store of ours. `returns`: the number of the order whose goods
    this receipt takes back; it is none of its own then. `cash_on_delivery`: what is not paid is collected at the door,
    by whoever carries the goods. `left_from_us`: what has left of it has left from us; no channel knows, so the
    normaliser says it.
    """

    order_no: str
    shop: str
    channel: str
    state: OrderSnapshotState
    raw_state: str
    paid_fen: int
    payable_fen: int
    freight_fen: int
    discount_total_fen: int
    currency: str
    items: tuple[Item, ...]
    receiver: Receiver
    promotions: tuple[Promotion, ...]
    parcels: tuple[Parcel, ...]
    hold: str
    times: Times
    buyer_memo: str
    seller_memo: str
    extensions: Extension
    reservation_id: str = ""
    handed_over: bool = False
    returns: str = ""
    cash_on_delivery: bool = False
    left_from_us: bool = False

    @property
    def line_count(self) -> int:
        """Number of lines, gifts included."""
        return len(self.items)

    @property
    def total_quantity(self) -> int:
        """Pieces over all lines, gifts included."""
        return sum(item.qty for item in self.items)


class Normalised(msgspec.Struct, frozen=True, kw_only=True):
    """What one native order means. `order` is None only when not even its number could be read."""

    order: CanonicalOrder | None
    problems: tuple[Problem, ...]

    @property
    def blocked(self) -> bool:
        """Whether the order belongs into quarantine."""
        return any(problem.blocks for problem in self.problems)


def to_collect_fen(order: CanonicalOrder) -> int:
    """What whoever carries the goods has to collect at the door."""
    return max(0, order.payable_fen - order.paid_fen) if order.cash_on_delivery else 0


def goods_paid_fen(order: CanonicalOrder) -> int:
    """The part of `paid_fen` which pays for goods: freight is paid last, so a deposit is all goods.

    Equals `paid_fen - freight_fen` once the order is paid in full, and 0 while nothing is paid.
    """
    return min(order.paid_fen, max(0, order.payable_fen - order.freight_fen))
