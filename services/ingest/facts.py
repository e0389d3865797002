"""The facts of a batch of the normaliser: what needs keys, randomness or the database.

Payloads opened and understood, fresh order ids, sealed personal blocks, the SKUs that lines are matched by, and the
entries of the quarantine that the batch's orders have. Effects change entries and waits; both are saved with the batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.crypto import KeyDestroyed, PayloadSeal, PersonalSeal
from chassis.errors import Invalid
from chassis.ids import document_no
from chassis.processor import Appended, FactsSource, Kept, Record
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.commands_ingest_payloads import (
    CorrectQuarantined,
    DiscardQuarantined,
    ReadPayloadAgain,
    ReleaseQuarantined,
)
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels import Channel
from services.ingest.correcting import corrected
from services.ingest.domain.abandoned import Abandoned
from services.ingest.domain.correction import Correction, receiver_since
from services.ingest.domain.evidence import Evidence, WithoutPayload, with_versions
from services.ingest.domain.extensions import personal_of
from services.ingest.domain.matching import TRUSTING, Catalogue
from services.ingest.domain.model import CanonicalOrder, Normalised, PiiKind, Problem, ProblemCode
from services.ingest.domain.quarantine import Deed, Entry, Keep
from services.ingest.domain.receivers import marks_of
from services.ingest.domain.snapshots import (
    NEVER,
    PARTLY_SHIPPED_ELSEWHERE,
    KnownOrder,
    Since,
    hold_of,
)
from services.ingest.domain.text import Label, label_of
from services.ingest.imports import reader as imports
from services.ingest.matching import Freed, Parked, UnmatchedRows
from services.ingest.returns import Returned, keep_returns
from services.ingest.sent_lines import sent_lines
from services.ingest.shared import ABANDONED_DOOR
from services.ingest.store import appended_evidence, load_entries, save_entries

_NAMELESS_DIGEST_CHARS = 16
_abandoned = msgspec.json.Decoder(Abandoned)
_corrections = msgspec.json.Decoder(tuple[Correction, ...])
Command = CorrectQuarantined | ReleaseQuarantined | DiscardQuarantined


class Personal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The personal block in clear. It exists in memory and under seal, nowhere else.

    `label_*` are what is printed where a label cannot show the original, which stays as the channel told it.
    `extension` is what of the channel's extension tells of a person, by field.
    """

    name: str
    phone: str
    address: str
    name_cipher: str
    phone_cipher: str
    address_cipher: str
    receiver_key: str
    buyer_memo: str
    seller_memo: str
    label_name: str = ""
    label_phone: str = ""
    label_address: str = ""
    extension: tuple[tuple[str, str], ...] = ()


class Arrival(Struct, frozen=True, kw_only=True):
    """One payload, opened and understood. `sha256` is of the native bytes; empty where they do not open.

    `digest` is keyed and equal only for equal contents, as they were understood. `receiver_key` is equal for one receiver
    of several orders, `receiver_digest` for one receiver of this order.
    """

    normalised: Normalised
    digest: str
    personal: bytes
    personal_digest: str
    receiver_key: str
    receiver_digest: str
    sha256: bytes
    since: Since = NEVER
    """How the channel's word stands to a corrected receiver."""


def personal_block(order: CanonicalOrder) -> bytes:
    """The personal block of an order as JSON."""
    receiver = order.receiver
    label = Label()
    if receiver.pii is PiiKind.PLAIN:
        region = (receiver.province, receiver.city, receiver.district)
        label = label_of(receiver.name, receiver.phone, receiver.address, region)
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
            label_name=label.name,
            label_phone=label.phone,
            label_address=label.address,
            extension=personal_of(order.extensions),
        )
    )


def entry_key(payload: PayloadReceived, arrival: Arrival) -> str:
    """The key of the entry a payload belongs to. A content without an order number has one of its own."""
    if payload.channel_order_no:
        return payload.source_key
    return f"{payload.source_key}#{arrival.digest[:_NAMELESS_DIGEST_CHARS]}"


