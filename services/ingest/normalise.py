"""Decisions of the normaliser: one raw payload → events of one order.

The facts of a batch (`services.ingest.facts`) open, understand and seal; the decisions only compare and say.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import (
    OrderAmended,
    OrderCancelled,
    OrderLinesMatched,
    OrderPaid,
    OrderPlaced,
    Payment,
    Promotion,
)
from schemas.events.quarantine import PayloadQuarantined
from services.ingest import metrics
from services.ingest.domain.evidence import Evidence
from services.ingest.domain.extensions import told
from services.ingest.domain.matching import Told
from services.ingest.domain.model import (
    CanonicalOrder,
    OrderSnapshotState,
    PiiKind,
    Problem,
    ProblemCode,
    to_collect_fen,
)
from services.ingest.domain.snapshots import (
    Change,
    KnownOrder,
    Quarantine,
    Stale,
    left_from_us,
    read_snapshot,
)
from services.ingest.domain.text import address_is_vague
from services.ingest.facts import Arrival, NormaliserFacts, entry_key
from services.ingest.matching import Freed, Parked, matched, placed_as, told_of
from services.ingest.returns import Returned, returned
from services.ingest.setting_aside import problems_of, set_aside, superseded
from services.ingest.shanghai import business_day

OrderEvent = OrderPlaced | OrderPaid | OrderAmended | OrderCancelled | OrderLinesMatched


def decide_payload(
    known: KnownOrder | None, payload: PayloadReceived, facts: NormaliserFacts, moment: Moment
) -> Decision[KnownOrder]:
    """One arrival. Emits OrderPlaced/Paid/Amended/Cancelled, PayloadQuarantined, QuarantineEnded, or nothing."""
    arrival = facts.arrival(moment.record)
    entry = facts.entry(entry_key(payload, arrival))
    if entry is not None and entry.standing:
        standing = facts.opened_corrections(entry.standing, entry.order_id)
        arrival = facts.corrected(arrival, standing)
    problems = (*problems_of(payload, arrival), *_number_reused(known, arrival))
    if any(problem.blocks for problem in problems):
        decision = set_aside(known, payload, arrival, problems, facts, moment)
    else:
        decision = superseded(
            taken_in(known, payload, arrival, facts, moment), entry, arrival, moment
        )
    position = moment.record.position()
    return witnessed(decision, payload, arrival, position, moment)


def _number_reused(known: KnownOrder | None, arrival: Arrival) -> tuple[Problem, ...]:
    """A receipt of taking back never changes: another content under its number is another one's."""
    order = arrival.normalised.order
    if known is None or order is None or known.digest in {"", arrival.digest} or known.order_id:
        return ()
    if not known.returns:
        return ()
    detail = "a return has this number already"
    return (Problem(code=ProblemCode.ORDER_NO_REUSED, detail=detail, blocks=True),)


def witnessed(
    decision: Decision[KnownOrder],
    payload: PayloadReceived,
    arrival: Arrival,
    position: str,
    moment: Moment,
    *,
    outcome: str = "",
) -> Decision[KnownOrder]:
    """The decision with its evidence: the payload at `position` led to it."""
    order = arrival.normalised.order
    about = [event for event in decision.events if isinstance(event, OrderEvent)]
    if not outcome:
        outcome = "changed" if about else "stale"
        if any(isinstance(event, OrderPlaced) for event in about):
            outcome = "placed"
        elif any(isinstance(effect, Returned) for effect in decision.effects):
            outcome = "returned"
        elif any(isinstance(event, PayloadQuarantined) for event in decision.events):
            outcome = "quarantined"
    seen = Evidence(
        source_key=payload.source_key,
        position=position,
        sha256=arrival.sha256,
        door=payload.door,
        accepted_at=payload.accepted_at,
        taken_at=moment.now,
        modified_at=order.times.modified if order else None,
        outcome=outcome,
        events=len(about),
    )
    return replace(decision, effects=(*decision.effects, seen))


