"""Decisions of the normaliser: one raw payload → events of one order.

The batch's facts hold what needs keys, randomness or the database: opened and normalised payloads, fresh
order ids, sealed personal blocks. The decisions themselves only compare and say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.crypto import KeyDestroyed, PayloadSeal, PersonalSeal
from chassis.errors import Invalid
from chassis.ids import document_no
from chassis.processor import Column, Decision, Handlers, Kept, Moment, Processor, Record
from schemas.events.channel_payloads import MatchRequested, PayloadReceived
from schemas.events.orders import (
    OrderAmended,
    OrderCancelled,
    OrderPaid,
    OrderPlaced,
    Payment,
    Promotion,
)
from schemas.events.quarantine import PayloadQuarantined, QuarantineProblem
from services.ingest import metrics
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels import Channel
from services.ingest.domain.matching import TRUSTING, Catalogue, Told
from services.ingest.domain.model import (
    CanonicalOrder,
    Normalised,
    OrderSnapshotState,
    PiiKind,
    Problem,
    ProblemCode,
)
from services.ingest.domain.snapshots import (
    Change,
    KnownOrder,
    Quarantine,
    Stale,
    read_snapshot,
)
from services.ingest.domain.text import address_is_vague
from services.ingest.matching import Freed, Parked, UnmatchedRows, decide_match, placed_as, told_of
from services.ingest.shanghai import business_day

DETAIL_CHARS_MAX = 200


class Personal(Struct, frozen=True, kw_only=True):
    """The personal block in clear. It exists in memory and under seal, nowhere else."""

    name: str
    phone: str
    address: str
    name_cipher: str
    phone_cipher: str
    address_cipher: str
    receiver_key: str
    buyer_memo: str
    seller_memo: str


class Arrival(Struct, frozen=True, kw_only=True):
    """One payload, opened and understood."""

    normalised: Normalised
    digest: str
    personal: bytes
    personal_digest: str
    receiver_key: str


def personal_block(order: CanonicalOrder) -> bytes:
    """The personal block of an order as JSON."""
    receiver = order.receiver
    return msgspec.json.encode(
        Personal(
            name=receiver.name,
            phone=receiver.phone,
            address=receiver.address,
            name_cipher=receiver.name_cipher,
            phone_cipher=receiver.phone_cipher,
            address_cipher=receiver.address_cipher,
            receiver_key=receiver.key,
            buyer_memo=order.buyer_memo,
            seller_memo=order.seller_memo,
        )
    )


class NormaliserFacts:
    """Facts of one batch."""

    def __init__(  # noqa: PLR0917 — each a fact, made in one place
        self,
        channels: Mapping[str, Channel],
        seal: PersonalSeal,
        arrivals: Mapping[tuple[int, int], Arrival],
        fresh_numbers: Sequence[int],
        wrapped_keys: Mapping[str, bytes],
        catalogue: Catalogue = TRUSTING,
    ) -> None:
        self.catalogue = catalogue
        self.unmatched = UnmatchedRows()
        self._channels = channels
        self._seal = seal
        self._arrivals = arrivals
        self._fresh_numbers = list(fresh_numbers)
        self._wrapped_keys = dict(wrapped_keys)
        self.new_keys: dict[str, bytes] = {}

    def apply(self, effect: Parked | Freed) -> None:
        """Keeps which orders wait for a mapping from now on, and which do not any more."""
        self.unmatched.apply(effect)

    def arrival(self, record: Record) -> Arrival:
        """The opened payload of a record."""
        return self._arrivals[record.partition, record.offset]

    def fresh_order_id(self, channel: str, day: date) -> str:
        """An id no order has: `<channel abbreviation><yyyymmdd><number>`."""
        return document_no(self._channels[channel].abbreviation, day, self._fresh_numbers.pop())

    def sealed(self, order_id: str, personal: bytes) -> bytes:
        """The personal block under the order's own key; an erased order's block is empty."""
        wrapped = self._wrapped_keys.get(order_id)
        if wrapped is None:
            sealed = self._seal.seal(personal, order_id)
            self.new_keys[order_id] = self._wrapped_keys[order_id] = sealed.wrapped_key
            return sealed.ciphertext
        ciphertext = self._seal.reseal(personal, order_id, wrapped)
        return b"" if isinstance(ciphertext, KeyDestroyed) else ciphertext


class NormaliserFactsSource:
    """Opens and normalises a batch, and takes as many order numbers as it may need."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        payloads: PayloadSeal,
        seal: PersonalSeal,
        catalogue: CatalogueReader,
    ) -> None:
        self._channels = channels
        self._payloads = payloads
        self._seal = seal
        self._catalogue = catalogue

    async def fetch(
        self, work: Any, records: Sequence[Record], kept: Mapping[str, Kept[KnownOrder]]
    ) -> NormaliserFacts:
        """One query for numbers, one for keys of orders that may be amended.

        The first also tells whether a mapping has changed; only then they are read again.
        """
        arrivals = {
            (r.partition, r.offset): self._arrival(r.event)
            for r in records
            if isinstance(r.event, PayloadReceived)
        }
        known_ids = [k.state.order_id for k in kept.values() if k.state and k.state.order_id]
        new = {r.key for r in records if r.key not in kept or not _order_id(kept[r.key])}
        numbers: list[int] = []
        if new or any(type(r.event) is MatchRequested for r in records):
            rows = await work.connection.fetch(
                "SELECT nextval('ingest.order_numbers') AS number, "
                "(SELECT revision FROM ingest.catalogue) AS revision FROM generate_series(1, $1)",
                max(1, len(new)),
            )
            numbers = [row["number"] for row in rows]
            await self._catalogue.catch_up(work.connection, rows[0]["revision"])
        wrapped: dict[str, bytes] = {}
        if known_ids:
            rows = await work.connection.fetch(
                "SELECT order_id, wrapped_key FROM chassis.personal_keys WHERE order_id = ANY($1::text[])",
                known_ids,
            )
            # A missing row means the person was erased: an empty key seals nothing any more.
            wrapped = dict.fromkeys(known_ids, b"") | {
                r["order_id"]: r["wrapped_key"] for r in rows
            }
        return NormaliserFacts(
            self._channels, self._seal, arrivals, numbers, wrapped, self._catalogue.catalogue
        )

    async def save(
        self, work: Any, facts: NormaliserFacts, kept: Mapping[str, Kept[KnownOrder]]
    ) -> None:
        """Keeps the keys of new orders, and which lines wait for a mapping."""
        del kept
        await facts.unmatched.save(work.connection)
        if facts.new_keys:
            await work.connection.copy_records_to_table(
                "personal_keys",
                schema_name="chassis",
                columns=["order_id", "wrapped_key"],
                records=list(facts.new_keys.items()),
            )

    async def committed(self, facts: NormaliserFacts) -> None:
        """Nothing to tell anyone."""
        del facts

    def _arrival(self, payload: PayloadReceived) -> Arrival:
        normalised = self._normalised(payload)
        order = normalised.order
        if order is None:
            return Arrival(
                normalised=normalised, digest="", personal=b"", personal_digest="", receiver_key=""
            )
        personal = personal_block(order)
        receiver = order.receiver
        who = receiver.key or f"{receiver.name}{receiver.phone}{receiver.address}"
        return Arrival(
            normalised=normalised,
            # Under a key, because the content has personal data and what is known is kept in clear.
            digest=self._seal.blind_index(msgspec.json.encode(order).decode(), "snapshot"),
            personal=personal,
            personal_digest=self._seal.blind_index(personal.decode(), "personal"),
            receiver_key=self._seal.blind_index(who, "receiver") if who else "",
        )

    def _normalised(self, payload: PayloadReceived) -> Normalised:
        channel = self._channels.get(payload.channel)
        if channel is None:
            return _unreadable(ProblemCode.NOT_AN_ORDER, f"no channel named {payload.channel}")
        try:
            body = self._payloads.open_payload(payload.body)
        except Invalid as error:
            return _unreadable(ProblemCode.GARBAGE, error.code)
        found = channel.normalise(body)
        if len(found) != 1:
            return _unreadable(ProblemCode.NOT_AN_ORDER, f"{len(found)} orders in one payload")
        return found[0]