class Reader:
    """Opens payloads with our keys and reads them by today's mapping. Pure but for the keys it holds."""

    def __init__(
        self, channels: Mapping[str, Channel], payloads: PayloadSeal, seal: PersonalSeal
    ) -> None:
        self.channels = channels
        self.payloads = payloads
        self.seal = seal

    def arrival(self, payload: PayloadReceived) -> Arrival:
        """A payload, understood. What cannot be opened or read has no order, and the reason."""
        channel = self.channels.get(payload.channel)
        if channel is None:
            return self.understood(_unreadable(f"no channel named {payload.channel}"), b"")
        try:
            body = self.payloads.open_payload(payload.body)
        except Invalid as error:
            return self.understood(_unreadable(error.code, ProblemCode.GARBAGE), b"")
        if payload.door == ABANDONED_DOOR:
            gone = Normalised(order=None, problems=(_abandoned.decode(body).problem(),))
            return self.understood(gone, hashlib.sha256(body).digest())
        found = (
            imports.normalise(body, channel.name)
            if imports.is_import(payload.door, body)
            else channel.normalise(body)
        )
        one = found[0] if len(found) == 1 else _unreadable(f"{len(found)} orders in one payload")
        return self.understood(one, hashlib.sha256(body).digest())

    def understood(self, normalised: Normalised, sha256: bytes) -> Arrival:
        """What a canonical order comes to for the decisions."""
        order = normalised.order
        if order is None:
            return Arrival(
                normalised=normalised,
                digest=self.seal.blind_index(sha256.hex(), "unread"),
                personal=b"",
                personal_digest="",
                receiver_key="",
                receiver_digest="",
                sha256=sha256,
            )
        personal = personal_block(order)
        receiver = order.receiver
        who = receiver.key or f"{receiver.name}{receiver.phone}{receiver.address}"
        marks = marks_of(receiver)
        return Arrival(
            normalised=normalised,
            # Under a key, because the content has personal data and what is known is kept in clear.
            digest=self.seal.blind_index(msgspec.json.encode(order).decode(), "snapshot"),
            personal=personal,
            personal_digest=self.seal.blind_index(personal.decode(), "personal"),
            receiver_key=self.seal.blind_index(who, "receiver") if who else "",
            receiver_digest=self.seal.blind_index(marks, "receiver marks") if marks else "",
            sha256=sha256,
        )


def opened_corrections(
    reader: Reader, sealed: bytes, order_id: str, wrapped_key: bytes | None
) -> tuple[Correction, ...]:
    """Kept corrections, which `wrapped_key` seals once the order has an id; none where the person was erased."""
    if not sealed:
        return ()
    if not order_id:
        return _corrections.decode(reader.payloads.open_payload(sealed))
    block = reader.seal.open_block(sealed, order_id, wrapped_key)
    return () if isinstance(block, KeyDestroyed) else _corrections.decode(block)


