"""What each event does to an order's card and which line it adds to the timeline. Pure.

Events of different topics reach the console in any order, events of one topic in order: a card is therefore
never sure that the order itself is known, and a fact only ever sets what is its own. Nine and more of these
run for every order, so each builds one card, one tuple, and nothing else. `HANDLERS` is the whole list.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chassis.currency import amount_text
from chassis.processor import Decision, Handlers, Moment
from schemas.events.order_states import (
    OrderCancelRequested,
    OrderHeld,
    OrderHoldLifted,
    OrderReadyToFulfil,
    OrderStateChanged,
    OrderTransitionRefused,
)
from schemas.events.orders import (
    OrderAmended,
    OrderCancelled,
    OrderLine,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
)
from schemas.events.quarantine import PayloadQuarantined, QuarantineEnded
from schemas.events.refunds import (
    DoubleRefundResolved,
    DoubleRefundSuspected,
    PayoutGivenUp,
    PayoutResumed,
    RefundAgreedThere,
    RefundApproved,
    RefundEndedTooLate,
    RefundFailed,
    RefundRefused,
    RefundRequested,
    RefundSettled,
    ReturnConfirmed,
)
from schemas.events.shipments import (
    ParcelCancelled,
    ParcelCancelRefused,
    ParcelDelivered,
    ParcelMoved,
    ParcelPacked,
    ParcelPicked,
    ParcelPlanned,
    ParcelShipped,
    WaybillIssued,
    WaybillNotVoided,
    WaybillRefused,
    WaybillReplaced,
    WaybillVoided,
)
from schemas.events.stock import (
    PassedOver,
    ShortLine,
    StockDeducted,
    StockHoldExtended,
    StockPromiseChanged,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.console import late_payments, refunds, words, write_backs
from services.console.domain.model import EMPTY, Card, with_flag, with_waybill, without_flag
from services.console.entries import entry, only_told, raises
from services.console.promises import kept_in, promise_changed, told_of, without_promise
from services.console.reasons import details, titles
from services.console.words import CODES, STATES, say

Decided = Decision[Card]


# ---- orders ----------------------------------------------------------------------------------------


def summary(lines: tuple[OrderLine, ...]) -> str:
    """The first line's title and how much there is in all: "纯棉T恤 ×2 等 3 件"."""
    if not lines:
        return ""
    first = lines[0]
    if len(lines) == 1:
        return f"{first.title} ×{first.quantity}"
    return f"{first.title} 等 {sum([line.quantity for line in lines])} 件"


def to_collect(collect_fen: int | None, currency: str | None) -> str:
    """What the carrier has to collect: "货到付款，待收 ¥129.00"; nothing where it has not."""
    return f"货到付款，待收 {amount_text(collect_fen, currency)}" if collect_fen else ""


def placed(card: Card | None, event: OrderPlaced, _facts: Any, moment: Moment) -> Decided:
    """The order itself, and what was paid for it already."""
    known = card or EMPTY
    told = summary(event.lines)
    paid_fen = known.paid_fen
    if event.payment is not None:
        paid_fen, collect_fen = event.payment.paid_fen, event.payment.collect_fen
        paid_text = to_collect(collect_fen, event.currency) or (
            f"已付 {amount_text(paid_fen, event.currency)}"
        )
        told = f"{told} · {paid_text}"
    return Decision(
        state=replace(
            known,
            state=known.state or "awaiting_payment",
            channel=event.channel,
            shop=event.shop,
            channel_order_no=event.channel_order_no,
            placed_at=event.occurred_at,
            accepted_at=event.accepted_at,
            updated_at=moment.now,
            ship_by=known.ship_by or event.ship_by,
            payable_fen=event.payable_fen,
            currency=event.currency,
            paid_fen=paid_fen,
            province=event.province,
            city=event.city,
            line_summary=summary(event.lines),
            flags=with_flag(known.flags, "problems") if event.problems else known.flags,
        ),
        effects=entry(event, moment, told, whole=True),
    )


def lines_matched(
    card: Card | None, event: OrderLinesMatched, _facts: Any, moment: Moment
) -> Decided:
    """Our SKUs in place of lines that had none."""
    told = summary(event.lines)
    return Decision(
        state=replace(card or EMPTY, line_summary=told, updated_at=moment.now),
        effects=entry(event, moment, told, whole=True),
    )


def paid(card: Card | None, event: OrderPaid, _facts: Any, moment: Moment) -> Decided:
    """What the buyer paid, of an order that is known: both are told on one topic."""
    known = card or EMPTY
    return Decision(
        state=replace(known, paid_fen=event.paid_fen, updated_at=moment.now),
        effects=entry(
            event,
            moment,
            to_collect(event.collect_fen, known.currency)
            or amount_text(event.paid_fen, known.currency),
        ),
    )


def amended(card: Card | None, event: OrderAmended, _facts: Any, moment: Moment) -> Decided:
    """The channel's newer content."""
    # What only its channel tells is named field by field, `extension.seller_flag`.
    names = [name.partition(".")[0] for name in event.changed]
    changed = "、".join(dict.fromkeys([say(name) for name in names]))
    return Decision(
        state=replace(
            card or EMPTY, province=event.province, city=event.city, updated_at=moment.now
        ),
        effects=entry(event, moment, changed, whole=True),
    )


