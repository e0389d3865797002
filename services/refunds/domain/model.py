"""What an order paid, and every case of giving some of it back.

Guarantees: an `Account` never changes a share once a case stands on it, and the cases that hold money
(all but the refused and the failed) never hold more than was paid, per unit, line, freight and order.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from chassis.currency import CNY
from chassis.extension_facts import Told
from schemas.events.commands_refunds import EndRefund, RequestRefund


class Kind(StrEnum):
    """What the buyer wants: the money, or the money for goods that come back."""

    REFUND_ONLY = "refund_only"
    RETURN_AND_REFUND = "return_and_refund"


class CaseState(StrEnum):
    """Where a case stands. The last three are its ends."""

    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_GOODS = "awaiting_goods"
    PAYING = "paying"
    SETTLED = "settled"
    FAILED = "failed"
    REFUSED = "refused"


ENDED = frozenset({CaseState.SETTLED, CaseState.FAILED, CaseState.REFUSED})
GIVEN_BACK = frozenset({CaseState.FAILED, CaseState.REFUSED})
"""States whose units and freight may be asked for again."""


class Line(Struct, frozen=True):
    """One order line. `share_fen` is what its `quantity` units paid together, without freight."""

    line_no: int
    sku: str
    quantity: int
    share_fen: int


class CaseLine(Struct, frozen=True):
    """What a case takes of one line."""

    line_no: int
    sku: str
    quantity: int
    amount_fen: int


class Approval(Struct, frozen=True, kw_only=True):
    """One role's consent."""

    role: str
    actor: str
    reason: str
    approved_at: datetime


class GoodsCheck(Struct, frozen=True, kw_only=True):
    """Somebody saw what came back. `reason` is what it rests on, "" if not said."""

    actor: str
    reason: str
    checked_at: datetime


class GivenUp(Struct, frozen=True, kw_only=True):
    """A payout waits for a person. `reason` is a `GaveUp`, "" if unknown; the counts are the journal's."""

    reason: str
    last_heard: str
    given_up_at: datetime
    sends: int
    asks: int
    underway: int


class Resumption(Struct, frozen=True, kw_only=True):
    """Somebody had the gateway asked again about a payout that was given up. `last_heard`: of it, before."""

    command_id: str
    actor: str
    reason: str
    resumed_at: datetime
    last_heard: str
    given_up_at: datetime | None = None
    """None if that was before it was kept."""


class PaidThere(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The channel says that it gave the money of a case back. `fen` is None where it does not tell how much."""

    fen: int | None
    refund_no: str
    actor: str
    heard_at: datetime
    ours_fen: int = 0
    """What our own payout was of, where it was closed unsent for this."""
    by_closing: bool = False
    """It closed the order and gave all of its money back; of this very request it has said nothing."""


AGREED: Final = "agreed"


class HeardThere(Struct, frozen=True, kw_only=True):
    """What a channel did about a request without giving money back: `agreed` (it will), `withdrawn` or `refused`."""

    outcome: str
    refund_no: str
    actor: str
    heard_at: datetime


class Resolution(Struct, frozen=True, kw_only=True):
    """Somebody settled whether a refund went twice. `given_back_fen` is what the books count for it from then on,
    `difference_fen` how much more that is than what had been told.
    """

    command_id: str
    outcome: str
    actor: str
    reason: str
    resolved_at: datetime
    given_back_fen: int
    difference_fen: int


class Doubt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The money of a refund may have gone twice: once by us, once by its channel, as `there` says.

    `ours_fen` is what our own payout was of, 0 where none was opened. It stands until it is resolved, by a person or,
    where our payout turns out not to have gone, by the dispatcher; what comes to light later opens it anew.
    """

    reason: str
    there: PaidThere
    ours_fen: int
    suspected_at: datetime
    standing: bool = True
    resolutions: tuple[Resolution, ...] = ()
    """Newest last."""


class Case(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refund. `amount_fen` is the sum of its lines and `freight_fen`, and changes only where its channel gave
    back another amount.

    `whole_unshipped`: it took every unit of the order before anything was shipped, alone or with those
    approved before it, so it is paid only once the order is cancelled. `goods` is "" until the warehouse saw what came back, then `good` or
    `damaged`; `returned` are these pieces by line number, empty where they are all of its lines'.
    """

    refund_id: str
    kind: Kind
    lines: tuple[CaseLine, ...]
    freight_fen: int
    amount_fen: int
    reason: str
    damaged: bool
    tier: str
    approvals_needed: tuple[str, ...]
    rule: str
    requested_by: str
    requested_at: datetime
    currency: str = CNY
    """Of its amounts: what the order is in."""
    state: CaseState = CaseState.AWAITING_APPROVAL
    approvals: tuple[Approval, ...] = ()
    whole_unshipped: bool = False
    goods: str = ""
    returned: dict[int, int] = {}
    goods_check: GoodsCheck | None = None
    """None until then, and where it was before it was kept."""
    ended_at: datetime | None = None
    end_reason: str = ""
    given_up: GivenUp | None = None
    """Told, and not resumed since."""
    resumptions: tuple[Resumption, ...] = ()
    paid_there: PaidThere | None = None
    """Heard while its payout was under way, or what settled it."""
    told_fen: int = 0
    """What `RefundSettled` told of it, where it may have gone twice: what is found out later is told as a difference."""
    heard_there: HeardThere | None = None
    """What its channel did about it that the case could not follow, or not yet; the newest."""

    @property
    def approved(self) -> bool:
        """Whether every needed role has agreed; a case that needs none is approved by its rule."""
        return len(self.approvals) >= len(self.approvals_needed)


class Account(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One order as money sees it. Facts of other services may come before the order itself.

    `freight_fen` and the lines' shares are what the channel announced until the first case; from then
    on they add up to `paid_fen` exactly and never change.
    """

    channel: str = ""
    channel_order_no: str = ""
    lines: tuple[Line, ...] = ()
    currency: str = CNY
    freight_fen: int = 0
    paid_fen: int = 0
    refunded_by_channel: bool = False
    cancelled: bool = False
    shipped: bool = False
    """All of it has left."""
    gone: dict[int, int] = {}
    """Pieces by line number that have left while other parcels of the order have not."""
    delivered_at: datetime | None = None
    cases: tuple[Case, ...] = ()
    early: tuple[RequestRefund, ...] = ()
    """Requests of the channel that overtook the order, its payment or its SKUs; opened when these are there."""
    withdrawn: tuple[str, ...] = ()
    """Refund ids of requests that were over on the channel, without money, before a case was opened for them."""
    ended_early: tuple[EndRefund, ...] = ()
    """What the channel gave back before its order, the payment or the SKUs were known; counted when these are there."""
    agreed_early: dict[str, HeardThere] = {}
    """By refund id: what the channel has agreed to before a case was opened for it."""
    beyond: dict[str, int] = {}
    """Fen by refund id that the channel gave back and no case has room for, or that went twice."""
    doubts: dict[str, Doubt] = {}
    """By refund id: what may have gone twice, and what was."""
    told: Told = ()
    """What its channel alone tells and the table of tiers asks for."""
    unmatched: bool = False
    """A line has no SKU yet: only all the money can be asked back, because the lines will be other ones."""

    def case(self, refund_id: str) -> Case | None:
        """The case of that id."""
        return next((case for case in self.cases if case.refund_id == refund_id), None)