def taken_in(
    known: KnownOrder | None,
    payload: PayloadReceived,
    arrival: Arrival,
    facts: NormaliserFacts,
    moment: Moment,
    *,
    again: bool = False,
) -> Decision[KnownOrder]:
    """What an order without blocking problems brings. The same once more brings nothing.

    `again`: what an earlier mapping made of the same snapshot gives way.
    """
    order = arrival.normalised.order
    assert order is not None, "what has no order blocks"
    # The shop is ours to name: several spellings of one shop must not make two orders.
    order = replace(
        order,
        shop=payload.shop,
        channel=payload.channel,
        left_from_us=left_from_us(known, order, facts.sent.get(payload.source_key, ())),
    )
    if order.returns and not (known is not None and known.order_id):
        return _taken_back(known, order, payload, arrival)
    reading = read_snapshot(
        known,
        order,
        arrival.normalised.problems,
        digest=arrival.digest,
        personal_digest=arrival.personal_digest,
        order_id="",
        since=arrival.since,
        again=again,
    )
    match reading:
        case Stale():
            metrics.ARRIVALS.labels(payload.channel, "stale").inc()
            return Decision(state=known)
        case Quarantine():
            raise AssertionError(reading)
        case Change():
            decision = _changed(reading, order, payload, arrival, facts, moment)
            return _waits(known, decision, payload.source_key, facts, moment)


def _taken_back(
    known: KnownOrder | None, order: CanonicalOrder, payload: PayloadReceived, arrival: Arrival
) -> Decision[KnownOrder]:
    """Goods of another order came back: no order, but what `returns` hands to refunds. The same once more is nothing."""
    if known is not None and known.returns:
        metrics.ARRIVALS.labels(payload.channel, "stale").inc()
        return Decision(state=known)
    metrics.ARRIVALS.labels(payload.channel, "returned").inc()
    state = KnownOrder(
        channel=order.channel,
        shop=order.shop,
        channel_order_no=order.order_no,
        modified_at=order.times.modified,
        state=order.state,
        raw_state=order.raw_state,
        digest=arrival.digest,
        returns=order.returns,
        set_aside=known is not None and known.set_aside,
        extension=told(order.extensions),
    )
    return Decision(state=state, effects=(returned(payload.source_key, order),))