def _unreadable(code: ProblemCode, detail: str) -> Normalised:
    return Normalised(order=None, problems=(Problem(code=code, detail=detail, blocks=True),))


def _order_id(kept: Kept[KnownOrder]) -> str:
    return kept.state.order_id if kept.state else ""


def decide_payload(
    known: KnownOrder | None, payload: PayloadReceived, facts: NormaliserFacts, moment: Moment
) -> Decision[KnownOrder]:
    """One arrival. Emits OrderPlaced/Paid/Amended/Cancelled, PayloadQuarantined, or nothing."""
    arrival = facts.arrival(moment.record)
    order = arrival.normalised.order
    if order is None:
        return _quarantined(known, payload, arrival.normalised.problems, moment)
    if order.order_no != payload.channel_order_no:
        mismatch = Problem(
            code=ProblemCode.ORDER_NO_MALFORMED, detail="not the order asked for", blocks=True
        )
        return _quarantined(known, payload, (mismatch,), moment)
    # The shop is ours to name: several spellings of one shop must not make two orders.
    order = replace(order, shop=payload.shop, channel=payload.channel)
    reading = read_snapshot(
        known,
        order,
        arrival.normalised.problems,
        digest=arrival.digest,
        personal_digest=arrival.personal_digest,
        order_id="",
    )
    match reading:
        case Stale():
            metrics.ARRIVALS.labels(payload.channel, "stale").inc()
            return Decision(state=known)
        case Quarantine(problems):
            return _quarantined(known, payload, problems, moment)
        case Change():
            decision = _changed(reading, order, payload, arrival, facts, moment)
            if known is not None and known.waiting and reading.known.waiting is None:
                return replace(decision, effects=(Freed(payload.source_key),))
            return decision


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
        payment = Payment(paid_at=_paid_at(order, moment), paid_fen=order.paid_fen)
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
        events.append(_amended(known, change.amended, order, arrival, facts, moment))
    if change.paid and not change.placed:
        events.append(
            OrderPaid(
                order_id=known.order_id,
                version=0,
                occurred_at=_paid_at(order, moment),
                paid_fen=order.paid_fen,
            )
        )
    if change.cancelled:
        refunded = order.state is OrderSnapshotState.CLOSED_REFUNDED
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
    )


