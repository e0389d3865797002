"""One event's walk through the table: the only place where an order's state changes.

Guarantees: every move, hold, lift, interception and refusal is one audit entry and one event, both with
actor and basis; an illegal trigger changes nothing else. After each trigger the order goes on by itself as
far as its facts allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from chassis.currency import amount_text
from chassis.processor import Decision, Moment
from schemas.events.order_states import (
    OrderCancelRequested,
    OrderClosed,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
    OrderStateChanged,
    OrderTransitionRefused,
)
from services.orders.domain import audit
from services.orders.domain.guards import GUARDS, blockers, ends_unpaid
from services.orders.domain.model import (
    LIFTED_BY_HAND,
    CancelAsk,
    Hold,
    HoldCode,
    Order,
    ParcelStage,
    Stock,
    cover_whole,
)
from services.orders.domain.states import REFUSAL_TITLES, TABLE, State, Trigger, why_refused

CAUGHT_UP: Mapping[ParcelStage, Trigger] = MappingProxyType(
    {
        ParcelStage.SHIPPED: Trigger.PARCEL_SHIPPED,
        ParcelStage.DELIVERED: Trigger.PARCEL_DELIVERED,
        ParcelStage.CANCELLED: Trigger.PARCEL_CANCELLED,
    }
)


class Recorded(Struct, frozen=True):
    """Effect: a refused command changes nothing of the order but the head of its audit chain."""

    order_id: str
    order: Order


class Step:
    """Works on one order for one event. `order` is what it has come to; `decision()` ends the walk."""

    __slots__ = (
        "_actor",
        "_basis",
        "_came_from",
        "_effects",
        "_events",
        "_head",
        "_moment",
        "_order_id",
        "_reason",
        "_rule",
        "order",
    )

    def __init__(self, order: Order, moment: Moment) -> None:
        self.order = order
        self._moment = moment
        self._order_id = moment.record.key
        self._actor = moment.actor
        self._basis = ""
        self._head = order.audit
        self._came_from = order.state
        self._reason = self._rule = ""
        self._events: list[Struct] = []
        self._effects: list[object] = []

    def take(self, trigger: Trigger, reason: str = "") -> str:
        """Applies the table's answer and goes on by itself. Returns the code of a refusal, or nothing."""
        refusal = self._apply(trigger, reason)
        if not refusal:
            self._go_on()
        return refusal

    def decision(self) -> Decision[Order]:
        """What follows from a fact.

        States that were only passed through have their audit entries; the event tells where it ended.
        """
        events = self._events
        if self.order.state is not self._came_from:
            events.insert(0, self._changed())
            if self.order.state is State.CANCELLED:
                events.insert(1, self._closed())
        return Decision(
            state=replace(self.order, audit=self._head),
            events=tuple(events),
            effects=tuple(self._effects),
        )

    def answer(self, refusal: str) -> Decision[Order]:
        """What follows from a command: done with the state it led to, or refused and recorded."""
        decided = self.decision()
        if not refusal:
            pending = self.order.cancel is not None
            result_id = "interception_asked" if pending else self.order.state
            return replace(decided, result_id=result_id)
        assert decided.state is not None, "a walk always has an order"
        return replace(
            decided,
            effects=(*decided.effects, Recorded(self._order_id, decided.state)),
            refusal=REFUSAL_TITLES.get(refusal, refusal),
            result_id=refusal,
        )

    @property
    def basis(self) -> str:
        """Id of the event or command of this walk; derived once and only where it is needed."""
        if not self._basis:
            self._basis = self._moment.basis
        return self._basis

    def _closed(self) -> OrderClosed:
        return OrderClosed(
            order_id=self._order_id,
            version=0,
            occurred_at=self._moment.now,
            reason=self._reason,
            actor=self._actor,
            basis=self.basis,
        )

    def _changed(self) -> OrderStateChanged:
        came_from = self._came_from
        return OrderStateChanged(
            order_id=self._order_id,
            version=0,
            occurred_at=self._moment.now,
            from_state="" if came_from is State.NEW else came_from,
            to_state=self.order.state,
            reason=self._reason,
            actor=self._actor,
            basis=self.basis,
            rule=self._rule,
        )

    def _apply(self, trigger: Trigger, reason: str) -> str:
        before = self.order.state
        rule = TABLE.get((before, trigger))
        if rule is None:
            return self.refuse(trigger, why_refused(before, trigger), reason)
        for guard in rule.guards:
            if missing := GUARDS[guard](self.order):
                return self.refuse(trigger, missing[0], reason)
        if rule.to is not None:
            self._move(trigger, rule.to, reason)
        for effect in rule.effects:
            EFFECTS[effect](self, reason)
        return ""

    def _go_on(self) -> None:
        if self.order.state is State.AWAITING_REVIEW and not blockers(self.order):
            self._apply(Trigger.READY, "条件齐备")
        if self.order.state is State.AWAITING_PRINT and self.order.parcel is ParcelStage.WAYBILL:
            self._apply(Trigger.WAYBILL_ISSUED, "面单已取号")

    def _move(self, trigger: Trigger, to: State, reason: str) -> None:
        order = self.order
        came_from = "" if order.state is State.NEW else order.state
        self._reason = reason or trigger
        self._rule = ""
        if trigger is Trigger.READY:
            self._rule = order.ship_by_rule
        elif order.verdict is not None and (trigger is Trigger.PLACED or trigger is Trigger.PAID):
            self._rule = order.verdict.rule
        self.order = replace(
            order,
            state=to,
            unpaid_since=order.unpaid_since if to is State.AWAITING_PAYMENT else None,
            cancel=None if to is State.CANCELLED else order.cancel,
        )
        self._note(trigger, came_from, to, reason, self._rule)

    def refuse(self, trigger: Trigger, why: str, detail: str = "") -> str:
        """Records that something illegal was attempted; returns `why`."""
        state = self.order.state
        self._note("refused", state, state, f"{trigger}: {why} {detail}".rstrip(), "")
        self._events.append(
            OrderTransitionRefused(
                order_id=self._order_id,
                version=0,
                occurred_at=self._moment.now,
                state=state,
                attempted=trigger,
                reason=why,
                actor=self._actor,
                basis=self.basis,
            )
        )
        return why

    def hold(self, code: HoldCode, reason: str, rule: str = "") -> None:
        """Adds a hold, or gives the one of the same kind a new reason; the same again is nothing."""
        now = self._moment.now
        if any(hold.code is code and hold.reason == reason for hold in self.order.holds):
            return
        fresh = Hold(code=code, reason=reason, actor=self._actor, held_at=now)
        others = tuple([hold for hold in self.order.holds if hold.code is not code])
        self.order = replace(self.order, holds=(*others, fresh))
        state = self.order.state
        self._note("held", state, state, f"{code}: {reason}", rule)
        self._events.append(
            OrderHeld(
                order_id=self._order_id,
                version=0,
                occurred_at=now,
                code=code,
                reason=reason,
                actor=self._actor,
                basis=self.basis,
            )
        )

    def lift(self, code: HoldCode, reason: str) -> None:
        """Takes a hold away; without one, nothing happens."""
        others = tuple([hold for hold in self.order.holds if hold.code is not code])
        if len(others) == len(self.order.holds):
            return
        self.order = replace(self.order, holds=others)
        state = self.order.state
        self._note("lifted", state, state, f"{code}: {reason}", "")
        if code is HoldCode.ADDRESS:
            # Before the parcel is free: it must not leave for whom it was planned.
            self.announce_ready(reason)
        self._events.append(
            OrderHoldLifted(
                order_id=self._order_id,
                version=0,
                occurred_at=self._moment.now,
                code=code,
                reason=reason,
                actor=self._actor,
                basis=self.basis,
            )
        )

    def match_risk_hold(self, _reason: str) -> None:
        """Held exactly as long as the verdict is not a pass."""
        verdict = self.order.verdict
        assert verdict is not None, "an order is assessed before it is placed"
        if verdict.outcome != "passed":
            self.hold(HoldCode.RISK, "，".join(verdict.reasons), verdict.rule)
        elif self.order.holds:
            self.lift(HoldCode.RISK, "风控通过")

    def pass_review(self, reason: str) -> None:
        """A person's word stands for the table's verdict, whose score and reasons stay readable."""
        assert self.order.verdict is not None, "the guard under_review has seen it"
        passed = replace(self.order.verdict, outcome="passed", reviewed_by=self._actor)
        self.order = replace(self.order, verdict=passed)
        self.lift(HoldCode.RISK, reason)

    def match_channel_hold(self, _reason: str) -> None:
        """Held exactly as long as the channel says so."""
        assert self.order.content is not None, "placed orders have content"
        if self.order.content.hold:
            self.hold(HoldCode.CHANNEL, self.order.content.hold)
        elif self.order.holds:
            self.lift(HoldCode.CHANNEL, "平台已解除")

    def match_shortage_hold(self, _reason: str) -> None:
        """Held exactly as long as inventory is short."""
        if self.order.stock is Stock.SHORT:
            self.hold(HoldCode.SHORT, "库存不足")
        elif self.order.holds:
            self.lift(HoldCode.SHORT, "库存已预占")

    def match_unmatched_hold(self, _reason: str) -> None:
        """Held exactly as long as a line has no SKU of ours."""
        assert self.order.content is not None, "placed orders have content"
        if self.order.content.unmatched:
            self.hold(HoldCode.UNMATCHED, self.order.content.unmatched)
        elif self.order.holds:
            self.lift(HoldCode.UNMATCHED, "商品行已匹配")

    def match_refund_hold(self, _reason: str) -> None:
        """Held exactly as long as all of it is asked back and it is here; a decision cancels it or ends the request."""
        here = self.order.state not in {State.SHIPPED, State.COMPLETED}
        if here and cover_whole(self.order.refunds, self.order):
            self.hold(HoldCode.REFUND, "整单退款待决定")
        elif self.order.holds:
            self.lift(HoldCode.REFUND, "整单退款未成")

    def record_address(self, reason: str) -> None:
        """Nothing has left yet: the new receiver is simply taken."""
        self._note("address_changed", self.order.state, self.order.state, reason, "")

    def record_payment(self, _reason: str) -> None:
        """Nothing moves by it: what is paid by now is kept."""
        assert self.order.content is not None, "placed orders have content"
        told = amount_text(self.order.paid_fen, self.order.content.currency)
        self._note("payment_noted", self.order.state, self.order.state, told, "")

    def hold_address(self, _reason: str) -> None:
        """The parcel may carry the old receiver: it stands until a person has looked."""
        self.hold(HoldCode.ADDRESS, "收件人在交仓后变更")

    def hold_by_hand(self, reason: str) -> None:
        """A person holds the order."""
        self.hold(HoldCode.MANUAL, reason)

    def lift_by_hand(self, reason: str) -> None:
        """A person lifts what persons may lift."""
        for code in LIFTED_BY_HAND:
            self.lift(code, reason)

    def ask_interception(self, reason: str) -> None:
        """Asks fulfillment to stop the parcel; while it is asked already, nothing more happens."""
        if self.order.cancel is not None:
            return
        actor = self._actor
        self.order = replace(
            self.order, cancel=CancelAsk(reason=reason, actor=actor, basis=self.basis)
        )
        state = self.order.state
        self._note("interception_asked", state, state, reason, "")
        self._events.append(
            OrderCancelRequested(
                order_id=self._order_id,
                version=0,
                occurred_at=self._moment.now,
                reason=reason,
                actor=actor,
                basis=self.basis,
            )
        )

    def end_interception(self, reason: str) -> None:
        """The parcel went on: what was asked is refused, once."""
        if self.order.cancel is None:
            return
        asked = self.order.cancel
        self.order = replace(self.order, cancel=None)
        self.refuse(Trigger.CANCEL, "interception_failed", f"{asked.reason} {reason}".strip())

    def announce_ready(self, _reason: str) -> None:
        """Hands the order to fulfillment, and once more when its address was looked at: with the newest receiver."""
        content, ship_by = self.order.content, self.order.ship_by
        assert content is not None, "READY needs complete content"
        assert ship_by is not None, "the time is promised at payment"
        self._events.append(
            OrderReadyToFulfil(
                order_id=self._order_id,
                version=0,
                occurred_at=self._moment.now,
                channel=content.channel,
                shop=content.shop,
                channel_order_no=content.channel_order_no,
                province=content.province,
                city=content.city,
                district=content.district,
                warehouse=self.order.warehouse,
                lines=content.lines,
                paid_fen=self.order.paid_fen,
                personal=content.personal,
                ship_by=ship_by,
                rule=self.order.ship_by_rule,
                parts=self.order.parts or None,
                currency=content.currency,
                collect_fen=self.order.collect_fen or None,
                payable_fen=content.payable_fen,
            )
        )

    def close_if_ours(self, reason: str) -> None:
        """Closes an order that nobody paid, where that is ours to do; any other goes on waiting for its payment."""
        if not ends_unpaid(self.order):
            self._apply(Trigger.CLOSE_UNPAID, reason)

    def catch_up(self, _reason: str) -> None:
        """Applies what was told before the order itself was."""
        if (trigger := CAUGHT_UP.get(self.order.parcel)) is not None:
            self._apply(trigger, "先于订单到达")
        elif cover_whole(self.order.granted, self.order):
            self._apply(Trigger.WHOLE_REFUND_APPROVED, "整单退款先于订单到达")
        elif cover_whole(self.order.refunds, self.order):
            self._apply(Trigger.WHOLE_REFUND_REQUESTED, "整单退款先于订单到达")

    def _note(self, action: str, from_state: str, to_state: str, detail: str, rule: str) -> None:
        entry, self._head = audit.append(
            self._head,
            order_id=self._order_id,
            at=self._moment.now,
            actor=_storable(self._actor),
            action=action,
            from_state=from_state,
            to_state=to_state,
            basis=self.basis,
            rule=rule,
            detail=_storable(detail),
        )
        self._effects.append(entry)


def _storable(text: str) -> str:
    """Postgres' text holds no NUL, and one bad character must not stop the stream."""
    return text.replace("\0", "\ufffd")


EFFECTS: Mapping[str, Callable[[Step, str], None]] = MappingProxyType(
    {
        "match_risk_hold": Step.match_risk_hold,
        "match_channel_hold": Step.match_channel_hold,
        "match_shortage_hold": Step.match_shortage_hold,
        "match_unmatched_hold": Step.match_unmatched_hold,
        "match_refund_hold": Step.match_refund_hold,
        "pass_review": Step.pass_review,
        "record_address": Step.record_address,
        "record_payment": Step.record_payment,
        "hold_address": Step.hold_address,
        "hold_by_hand": Step.hold_by_hand,
        "lift_by_hand": Step.lift_by_hand,
        "ask_interception": Step.ask_interception,
        "end_interception": Step.end_interception,
        "announce_ready": Step.announce_ready,
        "close_if_ours": Step.close_if_ours,
        "catch_up": Step.catch_up,
    }
)
