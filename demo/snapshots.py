"""What both worlds look like when a checker compares them: frozen values, read by `demo.reading`."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class OutsideOrder(Struct, frozen=True, kw_only=True):
    """One order on its platform. `expected`: ok, or contradiction:<reason>."""

    channel: str
    shop: str
    order_no: str
    state: str
    expected: str
    paid_fen: int
    shipped_waybills: tuple[str, ...]
    """Of the parcels that it was told of."""
    units: Mapping[str, int]
    listed: bool = True
    """False: the platform has told nobody of it yet."""
    takes_parcels: bool = True
    """False: the platform cannot be told of parcels."""
    told_again: int = 0
    """How often it was told of a parcel that it had been told of before."""


class OutsideRefund(Struct, frozen=True, kw_only=True):
    """One refund at the payment gateway; `moved` counts how often money moved for it."""

    request_no: str
    """Our refund id."""
    trade_no: str
    amount_fen: int
    moved: int
    asked_at_ms: int = 0
    """When the gateway was asked for it first."""


class OutsideClaim(Struct, frozen=True, kw_only=True):
    """One refund a buyer asked for on a platform. `status`: open, agreed, refused or withdrawn."""

    channel: str
    order_no: str
    claim_no: str
    shop: str = ""
    asks: bool = True
    """False: the shop's own people answered it, and it may come as a document of its own."""
    status: str = "open"
    amount_fen: int = 0
    answered_by: str = ""
    """merchant: a call of ours; shop: the shop's own people in the platform's back office; buyer; "" while it is open."""
    agreements_heard: int = 0
    """How often a call of ours agreed to it, taken or not."""
    shown_open_at_ms: int = 0
    """When an answer to us first told of it as open; 0: none has."""
    shown_ended_at_ms: int = 0
    """The same for how it ended; agreed to: as paid back."""

    @property
    def paid_there(self) -> bool:
        """Whether the platform paid it by itself, as the shop's own people told it to."""
        return self.asks and self.status == "agreed" and self.answered_by == "shop"


class OutsideWaybill(Struct, frozen=True, kw_only=True):
    """One number that the carrier gave out, and what for."""

    waybill_no: str
    parcel_id: str
    """Ours."""
    order_nos: tuple[str, ...]
    """The channels' numbers of what is in the parcel."""
    discarded: bool = False
    """Whether it was made void: nobody can hand it over."""


class Outside(Struct, frozen=True, kw_only=True):
    """The world outside."""

    orders: tuple[OutsideOrder, ...]
    claims: tuple[OutsideClaim, ...]
    waybills: tuple[OutsideWaybill, ...]
    carried: frozenset[str]
    """Waybills of the parcels that the carrier was given."""
    refunds: tuple[OutsideRefund, ...]
    stock_units: int
    lost_answers: Mapping[str, int]
    """By channel: writes that its platform did and gave no answer to, or a wrong one."""


class InsideOrder(Struct, frozen=True, kw_only=True):
    """One channel order as ingest holds it, and what became of it in `orders`."""

    channel: str
    shop: str
    order_no: str
    order_id: str
    quarantined: bool
    state: str
    """Empty where `orders` does not know it."""
    paid_fen: int
    channel_state: str = ""
    """Where the channel says it stands, in our words; empty where nothing of it could be read."""
    mapped_units: Mapping[str, int] | None = None
    """SKU → pieces of ours in what was sold, where a mapping made others of them; None: as the channel counts."""
    waiting_for: frozenset[str] = frozenset()
    """Codes of what `orders` says it waits for."""
    handed_over: bool = False
    """Whether the buyer took the goods along: no parcel is sent, whatever stock says."""
    left_elsewhere: bool = False
    """Whether all of it had left, and not from us, when we first saw it: no parcel is sent, and nothing leaves the books."""
    news_set_aside: bool = False
    """Whether what the channel said last is in quarantine, after something older was taken in."""

    @property
    def paid_back_before(self) -> bool:
        """Whether it was paid back before we first saw it: there was nothing to take in any more."""
        return self.paid_fen == 0 and self.channel_state == "closed_refunded"


class KeptOrder(Struct, frozen=True, kw_only=True):
    """One order as `orders` itself keeps it, whatever ingest knows. Without a channel: only facts of it have come."""

    order_id: str
    channel: str
    shop: str
    order_no: str


class InsideParcel(Struct, frozen=True, kw_only=True):
    """One parcel; an order that several warehouses send has several."""

    order_id: str
    parcel_id: str
    stage: str
    waybill_no: str


class InsideRefund(Struct, frozen=True, kw_only=True):
    """One refund case."""

    order_id: str
    refund_id: str
    state: str
    amount_fen: int
    paid_elsewhere: bool = False
    """Whether a store or the channel itself paid it: no gateway knows of it."""
    payout: str = ""
    """Where its payout stands and what the gateway last said."""
    end_reason: str = ""
    decided_at_ms: int = 0
    """When the last person, rule or warehouse agreed to it; its money went then or later."""
    requested_by: str = ""
    """Who asked for it: channel:<channel>, or a person of ours."""

    @property
    def opened_by_staff(self) -> bool:
        """Whether a person of ours opened it: no claim asks for it then."""
        return bool(self.requested_by) and not self.requested_by.startswith("channel:")


class End(Struct, frozen=True, kw_only=True):
    """What `refunds` answered when it was told that a claim is over on its channel. `refusal`: "" where it took it in."""

    heard_at_ms: int
    refusal: str = ""


class Inside(Struct, frozen=True, kw_only=True):
    """What we hold."""

    orders: tuple[InsideOrder, ...]
    kept_orders: tuple[KeptOrder, ...]
    claims: Mapping[tuple[str, str], str]
    """(channel, number of a buyer's claim) → refund id it was turned into."""
    earlier: Mapping[tuple[str, str], tuple[str, ...]]
    """The same key → refund ids of what was asked for under this number before, refused, and asked for again."""
    ends: Mapping[tuple[str, str], End]
    """The same key → what became of the news that it is over on its channel."""
    not_opened: frozenset[str]
    """Refund ids that our books could not take, for a person to answer in the channel's back office."""
    reservations: Mapping[str, str]
    """Order → state of its reservation; every one but those that a caller made under a name of its own."""
    parcels: tuple[InsideParcel, ...]
    refunds: tuple[InsideRefund, ...]
    beyond: Mapping[str, int]
    """Refund id → fen that its channel gave back beside what its case holds, as the books have it."""
    doubted: frozenset[str]
    """Refund ids of which a person is told that their money may have gone twice."""
    stock: Mapping[str, int]
    """oversold_units, negative_rows, reserved_mismatch, ledger_mismatch of inventory."""
    units_received: int
    units_deducted: Mapping[str, int]
    """By SKU."""
    units_returned: int
    units_on_hand: int
    dead_letters: Mapping[str, int]
    """This and the two below: what stands, by whose it is (processor, and what tells more)."""
    unpublished: Mapping[str, int]
    parked: Mapping[str, int]
    disturbances: int = 0
    """How often a process of ours died or was frozen, or a server or a platform was away."""


class Finding(Struct, frozen=True):
    """One disagreement, with the ids that show it."""

    check: str
    detail: str
