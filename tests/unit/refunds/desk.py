"""One order's account driven through the service's own decisions, without servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment, Record
from chassis.rules import Table
from schemas.events.commands_refunds import (
    ApproveRefund,
    ConfirmReturn,
    GiveUpPayout,
    RecordPayout,
    RefundRequestLine,
    RefuseRefund,
    RequestRefund,
    ResolveDoubleRefund,
    ResumePayout,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import (
    NoMatch,
    OrderCancelled,
    OrderLine,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.shipments import ParcelDelivered, ParcelShipped, ShippedLine
from services.refunds.app import processor
from services.refunds.domain.giving_up import PayoutStands
from services.refunds.domain.model import Account, Case, CaseState, GivenUp
from services.refunds.domain.payout import Stage
from services.refunds.store import CaseChanged, DoubtChanged, RefundFacts, tier_table

NOON = datetime(2026, 5, 20, 4, 0, tzinfo=UTC)
ORDER = "order-1"
RULES = Path(__file__).parents[3] / "rules"


@cache
def tiers() -> Table:
    """The project's own tier table."""
    return tier_table(RULES)


def line(
    line_no: int, quantity: int, paid_fen: int, *, unit_price_fen: int = 0, sku: str = ""
) -> OrderLine:
    """A line that paid `paid_fen`."""
    return OrderLine(
        line_no=line_no,
        channel_line_id=f"L{line_no}",
        channel_sku_id=f"C{line_no}",
        sku=sku or f"SKU-{line_no}",
        title="测试商品",
        quantity=quantity,
        unit_price_fen=unit_price_fen,
        discount_fen=0,
        paid_fen=paid_fen,
        is_gift=False,
    )


def placed(*lines: OrderLine, freight_fen: int = 0, order_id: str = ORDER) -> OrderPlaced:
    """An order of these lines."""
    return OrderPlaced(
        order_id=order_id,
        version=1,
        occurred_at=NOON,
        channel="taobao",
        shop="taobao-1",
        channel_order_no=f"T{order_id}",
        channel_state="WAIT_SELLER_SEND_GOODS",
        accepted_at=NOON,
        lines=lines,
        payable_fen=sum(one.paid_fen for one in lines) + freight_fen,
        freight_fen=freight_fen,
        discount_fen=0,
        currency="CNY",
        promotions=(),
        province="浙江省",
        city="杭州市",
        district="西湖区",
        personal=b"",
        personal_kind="absent",
        receiver_key="",
        address_vague=False,
        hold="",
        problems=(),
    )


def unmatched(one: OrderLine) -> OrderLine:
    """A line that has no SKU yet."""
    return replace(one, sku="", unmatched=NoMatch(reason="unknown_sku", merchant_code="KIT"))


def matched(*lines: OrderLine) -> OrderLinesMatched:
    """The order's lines have SKUs now."""
    return OrderLinesMatched(
        order_id=ORDER, version=2, occurred_at=NOON, lines=lines, discount_fen=0
    )


def paid(paid_fen: int, order_id: str = ORDER) -> OrderPaid:
    """The payment of an order."""
    return OrderPaid(order_id=order_id, version=2, occurred_at=NOON, paid_fen=paid_fen)


def cancelled(order_id: str = ORDER) -> OrderClosed:
    """The order's own service says that it is cancelled."""
    return OrderClosed(
        order_id=order_id,
        version=1,
        occurred_at=NOON,
        reason="",
        actor="",
        basis="",
    )


def shipped(
    order_id: str = ORDER, *pieces: tuple[int, int], parcels_left: int | None = None
) -> ParcelShipped:
    """A parcel of (line number, pieces) left the house; by default it is the order's only one."""
    return ParcelShipped(
        order_id=order_id,
        version=1,
        occurred_at=NOON,
        parcel_id="P1",
        warehouse="hz",
        carrier="SF",
        waybill_no="SF1",
        lines=tuple(
            ShippedLine(line_no=no, channel_line_id=f"L{no}", sku=f"SKU-{no}", quantity=count)
            for no, count in pieces
        ),
        actor="",
        parcels_left=parcels_left,
    )


def delivered(at: datetime = NOON, order_id: str = ORDER) -> ParcelDelivered:
    """The parcel was signed for."""
    return ParcelDelivered(
        order_id=order_id, version=2, occurred_at=at, parcel_id="P1", waybill_no="SF1", place=""
    )


def channel_closed(*, refunded: bool) -> OrderCancelled:
    """The channel closed the order."""
    return OrderCancelled(
        order_id=ORDER, version=3, occurred_at=NOON, reason="", refunded_by_channel=refunded
    )