# ---- stock -----------------------------------------------------------------------------------------


def reserved(card: Card | None, event: StockReserved, _facts: Any, moment: Moment) -> Decided:
    """Goods are held; the first time counts."""
    known = without_promise(card or EMPTY)
    return Decision(
        state=replace(
            known,
            held_at=known.held_at or event.occurred_at,
            warehouse=event.warehouse,
            flags=without_flag(known.flags, "short"),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, _where_held(event), "", event.rule),
    )


def _lacking(line: ShortLine | PassedOver) -> str:
    why = f"（{words.quota(line.quota)}）" if line.quota else ""
    return f"{line.sku} 需 {line.wanted} 仅 {line.available}{why}"


def _where_held(event: StockReserved) -> str:
    """The warehouse, or each of several with its pieces, and why not the others."""
    why_not = [
        f"{words.warehouse(one.warehouse)}{_lacking(one) if one.sku else '当时不够'}"
        f"{words.SPLIT_REASONS.get(one.why or '', '')}"
        for one in event.passed_over or ()
    ]
    chosen = " + ".join(
        f"{words.warehouse(part.warehouse)} {sum(line.quantity for line in part.lines)} 件"
        for part in event.parts or ()
    ) or words.warehouse(event.warehouse)
    return f"{chosen}（{'；'.join(why_not)}）" if why_not else chosen


def short(card: Card | None, event: StockShort, _facts: Any, moment: Moment) -> Decided:
    """Nothing is held."""
    known = card or EMPTY
    missing = "、".join([_lacking(line) for line in event.lines])
    if event.withheld_by:
        return Decision(
            state=replace(known, updated_at=moment.now),
            effects=entry(event, moment, "有货，付款后再占", "", event.withheld_by),
        )
    if event.promised_for is not None:
        told = f"{missing}；{told_of(event.promised_for, event.promised or ())}"
        return Decision(
            state=kept_in(known, event.promised_for, moment),
            effects=entry(event, moment, told, "", event.promise_rule or ""),
        )
    known = without_promise(known)
    return Decision(
        state=replace(known, flags=with_flag(known.flags, "short"), updated_at=moment.now),
        effects=entry(event, moment, missing),
    )


# ---- order states ----------------------------------------------------------------------------------


def state_changed(
    card: Card | None, event: OrderStateChanged, _facts: Any, moment: Moment
) -> Decided:
    """How far the order has come, by its own service's word."""
    to_state, reason = event.to_state, event.reason
    why = CODES.get(reason, reason)
    title = STATES.get(to_state, to_state)
    return Decision(
        state=replace(card or EMPTY, state=to_state, updated_at=moment.now),
        effects=entry(
            event,
            moment,
            f"{title} · {why}" if why else title,
            event.actor,
            event.rule or event.basis,
        ),
    )


def ready(card: Card | None, event: OrderReadyToFulfil, _facts: Any, moment: Moment) -> Decided:
    """Paid, held, passed: the warehouse may begin."""
    where = " + ".join(
        [words.warehouse(part.warehouse) for part in event.parts or ()]
    ) or words.warehouse(event.warehouse)
    return Decision(
        state=replace(card or EMPTY, ship_by=event.ship_by, updated_at=moment.now),
        effects=entry(event, moment, where, "", event.rule),
    )


def held(card: Card | None, event: OrderHeld, _facts: Any, moment: Moment) -> Decided:
    """The order stands still."""
    known = card or EMPTY
    told = f"{words.flag(event.code)} · {say(event.reason)}" if event.reason else event.code
    return Decision(
        state=replace(known, flags=with_flag(known.flags, event.code), updated_at=moment.now),
        effects=entry(event, moment, told, event.actor, event.basis),
    )


def hold_lifted(card: Card | None, event: OrderHoldLifted, _facts: Any, moment: Moment) -> Decided:
    """One reason less to stand still."""
    known = card or EMPTY
    return Decision(
        state=replace(known, flags=without_flag(known.flags, event.code), updated_at=moment.now),
        effects=entry(event, moment, words.flag(event.code), event.actor, event.basis),
    )


# ---- shipments -------------------------------------------------------------------------------------


def planned(card: Card | None, event: ParcelPlanned, _facts: Any, moment: Moment) -> Decided:
    """Warehouse and carrier are chosen: the order is routed."""
    known = card or EMPTY
    told = f"{words.warehouse(event.warehouse)} · {words.carrier(event.carrier)} · {event.reason}"
    return Decision(
        state=replace(
            known,
            routed_at=known.routed_at or event.occurred_at,
            warehouse=known.warehouse or event.warehouse,
            carrier=event.carrier,
            ship_by=event.ship_by,
            updated_at=moment.now,
        ),
        effects=entry(event, moment, told, "", event.rule),
    )


