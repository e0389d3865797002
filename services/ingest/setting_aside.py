"""Setting a payload aside that cannot be worked with, and taking it back when the channel tells the order right."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.quarantine import PayloadQuarantined, QuarantineEnded, QuarantineProblem
from services.ingest import metrics
from services.ingest.domain.model import Problem, ProblemCode
from services.ingest.domain.quarantine import STATES, Act, Deed, Entry, EntryState, Keep
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import Arrival, NormaliserFacts, entry_key
from services.ingest.imports.document import DOOR as IMPORT_DOOR

DETAIL_CHARS_MAX = 200


def problems_of(payload: PayloadReceived, arrival: Arrival) -> tuple[Problem, ...]:
    """Everything wrong with a payload. Without one that blocks it is the order that was asked for."""
    order, problems = arrival.normalised.order, arrival.normalised.problems
    if order is not None and order.order_no != payload.channel_order_no:
        mismatch = Problem(
            code=ProblemCode.ORDER_NO_MALFORMED, detail="not the order asked for", blocks=True
        )
        return (mismatch,)
    return problems


def set_aside(  # noqa: PLR0917 — one arrival with everything around it
    known: KnownOrder | None,
    payload: PayloadReceived,
    arrival: Arrival,
    problems: tuple[Problem, ...],
    facts: NormaliserFacts,
    moment: Moment,
) -> Decision[KnownOrder]:
    """Keeps the payload with every reason. What is known of an accepted order stays as it is.

    A repeat is counted and changes nothing; an older content than the one kept, or than what is known of the
    order, is not worth anybody's time. An import is older than whatever the channel told.
    """
    key = entry_key(payload, arrival)
    entry = facts.entry(key)
    kept = known or KnownOrder(
        channel=payload.channel, shop=payload.shop, channel_order_no=payload.channel_order_no
    )
    modified_at = _modified_at(arrival)
    if _overtaken(payload, modified_at, known, entry) or (entry and entry.digest == arrival.digest):
        metrics.ARRIVALS.labels(payload.channel, "stale").inc()
        seen = entry and Keep(_seen(entry, moment))
        return Decision(state=known, effects=(seen,) if seen else ())
    metrics.ARRIVALS.labels(payload.channel, "quarantined").inc()
    fresh = Entry(
        key=key,
        channel=payload.channel,
        shop=payload.shop,
        channel_order_no=payload.channel_order_no,
        state=EntryState.OPEN,
        problems=problems,
        evidence=moment.record.position(),
        sha256=arrival.sha256,
        digest=arrival.digest,
        door=payload.door,
        accepted_at=payload.accepted_at,
        modified_at=modified_at,
        first_seen_at=moment.now,
        last_seen_at=moment.now,
        body=payload.body,
        order_id=kept.order_id,
    )
    entry = fresh if entry is None else _renewed(entry, fresh, arrival, facts)
    event = _told(payload, arrival, fresh)
    return Decision(
        state=replace(kept, quarantine=problems, set_aside=True),
        events=(event,),
        effects=(Keep(entry, deed(entry, Act.ARRIVE, moment)),),
    )


def _told(payload: PayloadReceived, arrival: Arrival, fresh: Entry) -> PayloadQuarantined:
    order = arrival.normalised.order
    return PayloadQuarantined(
        source_key=payload.source_key,
        version=0,
        occurred_at=fresh.first_seen_at,
        channel=payload.channel,
        shop=payload.shop,
        channel_order_no=payload.channel_order_no,
        problems=tuple(
            QuarantineProblem(code=p.code, detail=p.detail[:DETAIL_CHARS_MAX])
            for p in fresh.problems
        ),
        evidence=fresh.evidence,
        currency=order.currency if order else None,
    )


def superseded(
    decision: Decision[KnownOrder], entry: Entry | None, arrival: Arrival, moment: Moment
) -> Decision[KnownOrder]:
    """The decision about a good snapshot, which ends what waits if it is not older than that."""
    if entry is None or not entry.waits:
        return decision
    modified_at = _modified_at(arrival)
    if modified_at is None and entry.door != IMPORT_DOOR:
        # Only an import is taken in without a time, and the channel's word waits here.
        return decision
    # Of two equally new ones the good one stands, but its repeat says nothing about the other.
    repeated = modified_at == entry.modified_at and not decision.events
    if entry.modified_at and modified_at and (modified_at < entry.modified_at or repeated):
        return decision
    assert decision.state is not None, "a good snapshot is known"
    event = ended(decision.state, entry, Act.SUPERSEDE, moment, "")
    # Corrections that were never released go with what they were made for.
    gone = replace(
        entry, state=STATES[entry.state, Act.SUPERSEDE], body=b"", correction=entry.standing
    )
    return Decision(
        state=replace(decision.state, quarantine=()),
        events=(*decision.events, event),
        effects=(*decision.effects, Keep(gone, deed(entry, Act.SUPERSEDE, moment))),
    )


def ended(
    known: KnownOrder, entry: Entry, act: Act, moment: Moment, reason: str
) -> QuarantineEnded:
    """Nobody waits for the entry any more."""
    return QuarantineEnded(
        source_key=moment.record.key,
        version=0,
        occurred_at=moment.now,
        entry_key=entry.key,
        outcome=STATES[entry.state, act],
        order_id=known.order_id,
        actor=moment.actor,
        reason=reason,
    )


def deed(
    entry: Entry, act: Act, moment: Moment, reason: str = "", fields: tuple[str, ...] = ()
) -> Deed:
    """The line of the audit for what is done now."""
    return Deed(
        key=entry.key,
        at=moment.now,
        act=act,
        actor=moment.actor,
        reason=reason,
        basis=getattr(moment.record.event, "command_id", "") or moment.record.position(),
        fields=fields,
    )


def _modified_at(arrival: Arrival) -> datetime | None:
    order = arrival.normalised.order
    return None if order is None else order.times.modified


def _overtaken(
    payload: PayloadReceived,
    modified_at: datetime | None,
    known: KnownOrder | None,
    entry: Entry | None,
) -> bool:
    """Whether something newer is known, or waits. What does not say when it was made is taken for new."""
    if modified_at is None:
        told = known is not None and known.order_id and known.modified_at is not None
        waits = entry is not None and entry.waits and entry.door != IMPORT_DOOR
        return payload.door == IMPORT_DOOR and bool(told or waits)
    newest = [known.modified_at] if known and known.order_id else []
    newest += [entry.modified_at] if entry and entry.waits else []
    return any(at is not None and modified_at < at for at in newest)


def _seen(entry: Entry, moment: Moment) -> Entry:
    return replace(entry, last_seen_at=moment.now, arrivals=entry.arrivals + 1)


def _renewed(entry: Entry, fresh: Entry, arrival: Arrival, facts: NormaliserFacts) -> Entry:
    """The entry with a newer content. Work on a correction goes on where it left off."""
    state = STATES[entry.state, Act.ARRIVE]
    order_id = entry.order_id or fresh.order_id
    corrections = facts.opened_corrections(entry.correction, entry.order_id)
    if corrections and not blocked(fresh, facts.corrected(arrival, corrections)):
        state = STATES[state, Act.MEND]
    resealed = corrections and order_id != entry.order_id
    return replace(
        fresh,
        state=state,
        first_seen_at=entry.first_seen_at if entry.waits else fresh.first_seen_at,
        arrivals=entry.arrivals + 1,
        correction=(
            facts.sealed_corrections(corrections, order_id) if resealed else entry.correction
        ),
        standing=entry.standing,
        order_id=order_id,
    )


def blocked(entry: Entry, arrival: Arrival) -> tuple[Problem, ...]:
    """What still keeps the entry's content, as it reads now, from being taken in."""
    return tuple(p for p in problems_of(payload_of(entry), arrival) if p.blocks)


def payload_of(entry: Entry) -> PayloadReceived:
    """The payload as it came."""
    return PayloadReceived(
        source_key=entry.key.partition("#")[0] if not entry.channel_order_no else entry.key,
        channel=entry.channel,
        shop=entry.shop,
        channel_order_no=entry.channel_order_no,
        door=entry.door,
        accepted_at=entry.accepted_at,
        body=entry.body,
    )


def said(problem: Problem) -> str:
    """A reason in one line: its code and what it is about."""
    return f"{problem.code}: {problem.detail}" if problem.detail else str(problem.code)