class NormaliserFacts:
    """Facts of one batch."""

    def __init__(  # noqa: PLR0917 — each a fact, made in one place
        self,
        reader: Reader,
        arrivals: Mapping[tuple[int, int], Arrival],
        fresh_numbers: Sequence[int],
        wrapped_keys: Mapping[str, bytes],
        entries: Mapping[str, Entry],
        catalogue: Catalogue = TRUSTING,
        sent: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        self.catalogue = catalogue
        self.sent = sent
        """By channel order, the lines that have left from us; asked for only where the channel says that some have left."""
        self.unmatched = UnmatchedRows()
        self._reader = reader
        self._arrivals = arrivals
        self._fresh_numbers = list(fresh_numbers)
        self._wrapped_keys = dict(wrapped_keys)
        self._entries = dict(entries)
        self.new_keys: dict[str, bytes] = {}
        self.changed: dict[str, Entry] = {}
        self.deeds: list[Deed] = []
        self.returns: list[Returned] = []
        self.seen: list[Evidence | WithoutPayload] = []

    def apply(self, effect: object) -> None:
        """A payload was taken, an entry of the quarantine changed, or what waits for a mapping."""
        if isinstance(effect, Evidence | WithoutPayload):
            self.seen.append(effect)
            return
        if isinstance(effect, Parked | Freed):
            self.unmatched.apply(effect)
            return
        if isinstance(effect, Returned):
            self.returns.append(effect)
            return
        if isinstance(effect, Deed):
            self.deeds.append(effect)
            return
        if not isinstance(effect, Keep):
            raise AssertionError(effect)  # noqa: TRY004 — a programmer's error
        self._entries[effect.entry.key] = self.changed[effect.entry.key] = effect.entry
        if effect.deed is not None:
            self.deeds.append(effect.deed)

    def arrival(self, record: Record) -> Arrival:
        """The opened payload of a record."""
        return self._arrivals[record.partition, record.offset]

    def entry(self, key: str) -> Entry | None:
        """The entry of an order which has one."""
        return self._entries.get(key)

    def again(self, payload: PayloadReceived) -> Arrival:
        """A payload that was set aside, by today's mapping."""
        return self._reader.arrival(payload)

    def corrected(self, arrival: Arrival, corrections: Sequence[Correction]) -> Arrival:
        """The arrival with the corrections that hold for it; itself where none does."""
        order = arrival.normalised.order
        if order is None or not corrections:
            return arrival
        mended = corrected(arrival.normalised, corrections)
        if mended is not arrival.normalised:
            arrival = self._reader.understood(mended, arrival.sha256)
        return replace(arrival, since=receiver_since(order, corrections))

    def opened_patch(self, sealed: bytes) -> bytes:
        """The JSON of a command's patch. Raises SealBroken."""
        return self._reader.payloads.open_payload(sealed)

    def sealed_corrections(self, corrections: Sequence[Correction], order_id: str) -> bytes:
        """Corrections for keeping: under the order's own key, so that erasing the person erases them."""
        block = msgspec.json.encode(corrections)
        return (
            self.sealed(order_id, block) if order_id else self._reader.payloads.seal_payload(block)
        )

    def opened_corrections(self, sealed: bytes, order_id: str) -> tuple[Correction, ...]:
        """Kept corrections; none where the person was erased."""
        wrapped = self._wrapped_keys.get(order_id)
        return opened_corrections(self._reader, sealed, order_id, wrapped)

    def fresh_order_id(self, channel: str, day: date) -> str:
        """An id no order has: `<channel abbreviation><yyyymmdd><number>`."""
        abbreviation = self._reader.channels[channel].abbreviation
        return document_no(abbreviation, day, self._fresh_numbers.pop())

    def closable(self, channel: str) -> bool:
        """Whether a seller can close an order on the channel."""
        return self._reader.channels[channel].cancelling is not None

    def sealed(self, order_id: str, personal: bytes) -> bytes:
        """The personal block under the order's own key; an erased order's block is empty."""
        wrapped = self._wrapped_keys.get(order_id)
        if wrapped is None:
            sealed = self._reader.seal.seal(personal, order_id)
            self.new_keys[order_id] = self._wrapped_keys[order_id] = sealed.wrapped_key
            return sealed.ciphertext
        ciphertext = self._reader.seal.reseal(personal, order_id, wrapped)
        return b"" if isinstance(ciphertext, KeyDestroyed) else ciphertext


class NormaliserFactsSource(FactsSource[NormaliserFacts]):
    """Opens and normalises a batch, and takes as many order numbers as it may need."""

    def __init__(self, reader: Reader, catalogue: CatalogueReader) -> None:
        self._reader = reader
        self._catalogue = catalogue

    async def fetch(
        self, work: Any, records: Sequence[Record], kept: Mapping[str, Kept[KnownOrder]]
    ) -> NormaliserFacts:
        """One query for numbers, one for keys of orders that may be amended; for entries, and for parcels of ours, if
        they are of concern.

        The first also tells whether a mapping has changed; only then they are read again.
        """
        arrivals = {
            (r.partition, r.offset): self._reader.arrival(r.event)
            for r in records
            if isinstance(r.event, PayloadReceived)
        }
        known_ids = [k.state.order_id for k in kept.values() if k.state and k.state.order_id]
        new = {r.key for r in records if r.key not in kept or not _order_id(kept[r.key])}
        numbers: list[int] = []
        if new or any([k.state is not None and k.state.waiting is not None for k in kept.values()]):  # noqa: C419 — every batch
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
        entries: Mapping[str, Entry] = {}
        if wanted := _entries_of(records, arrivals, kept):
            entries = await load_entries(work.connection, wanted)
        sent: Mapping[str, Collection[str]] = {}
        if partly := _partly_left(records, arrivals, kept):
            sent = await sent_lines(work.connection, partly)
        return NormaliserFacts(
            self._reader, arrivals, numbers, wrapped, entries, self._catalogue.catalogue, sent
        )

    def appended(
        self, facts: NormaliserFacts, kept: Mapping[str, Kept[KnownOrder]]
    ) -> Sequence[Appended]:
        """The keys of new orders, and the evidence."""
        newest = {key: one.emitted.get("orders", 0) for key, one in kept.items()}
        return [
            Appended(
                table="chassis.personal_keys",
                columns=(("order_id", "text"), ("wrapped_key", "bytea")),
                rows=list(facts.new_keys.items()),
            ),
            appended_evidence(with_versions(facts.seen, newest)),
        ]

    async def save(
        self, work: Any, facts: NormaliserFacts, kept: Mapping[str, Kept[KnownOrder]]
    ) -> None:
        """Keeps which lines wait, and the entries that changed."""
        del kept
        await facts.unmatched.save(work.connection)
        if facts.returns:
            await keep_returns(work.connection, facts.returns)
        if facts.changed or facts.deeds:
            await save_entries(work.connection, list(facts.changed.values()), facts.deeds)


def _entries_of(
    records: Sequence[Record],
    arrivals: Mapping[tuple[int, int], Arrival],
    kept: Mapping[str, Kept[KnownOrder]],
) -> set[str]:
    """Keys of the entries a batch may touch: almost always none."""
    wanted = set()
    for record in records:
        event = record.event
        if isinstance(event, Command):
            wanted.add(event.entry_key)
        if isinstance(event, ReadPayloadAgain):
            wanted.add(event.source_key)
        one = kept.get(record.key)
        if one and one.state and one.state.set_aside and isinstance(event, PayloadReceived):
            wanted.add(entry_key(event, arrivals[record.partition, record.offset]))
    return wanted


def _partly_left(
    records: Sequence[Record],
    arrivals: Mapping[tuple[int, int], Arrival],
    kept: Mapping[str, Kept[KnownOrder]],
) -> set[str]:
    """Known orders of which a part has left, by the channel, or may have: few, as most leave in one parcel."""
    found = set()
    for record in records:
        if record.key not in kept or not _order_id(kept[record.key]):
            continue
        arrival = arrivals.get((record.partition, record.offset))
        order = arrival.normalised.order if arrival is not None else None
        # A command's payload is opened only where it is decided.
        unread = isinstance(record.event, Command | ReadPayloadAgain)
        if unread or (order is not None and hold_of(order) == PARTLY_SHIPPED_ELSEWHERE):
            found.add(record.key)
    return found


def _unreadable(detail: str, code: ProblemCode = ProblemCode.NOT_AN_ORDER) -> Normalised:
    return Normalised(order=None, problems=(Problem(code=code, detail=detail, blocks=True),))


def _order_id(kept: Kept[KnownOrder]) -> str:
    return kept.state.order_id if kept.state else ""
