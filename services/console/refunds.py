"""What happens to an order's refunds, on its card. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chassis.currency import amount_text
from chassis.processor import Decision, Moment
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    PayoutResumed,
    RefundAgreedThere,
    RefundEndedTooLate,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
    ReturnConfirmed,
)
from services.console import words
from services.console.domain.model import EMPTY, Card, with_flag, without_flag
from services.console.entries import entry
from services.console.words import say

BY_CHANNEL = "channel"
"""Who paid a refund that the channel gave back by itself."""
CLOSED_THERE = "refunded_by_channel"
"""Why a case ended whose order the channel closed, giving all of its money back."""
CURRENCY_NOT_TAKEN = "currency_not_taken"
"""Why a payout was given up that no gateway takes the currency of: it was not sent."""


def requested(
    card: Card | None, event: RefundRequested, _facts: Any, moment: Moment
) -> Decision[Card]:
    """售后中 begins."""
    known = card or EMPTY
    tier = words.TIERS.get(event.tier) or say(event.tier)
    told = f"{say(event.kind)} {amount_text(event.amount_fen, event.currency)} · {say(event.reason)} · {tier}"
    return Decision(
        state=replace(
            known,
            open_refunds=with_flag(known.open_refunds, event.refund_id),
            flags=with_flag(known.flags, "after_sale"),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, told, event.actor, event.rule),
    )


def _closed(known: Card, refund_id: str, moment: Moment) -> Card:
    left = without_flag(known.open_refunds, refund_id)
    known = _goes_on(known, refund_id)
    flags = known.flags if left else without_flag(known.flags, "after_sale")
    return replace(known, open_refunds=left, flags=flags, updated_at=moment.now)


def _goes_on(known: Card, refund_id: str) -> Card:
    """The card without a payout that waited for a person, if it did."""
    left = without_flag(known.payouts_given_up, refund_id)
    flags = known.flags if left else without_flag(known.flags, "payout")
    by_hand = without_flag(known.payouts_by_hand, refund_id)
    return replace(known, payouts_given_up=left, payouts_by_hand=by_hand, flags=flags)


def settled(card: Card | None, event: RefundSettled, _facts: Any, moment: Moment) -> Decision[Card]:
    """The money went back, by our gateway or by others; by the channel, it went once."""
    known = _closed(card or EMPTY, event.refund_id, moment)
    whole = event.order_fully_refunded
    told = amount_text(event.amount_fen, event.currency)
    if event.gateway == BY_CHANNEL:
        known = _once_only(known, event.refund_id)
        told = f"{told} · {say('refunded_there')}"
    return Decision(
        state=replace(
            known,
            refund_fen=known.refund_fen + event.amount_fen,
            flags=with_flag(known.flags, "refunded") if whole else known.flags,
        ),
        effects=entry(event, moment, told, "", event.gateway_request_no),
    )


def ended(
    card: Card | None, event: RefundRefused | RefundFailed, _facts: Any, moment: Moment
) -> Decision[Card]:
    """No money goes back by us."""
    known = _closed(card or EMPTY, event.refund_id, moment)
    if event.reason == CLOSED_THERE:
        known = _once_only(known, event.refund_id)
    return Decision(
        state=known,
        effects=entry(event, moment, say(event.reason), getattr(event, "actor", "")),
    )


def came_back(event: ReturnConfirmed) -> str:
    """What was found of a return, and what that rests on."""
    pieces = sum([line.quantity for line in event.lines])
    found = f"{'良品' if event.good else '有损'} {pieces} 件"
    return " · ".join(filter(None, (found, say(event.reason))))


def payout_given_up(
    card: Card | None, event: PayoutGivenUp, _facts: Any, moment: Moment
) -> Decision[Card]:
    """A person has to look, until somebody does or the refund ends."""
    known = card or EMPTY
    by_hand = known.payouts_by_hand
    told = " · ".join(
        filter(
            None, (amount_text(event.amount_fen, event.currency), say(event.reason), _tried(event))
        )
    )
    return Decision(
        state=replace(
            known,
            payouts_given_up=with_flag(known.payouts_given_up, event.refund_id),
            payouts_by_hand=with_flag(by_hand, event.refund_id)
            if event.reason == CURRENCY_NOT_TAKEN
            else without_flag(by_hand, event.refund_id),
            flags=with_flag(known.flags, "payout"),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, told, event.actor, event.last_heard),
    )


def payout_resumed(
    card: Card | None, event: PayoutResumed, _facts: Any, moment: Moment
) -> Decision[Card]:
    """Somebody has looked, and it goes on."""
    return Decision(
        state=replace(_goes_on(card or EMPTY, event.refund_id), updated_at=moment.now),
        effects=entry(
            event,
            moment,
            f"{amount_text(event.amount_fen, event.currency)} · {event.reason}",
            event.actor,
        ),
    )


def double_suspected(
    card: Card | None, event: DoubleRefundSuspected, _facts: Any, moment: Moment
) -> Decision[Card]:
    """Money may have gone twice: a person has to look, until it is known that only the channel paid."""
    known = card or EMPTY
    there = (
        "金额未告知" if event.there_fen is None else amount_text(event.there_fen, event.currency)
    )
    told = f"{say(event.reason)} · 平台退 {there}，我方退款单 {amount_text(event.amount_fen, event.currency)}"
    if event.beyond_fen:
        told = f"{told}，多出 {amount_text(event.beyond_fen, event.currency)}"
    return Decision(
        state=replace(
            known,
            double_refunds=with_flag(known.double_refunds, event.refund_id),
            flags=with_flag(known.flags, "double_refund"),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, told, event.actor, event.refund_no),
    )


def double_resolved(
    card: Card | None, event: DoubleRefundResolved, _facts: Any, moment: Moment
) -> Decision[Card]:
    """Somebody has said what it was; what went back counts as that person says."""
    known = _once_only(card or EMPTY, event.refund_id)
    outcome = words.DOUBLE_OUTCOMES.get(event.outcome) or say(event.outcome)
    gone = f"这笔共退 {amount_text(event.amount_fen, event.currency)}" if event.amount_fen else ""
    change = with_flag if event.order_fully_refunded else without_flag
    return Decision(
        state=replace(
            known,
            refund_fen=known.refund_fen + event.difference_fen,
            flags=change(known.flags, "refunded"),
            updated_at=moment.now,
        ),
        effects=entry(
            event, moment, " · ".join(filter(None, (outcome, gone, event.reason))), event.actor
        ),
    )


def ended_too_late(event: RefundEndedTooLate) -> str:
    """Nobody asks for it any more, and where our money is."""
    why = say("refused_there" if event.outcome == "refused" else event.outcome)
    ours = "我方已打款" if event.settled else "我方打款已发出"
    return f"{why}，{ours} {amount_text(event.amount_fen, event.currency)}，需人工跟进"


def agreed_there(event: RefundAgreedThere) -> str:
    """Why its case stays open."""
    return (
        f"{amount_text(event.amount_fen, event.currency)} · 平台打款后自动入账，不要在这里再批一次"
    )


def _once_only(known: Card, refund_id: str) -> Card:
    left = without_flag(known.double_refunds, refund_id)
    flags = known.flags if left else without_flag(known.flags, "double_refund")
    return replace(known, double_refunds=left, flags=flags)


def _tried(event: PayoutGivenUp) -> str:
    counts = (("发出", event.sends), ("连问无果", event.asks), ("答复处理中", event.underway))
    return "，".join([f"{what} {times} 次" for what, times in counts if times])