def _amended(  # noqa: PLR0917
    known: KnownOrder,
    changed: tuple[str, ...],
    order: CanonicalOrder,
    arrival: Arrival,
    facts: NormaliserFacts,
    moment: Moment,
) -> OrderAmended:
    readable = order.receiver.pii is PiiKind.PLAIN
    # What this arrival says of the receiver may be less, or older, than what was told before.
    told = (order.receiver.pii, arrival.personal_digest)
    kept = told != (known.personal_kind, known.personal_digest)
    return OrderAmended(
        order_id=known.order_id,
        version=0,
        occurred_at=known.modified_at or moment.now,
        changed=changed,
        channel_state=known.raw_state,
        province=known.province,
        city=known.city,
        district=known.district,
        personal=b"" if kept else facts.sealed(known.order_id, arrival.personal),
        personal_kind=PiiKind.ABSENT if kept else order.receiver.pii,
        receiver_key="" if kept else arrival.receiver_key,
        address_vague=readable and address_is_vague(order.receiver.address),
        hold=known.hold,
    )


def _quarantined(
    known: KnownOrder | None,
    payload: PayloadReceived,
    problems: tuple[Problem, ...],
    moment: Moment,
) -> Decision[KnownOrder]:
    """Keeps every reason. What is known of an accepted order stays as it is."""
    kept = known or KnownOrder(
        channel=payload.channel, shop=payload.shop, channel_order_no=payload.channel_order_no
    )
    if kept.quarantine == problems:
        metrics.ARRIVALS.labels(payload.channel, "stale").inc()
        return Decision(state=kept)
    metrics.ARRIVALS.labels(payload.channel, "quarantined").inc()
    event = PayloadQuarantined(
        source_key=payload.source_key,
        version=0,
        occurred_at=moment.now,
        channel=payload.channel,
        shop=payload.shop,
        channel_order_no=payload.channel_order_no,
        problems=tuple(
            QuarantineProblem(code=p.code, detail=p.detail[:DETAIL_CHARS_MAX]) for p in problems
        ),
        evidence=moment.record.position(),
    )
    return Decision(state=replace(kept, quarantine=problems), events=(event,))


HANDLERS: Handlers = {PayloadReceived: decide_payload, MatchRequested: decide_match}

COLUMNS = (
    Column("order_id", "text", lambda known: known.order_id or None),
    Column("channel", "text", lambda known: known.channel),
    Column("shop", "text", lambda known: known.shop),
    Column("channel_order_no", "text", lambda known: known.channel_order_no),
    Column("quarantined", "boolean", lambda known: bool(known.quarantine) and not known.order_id),
    Column("modified_at", "timestamptz", lambda known: known.modified_at),
)


def normaliser(source: NormaliserFactsSource) -> Processor[KnownOrder]:
    """The processor over raw payloads."""
    return Processor(
        name="ingest",
        table="ingest.orders",
        state=KnownOrder,
        handlers=HANDLERS,
        columns=COLUMNS,
        facts=source,
        sources=("channel-payloads",),
    )
