"""An accepted order's newest payload, read again by today's mapping because somebody asked for it.

It is told like any change of the channel's: holds, region, receiver, payment, closing. What was told of lines and
money when the order was placed stays, because nobody downstream takes it back. The same once more changes nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from chassis.processor import Decision, Moment
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.commands_ingest_payloads import ReadPayloadAgain
from services.ingest.domain.quarantine import Deed
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts
from services.ingest.normalise import taken_in, witnessed
from services.ingest.setting_aside import problems_of, said

ORDER_UNKNOWN = "order_unknown"
NOT_THE_NEWEST = "not_the_newest"
STILL_BLOCKED = "still_blocked"


def decide_read_again(
    known: KnownOrder | None, command: ReadPayloadAgain, facts: NormaliserFacts, moment: Moment
) -> Decision[KnownOrder]:
    """The result is the order id. Refused where the order has moved on, or nothing can be read any more."""
    if known is None or not known.order_id:
        return Decision(state=known, refusal=ORDER_UNKNOWN, result_id=ORDER_UNKNOWN)
    payload = PayloadReceived(
        source_key=command.source_key,
        channel=command.channel,
        shop=command.shop,
        channel_order_no=command.channel_order_no,
        door=command.door,
        accepted_at=command.accepted_at,
        body=command.body,
    )
    arrival = facts.again(payload)
    entry = facts.entry(command.source_key)
    if entry is not None and entry.standing:
        standing = facts.opened_corrections(entry.standing, entry.order_id)
        arrival = facts.corrected(arrival, standing)
    if left := [said(p) for p in problems_of(payload, arrival) if p.blocks]:
        refusal = f"{STILL_BLOCKED}: {'; '.join(left)}"
        return Decision(state=known, refusal=refusal, result_id=STILL_BLOCKED)
    order = arrival.normalised.order
    if order is None or order.times.modified != known.modified_at:
        return Decision(state=known, refusal=NOT_THE_NEWEST, result_id=NOT_THE_NEWEST)
    taken = taken_in(known, payload, arrival, facts, moment, again=True)
    if taken.state == known:
        return Decision(state=known, result_id=known.order_id)
    deed = Deed(
        key=command.source_key,
        at=moment.now,
        act="read_again",
        actor=command.actor,
        reason=command.reason,
        basis=command.command_id,
    )
    read = replace(taken, effects=(*taken.effects, deed), result_id=known.order_id)
    return witnessed(read, payload, arrival, command.evidence, moment, outcome="read_again")