def waybill_issued(card: Card | None, event: WaybillIssued, _facts: Any, moment: Moment) -> Decided:
    """The label's number."""
    known = with_waybill(card or EMPTY, event.carrier, event.waybill_no)
    return Decision(
        state=replace(
            known,
            flags=without_flag(known.flags, "waybill_refused"),
            updated_at=moment.now,
        ),
        effects=entry(event, moment, _label(event)),
    )


def waybill_replaced(
    card: Card | None, event: WaybillReplaced, _facts: Any, moment: Moment
) -> Decided:
    """Another label, and whose it was before."""
    known = with_waybill(card or EMPTY, event.former_carrier, event.former_waybill_no)
    former = f"{words.carrier(event.former_carrier)} {event.former_waybill_no}"
    now = f"{words.carrier(event.carrier)} {event.waybill_no}"
    return Decision(
        state=replace(with_waybill(known, event.carrier, event.waybill_no), updated_at=moment.now),
        effects=entry(event, moment, f"{former} → {now} · {event.reason}", event.actor),
    )


def _label(event: Any) -> str:
    return f"{words.carrier(event.carrier)} {event.waybill_no}"


def moved(card: Card | None, event: ParcelMoved, _facts: Any, moment: Moment) -> Decided:
    """News of the journey."""
    known = card or EMPTY
    change = with_flag if event.status == "problem" else without_flag
    return Decision(
        state=replace(known, flags=change(known.flags, "parcel_problem"), updated_at=moment.now),
        effects=entry(event, moment, f"{say(event.status)} · {event.place} {event.text}".rstrip()),
    )


# ---- the quarantine ----------------------------------------------------------------------------------


def quarantined(
    card: Card | None, event: PayloadQuarantined, _facts: Any, moment: Moment
) -> Decided:
    """A payload nobody could work with, under its source key."""
    known = card or EMPTY
    return Decision(
        state=replace(
            known,
            state="quarantined",
            channel=event.channel,
            shop=event.shop,
            channel_order_no=event.channel_order_no,
            placed_at=known.placed_at or event.occurred_at,
            updated_at=moment.now,
            line_summary=titles(event.problems),
            flags=with_flag(known.flags, "quarantined"),
        ),
        effects=entry(event, moment, details(event.problems, event.currency), "", event.evidence),
    )


def quarantine_ended(
    card: Card | None, event: QuarantineEnded, _facts: Any, moment: Moment
) -> Decided:
    """Nobody waits for the payload any more: the list shows the order that came of it, if any."""
    known = replace(card or EMPTY, state="", placed_at=None, updated_at=moment.now)
    what = "：".join(filter(None, (say(event.outcome), event.reason)))
    return Decision(
        state=replace(known, flags=without_flag(known.flags, "quarantined")),
        effects=entry(event, moment, what, event.actor, event.order_id),
    )


def _reason(event: Any) -> str:
    return say(event.reason)


HANDLERS: Handlers = {
    OrderPlaced: placed,
    OrderLinesMatched: lines_matched,
    OrderPaid: paid,
    OrderAmended: amended,
    OrderCancelled: late_payments.closed,
    PayloadQuarantined: quarantined,
    QuarantineEnded: quarantine_ended,
    WriteBackApplied: write_backs.applied,
    WriteBackRefused: write_backs.refused,
    StockReserved: reserved,
    StockShort: short,
    StockPromiseChanged: promise_changed,
    StockHoldExtended: only_told(_reason),
    StockReleased: only_told(_reason),
    StockDeducted: only_told(lambda event: words.warehouse(event.warehouse)),
    StockReturned: only_told(lambda event: words.warehouse(event.warehouse)),
    OrderStateChanged: state_changed,
    OrderReadyToFulfil: ready,
    OrderHeld: held,
    OrderHoldLifted: hold_lifted,
    OrderCancelRequested: only_told(_reason),
    OrderTransitionRefused: late_payments.refused,
    ParcelPlanned: planned,
    WaybillIssued: waybill_issued,
    WaybillReplaced: waybill_replaced,
    WaybillVoided: only_told(_label),
    WaybillNotVoided: only_told(lambda event: f"{_label(event)} · {say(event.reason)}"),
    WaybillRefused: raises("waybill_refused", _reason),
    ParcelPicked: only_told(lambda _event: ""),
    ParcelPacked: only_told(lambda _event: ""),
    ParcelShipped: only_told(_label),
    ParcelMoved: moved,
    ParcelDelivered: only_told(lambda event: event.place),
    ParcelCancelled: only_told(_reason),
    ParcelCancelRefused: raises("cancel_refused", _reason),
    RefundRequested: refunds.requested,
    RefundApproved: only_told(
        lambda event: f"{words.TIERS.get(event.role) or say(event.role)} · {say(event.reason)}"
    ),
    RefundRefused: refunds.ended,
    RefundSettled: refunds.settled,
    RefundFailed: refunds.ended,
    ReturnConfirmed: only_told(refunds.came_back),
    DoubleRefundSuspected: refunds.double_suspected,
    DoubleRefundResolved: refunds.double_resolved,
    RefundAgreedThere: only_told(refunds.agreed_there),
    RefundEndedTooLate: only_told(refunds.ended_too_late),
    PayoutGivenUp: refunds.payout_given_up,
    PayoutResumed: refunds.payout_resumed,
}
