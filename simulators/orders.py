"""The values the outside world is made of.

Guarantees: an order is frozen; each change makes a new one with a higher `version` and a later
`modified_at_ms`. `paid_fen` is the truth; only `stated_paid_fen` may contradict it, and then
`contradiction` says so.
"""

from pathlib import Path
from pkgutil import iter_modules
from typing import Literal

import msgspec

from simulators.catalog import Sku
from simulators.regions import Region

Channel = str
CHANNELS: tuple[Channel, ...] = tuple(
    sorted(one.name for one in iter_modules([str(Path(__file__).parent / "marketplaces")]))
)

State = Literal["unpaid", "paid", "part_shipped", "shipped", "finished", "cancelled", "closed"]
Outcome = Literal["applied", "duplicate", "refused"]
LineRefund = Literal["none", "open", "agreed", "refused", "withdrawn"]
ClaimStatus = Literal["open", "agreed", "refused", "withdrawn"]
AnsweredBy = Literal["", "merchant", "shop", "buyer"]
"""By a call of the merchant's, by the shop's own people in the back office, or by the buyer; "": nobody has."""
Contradiction = Literal[
    "", "amount_mismatch", "quantity_impossible", "unknown_sku", "address_missing"
]
CONTRADICTIONS: tuple[Contradiction, ...] = (
    "amount_mismatch",
    "quantity_impossible",
    "unknown_sku",
    "address_missing",
)
ChangeKind = Literal[
    "placed",
    "paid",
    "address_changed",
    "memo_changed",
    "cancelled",
    "shipped",
    "finished",
    "after_sale_opened",
    "after_sale_agreed",
    "after_sale_refused",
    "after_sale_withdrawn",
]


def check_channel(channel: Channel) -> None:
    """Raise ValueError naming the marketplaces there are when `channel` is none of them."""
    if channel not in CHANNELS:
        message = f"no marketplace {channel!r}; there are {', '.join(CHANNELS)}"
        raise ValueError(message)


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One shop and what its merchant was given to call the platform with.

    `push_secret` opens encrypted pushes, `push_token` signs pushes, where the platform gives keys for
    that. `carriers`: carrier → the platform's number, where it tells these to its shops only. `stock_location`: where
    its stock lies, where the platform counts by place. `refusal_code`: a reason for refusals, where it has a list of them. Every `_fen` of its orders is in the minor unit of its `currency`.
    """

    channel: Channel
    shop: str
    shop_name: str
    native_shop_id: int
    app_key: str
    app_secret: str
    access_token: str
    push_secret: str = ""
    push_token: str = ""
    carriers: dict[str, str] = {}
    currency: str = "CNY"
    stock_location: str = ""
    refusal_code: str = ""


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """Who receives; `canary` stands in every personal field, `revision` counts address changes."""

    region: Region
    canary: str
    mobile: str
    revision: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line. paid_fen = quantity x unit price - discount - both shares; 0 for a gift."""

    line_no: str
    sku: Sku
    quantity: int
    gift: bool = False
    discount_fen: int = 0
    shop_share_fen: int = 0
    platform_share_fen: int = 0
    paid_fen: int = 0
    refund: LineRefund = "none"
    waybill: str = ""

    @property
    def unit_price_fen(self) -> int:
        """Price of one piece before any discount; a gift has none."""
        return 0 if self.gift else self.sku.unit_price_fen

    @property
    def goods_fen(self) -> int:
        """Price of the line before any discount."""
        return self.unit_price_fen * self.quantity


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel the merchant told the platform about, `count` times in all; `changes` of its number since.

    No lines: a parcel told beside an order that had left as a whole.
    """

    waybill: str
    company: str
    line_nos: tuple[str, ...]
    count: int = 1
    changes: int = 0


class AfterSale(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer's claim over some lines; `before_shipping` claims take the freight with them."""

    after_sale_id: str
    channel: Channel
    shop: str
    order_no: str
    line_nos: tuple[str, ...]
    amount_fen: int
    freight_fen: int
    before_shipping: bool
    reason: str
    created_at_ms: int
    modified_at_ms: int
    status: ClaimStatus = "open"
    answered_by: AnsweredBy = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One marketplace order at one moment; `refunds` are the claims that were agreed to, oldest first."""

    channel: Channel
    shop: str
    order_no: str
    serial: int
    lines: tuple[Line, ...]
    freight_fen: int
    shop_coupon_fen: int
    platform_coupon_fen: int
    paid_fen: int
    stated_paid_fen: int
    receiver: Receiver
    buyer_memo: str
    created_at_ms: int
    modified_at_ms: int
    state: State = "unpaid"
    seller_memo: str = ""
    seller_flag: int = 0
    paid_at_ms: int = 0
    shipped_at_ms: int = 0
    ended_at_ms: int = 0
    cancelled_at_ms: int = 0
    contradiction: Contradiction = ""
    shipments: tuple[Shipment, ...] = ()
    refunds: tuple[AfterSale, ...] = ()
    version: int = 1

    @property
    def key(self) -> tuple[Channel, str]:
        """What names an order in the whole world."""
        return (self.channel, self.order_no)

    @property
    def goods_fen(self) -> int:
        """Price of all lines before any discount."""
        return sum(line.goods_fen for line in self.lines)

    @property
    def refund_open(self) -> bool:
        """Whether a buyer waits for an answer about any line."""
        return any(line.refund == "open" for line in self.lines)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to an order, for whoever tells the merchant."""

    kind: ChangeKind
    order: Order
    after_sale: AfterSale | None = None