class RefundDesk:
    """Gives events and commands of one order to the handlers and keeps what comes out."""

    def __init__(
        self, *events: Struct, table: Table | None = None, refuses_late: bool = True
    ) -> None:
        self._refuses_late = refuses_late
        self._table = table or tiers()
        self._handlers = processor(self._table).handlers
        self.state: Account | None = None
        self.events: list[Struct] = []
        self.changes: list[CaseChanged] = []
        self.doubts: dict[tuple[str, str], DoubtChanged] = {}
        self.payouts: dict[tuple[str, str], PayoutStands] = {}
        self.now = NOON
        self._sequence = 0
        for event in events:
            self.give(event)

    def give(self, event: Struct) -> Decision[Account]:
        """Decides one event or command, like the chassis' fold."""
        self._sequence += 1
        record = Record("test", 0, self._sequence, ORDER, 0, event, b"")
        facts = RefundFacts(self._table, refuses_late=self._refuses_late)
        facts.payouts = self.payouts
        decision: Decision[Any] = self._handlers[type(event)](
            self.state, event, facts, Moment(self.now, record)
        )
        if not decision.refusal:
            self.state = decision.state
        self.events += decision.events
        for effect in decision.effects:
            facts.apply(effect)
            if isinstance(effect, CaseChanged):
                self.changes.append(effect)
        self.doubts |= facts.doubts
        return decision

    def pass_days(self, days: int) -> None:
        """Time goes on."""
        self.now += timedelta(days=days)

    def request(
        self,
        refund_id: str = "refund-1",
        *lines: tuple[int, int],
        kind: str = "refund_only",
        freight: bool = False,
        damaged: bool = False,
        actor: str = "agent-1",
        fen: int | None = None,
    ) -> Decision[Account]:
        """Asks for a refund of (line number, pieces), or of everything left; `fen` where a sum is named."""
        return self.give(
            RequestRefund(
                order_id=ORDER,
                command_id=f"c{self._sequence}",
                issued_at=self.now,
                actor=actor,
                refund_id=refund_id,
                kind=kind,
                lines=tuple(RefundRequestLine(line_no=no, quantity=count) for no, count in lines),
                include_freight=freight,
                damaged=damaged,
                reason="少发",
                amount_fen=fen,
            )
        )

    def approve(
        self, role: str, actor: str = "checker-1", refund_id: str = "refund-1"
    ) -> Decision[Account]:
        """One role agrees."""
        return self.give(
            ApproveRefund(
                order_id=ORDER,
                command_id=f"c{self._sequence}",
                issued_at=self.now,
                actor=actor,
                refund_id=refund_id,
                role=role,
                reason="",
            )
        )

    def refuse(
        self, role: str = "supervisor", actor: str = "checker-1", refund_id: str = "refund-1"
    ) -> Decision[Account]:
        """One role refuses."""
        return self.give(
            RefuseRefund(
                order_id=ORDER,
                command_id=f"c{self._sequence}",
                issued_at=self.now,
                actor=actor,
                refund_id=refund_id,
                role=role,
                reason="理由不足",
            )
        )

    def returned(
        self, refund_id: str = "refund-1", *, good: bool = True, reason: str | None = None
    ) -> Decision[Account]:
        """The warehouse checked what came back."""
        return self.give(
            ConfirmReturn(
                order_id=ORDER,
                command_id=f"c{self._sequence}",
                issued_at=self.now,
                actor="warehouse-1",
                refund_id=refund_id,
                good=good,
                reason=reason,
            )
        )

    def payout(self, outcome: str = "settled", refund_id: str = "refund-1") -> Decision[Account]:
        """The gateway's word."""
        return self.give(
            RecordPayout(
                order_id=ORDER,
                command_id=f"c{self._sequence}",
                issued_at=self.now,
                actor="payout",
                refund_id=refund_id,
                outcome=outcome,
                gateway="alipay",
                gateway_request_no=refund_id,
                reason="" if outcome == "settled" else "ACQ.TRADE_STATUS_ERROR",
            )
        )

    def journal_says(
        self, stage: Stage, refund_id: str = "refund-1", *, sent_before: bool = False
    ) -> None:
        """The payout's journal stands there, twenty questions and an hour after the case began to be paid."""
        known = GivenUp(
            reason="no_answer",
            last_heard="HTTP 502",
            given_up_at=NOON + timedelta(hours=1),
            sends=int(sent_before or stage is not Stage.DUE),
            asks=20,
            underway=0,
        )
        self.payouts[ORDER, refund_id] = PayoutStands(stage, known)

    def give_up(
        self, command_id: str = "stop-1", *, refund_id: str = "refund-1"
    ) -> Decision[Account]:
        """The dispatcher says that a person is needed."""
        return self.give(
            GiveUpPayout(
                order_id=ORDER,
                command_id=command_id,
                issued_at=self.now,
                actor="payout",
                refund_id=refund_id,
            )
        )

    def resume(
        self,
        command_id: str = "look-1",
        *,
        actor: str = "fin-1",
        reason: str = "支付渠道已恢复",
        refund_id: str = "refund-1",
    ) -> Decision[Account]:
        """A person has the gateway asked again."""
        return self.give(
            ResumePayout(
                order_id=ORDER,
                command_id=command_id,
                issued_at=self.now,
                actor=actor,
                refund_id=refund_id,
                reason=reason,
            )
        )

    def resolve(
        self,
        outcome: str,
        command_id: str = "",
        *,
        actor: str = "fin-1",
        reason: str = "已查支付渠道账单",
        refund_id: str = "refund-1",
    ) -> Decision[Account]:
        """A person says what became of money that may have gone twice."""
        return self.give(
            ResolveDoubleRefund(
                order_id=ORDER,
                command_id=command_id or f"c{self._sequence}",
                issued_at=self.now,
                actor=actor,
                refund_id=refund_id,
                outcome=outcome,
                reason=reason,
            )
        )

    def case(self, refund_id: str = "refund-1") -> Case:
        """A case that exists."""
        case = self.state.case(refund_id) if self.state else None
        assert case is not None
        return case

    def stands(self, refund_id: str = "refund-1") -> CaseState:
        """Where a case stands."""
        return self.case(refund_id).state

    def of(self, kind: type[Struct]) -> list[Any]:
        """Events of one type, in order."""
        return [event for event in self.events if type(event) is kind]
