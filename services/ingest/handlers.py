"""The processor over raw payloads, over what people say of those set aside, and over what can be matched."""

from __future__ import annotations

from chassis.processor import Column, Handlers, Processor
from schemas.events.channel_payloads import MatchRequested, PayloadReceived
from schemas.events.commands_ingest_payloads import (
    CorrectQuarantined,
    DiscardQuarantined,
    ReadPayloadAgain,
    ReleaseQuarantined,
)
from services.ingest.domain.extensions import as_json
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFactsSource
from services.ingest.matching import decide_match
from services.ingest.normalise import decide_payload
from services.ingest.quarantine import decide_correct, decide_discard, decide_release
from services.ingest.reading_again import decide_read_again

COLUMNS = (
    Column("order_id", "text", lambda known: known.order_id or None),
    Column("channel", "text", lambda known: known.channel),
    Column("shop", "text", lambda known: known.shop),
    Column("channel_order_no", "text", lambda known: known.channel_order_no),
    Column("quarantined", "boolean", lambda known: bool(known.quarantine) and not known.order_id),
    Column("modified_at", "timestamptz", lambda known: known.modified_at),
    Column("extension", "jsonb", lambda known: as_json(known.extension)),
)

HANDLERS: Handlers = {
    PayloadReceived: decide_payload,
    MatchRequested: decide_match,
    CorrectQuarantined: decide_correct,
    ReleaseQuarantined: decide_release,
    DiscardQuarantined: decide_discard,
    ReadPayloadAgain: decide_read_again,
}


def normaliser(source: NormaliserFactsSource) -> Processor[KnownOrder]:
    """The processor."""
    return Processor(
        name="ingest",
        table="ingest.orders",
        state=KnownOrder,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=source,
        sources=("channel-payloads", "commands-ingest-payloads"),
    )