def _waits(
    known: KnownOrder | None,
    decision: Decision[KnownOrder],
    order_key: str,
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    """The decision with what becomes of an order that waited for a mapping."""
    now = decision.state
    if known is None or known.waiting is None or now is None or now.waiting == known.waiting:
        return decision
    if now.waiting is None:
        return replace(decision, effects=(*decision.effects, Freed(order_key)))
    # The channel has told an imported order: its own words for the goods may have a mapping.
    then = matched(now, now.waiting, order_key, facts, moment)
    return replace(
        then,
        events=(*decision.events, *then.events),
        effects=(*decision.effects, *then.effects),
    )


def _changed(  # noqa: PLR0917 — one arrival with everything around it
    change: Change,
    order: CanonicalOrder,
    payload: PayloadReceived,
    arrival: Arrival,
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    known = change.known
    if change.placed and not known.order_id:
        day = business_day(order.times.created or payload.accepted_at)
        known = replace(known, order_id=facts.fresh_order_id(order.channel, day))
    events: list[Struct] = []
    effects: tuple[object, ...] = ()
    if change.placed:
        metrics.ARRIVALS.labels(payload.channel, "placed").inc()
        payment = Payment(
            paid_at=_paid_at(order, moment),
            paid_fen=order.paid_fen,
            collect_fen=to_collect_fen(order) or None,
        )
        told = told_of(facts.catalogue, order)
        known = placed_as(known, order, told, moment.now)
        if known.waiting is not None:
            effects = (Parked(payload.source_key, known, told.unmatched),)
        placed = _placed(known, order, told, payload, arrival, facts)
        events.append(replace(placed, payment=payment) if change.paid else placed)
    else:
        metrics.ARRIVALS.labels(payload.channel, "changed").inc()
    # Before the payment: a paid order without a hold is ready at once.
    if change.amended:
        events.append(_amended(change, order, arrival, facts, moment))
    if change.paid and not change.placed:
        events.append(
            OrderPaid(
                order_id=known.order_id,
                version=0,
                occurred_at=_paid_at(order, moment),
                paid_fen=order.paid_fen,
                collect_fen=to_collect_fen(order) or None,
            )
        )
    if change.cancelled:
        # An export says "closed" for both. What was paid on a channel, the channel pays back.
        undated = order.times.modified is None
        refunded = order.state is OrderSnapshotState.CLOSED_REFUNDED or (undated and known.paid)
        events.append(
            OrderCancelled(
                order_id=known.order_id,
                version=0,
                occurred_at=order.times.ended or order.times.modified or moment.now,
                reason="closed_refunded" if refunded else "cancelled_on_channel",
                refunded_by_channel=refunded,
            )
        )
    return Decision(state=known, events=tuple(events), effects=effects)


def _paid_at(order: CanonicalOrder, moment: Moment) -> datetime:
    return order.times.paid or order.times.modified or moment.now


def _placed(  # noqa: PLR0917
    known: KnownOrder,
    order: CanonicalOrder,
    told: Told,
    payload: PayloadReceived,
    arrival: Arrival,
    facts: NormaliserFacts,
) -> OrderPlaced:
    readable = order.receiver.pii is PiiKind.PLAIN
    return OrderPlaced(
        order_id=known.order_id,
        version=0,
        occurred_at=order.times.created or payload.accepted_at,
        channel=order.channel,
        shop=order.shop,
        channel_order_no=order.order_no,
        channel_state=order.raw_state,
        accepted_at=payload.accepted_at,
        lines=told.lines,
        payable_fen=order.payable_fen,
        freight_fen=order.freight_fen,
        discount_fen=order.discount_total_fen + told.rounding_fen,
        currency=order.currency,
        promotions=tuple(
            Promotion(name=p.name, amount_fen=p.fen, borne_by=p.borne_by) for p in order.promotions
        ),
        province=known.province,
        city=known.city,
        district=known.district,
        personal=facts.sealed(known.order_id, arrival.personal),
        personal_kind=order.receiver.pii,
        receiver_key=arrival.receiver_key,
        address_vague=readable and address_is_vague(order.receiver.address),
        hold=known.hold,
        problems=tuple(problem.code for problem in arrival.normalised.problems),
        ship_by=order.times.ship_by,
        extension=known.extension,
        reservation_id=order.reservation_id or None,
        handed_over=order.handed_over or None,
        balance_open=known.balance_open or None,
        closable=facts.closable(order.channel) or None,
        receiver_digest=arrival.receiver_digest or None,
    )


def _amended(
    change: Change,
    order: CanonicalOrder,
    arrival: Arrival,
    facts: NormaliserFacts,
    moment: Moment,
) -> OrderAmended:
    known = change.known
    readable = order.receiver.pii is PiiKind.PLAIN
    # What this arrival says of the receiver may be less, or older, than what was told before.
    told = (order.receiver.pii, arrival.personal_digest)
    kept = told != (known.personal_kind, known.personal_digest)
    # Ciphers may be made anew at each read: only with a later time do others tell another receiver.
    digest = arrival.receiver_digest if change.later and not kept else ""
    return OrderAmended(
        order_id=known.order_id,
        version=0,
        occurred_at=known.modified_at or moment.now,
        changed=change.amended,
        channel_state=known.raw_state,
        province=known.province,
        city=known.city,
        district=known.district,
        personal=b"" if kept else facts.sealed(known.order_id, arrival.personal),
        personal_kind=PiiKind.ABSENT if kept else order.receiver.pii,
        receiver_key="" if kept else arrival.receiver_key,
        address_vague=readable and address_is_vague(order.receiver.address),
        hold=known.hold,
        extension=known.extension,
        balance_open=known.balance_open or None,
        receiver_digest=digest or None,
    )
