"""An order by today's mapping, from the payloads that are still kept, against what is stored of it.

Pure. The payloads go through the same decision as when they came, one after the other, with the corrections that
stand; nothing of it is kept or told. Texts about a person are never compared by content: they read the same or not.
Lines are compared as the channel sold them: which SKUs of ours they were matched by is no reading of a payload.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chassis.processor import Moment, Record
from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import ChannelExtension, OrderLine, OrderPlaced
from services.ingest.domain.extensions import EXTENSION, changed_fields, record_of
from services.ingest.domain.matching import in_channel_pieces
from services.ingest.domain.model import Extension
from services.ingest.domain.quarantine import Entry
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import NormaliserFacts, Reader, entry_key
from services.ingest.normalise import decide_payload

# What later snapshots do not change, so that it takes the first ones to say it.
_FROM_THE_FIRST = ("paid", "cancelled", "lines")
_FROM_THE_NEWEST = (
    "modified_at", "state", "raw_state", "hold", "province", "city", "district", "personal_kind",
)  # fmt: skip
_TOLD = (
    "channel_state", "payable_fen", "freight_fen", "discount_fen", "currency", "promotions",
    "province", "city", "district", "personal_kind", "receiver_key", "address_vague", "hold", "problems",
    "ship_by", "payment",
)  # fmt: skip


class Taken(Struct, frozen=True, kw_only=True):
    """A payload where it stands on its topic."""

    position: str
    payload: PayloadReceived

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset."""
        return place_of(self.position)


def place_of(position: str) -> tuple[int, int]:
    """Partition and offset of `topic/partition/offset`."""
    _, partition, offset = position.rsplit("/", 2)
    return int(partition), int(offset)


class Difference(Struct, frozen=True, kw_only=True):
    """One field that reads otherwise today. Values as JSON."""

    field: str
    stored: str
    today: str


class Replay(Struct, frozen=True, kw_only=True):
    """One order. `missing` payloads are no longer kept: what only they could say was not compared."""

    source_key: str
    order_id: str
    payloads: int
    missing: int
    differences: tuple[Difference, ...]


class Today(Struct, frozen=True, kw_only=True):
    """What the payloads come to by today's mapping."""

    known: KnownOrder | None
    placed: OrderPlaced | None
    extension: Extension | None


def by_todays_mapping(
    reader: Reader,
    payloads: Sequence[Taken],
    entries: Mapping[str, Entry],
    wrapped_keys: Mapping[str, bytes],
    now: datetime,
    *,
    sent: Collection[str] = (),
) -> Today:
    """Takes the payloads of one order in, in the order of their places. `sent`: the lines that have left from us."""
    known, placed, extension = None, None, None
    # An import has no modified time: whatever the channel told is newer.
    newest = before_all = datetime.min.replace(tzinfo=now.tzinfo)
    for taken in sorted(payloads, key=lambda one: one.place):
        partition, offset = taken.place
        payload = taken.payload
        arrival = reader.arrival(payload)
        record = Record("channel-payloads", partition, offset, payload.source_key, 0, payload, b"")
        entry = entries.get(entry_key(payload, arrival))
        # What waits here waits only for a person; it must not keep a repeat from being read again.
        standing = {entry.key: entry} if entry is not None and not entry.waits else {}
        facts = NormaliserFacts(
            reader,
            {taken.place: arrival},
            [0],
            wrapped_keys,
            standing,
            sent={payload.source_key: sent},
        )
        decision = decide_payload(known, payload, facts, Moment(now, record))
        known = decision.state
        placed = next((e for e in decision.events if isinstance(e, OrderPlaced)), placed)
        order = arrival.normalised.order
        if order is not None and (order.times.modified or before_all) >= newest:
            newest, extension = order.times.modified or before_all, order.extensions
    return Today(known=known, placed=placed, extension=extension)


def compared(
    stored: KnownOrder, told: OrderPlaced | None, today: Today, *, whole: bool
) -> tuple[Difference, ...]:
    """What reads otherwise. `whole`: all payloads are still kept, so that the first ones count, too.

    `told` is what was told when the order was placed; None where that is no longer kept either.
    """
    if today.known is None:
        return ()
    known = today.known
    fields = (*_FROM_THE_NEWEST, *(_FROM_THE_FIRST if whole else ()))
    found = [
        _difference(name, _stored_at(stored, name), _stored_at(known, name))
        for name in fields
        # An order that cannot be worked with has no content to compare.
        if stored.order_id or known.order_id
    ]
    found += _extension(stored.extension, known.extension)
    if whole and stored.personal_digest != known.personal_digest:
        found.append(Difference(field="personal", stored="", today="reads differently"))
    before = [problem.code for problem in stored.quarantine]
    after = [problem.code for problem in known.quarantine]
    found.append(_difference("quarantine", before, after))
    if told is not None and today.placed is not None and whole:
        found += _lines(_as_sold(told.lines), _as_sold(today.placed.lines))
        opened = any(line.mapped is not None for line in told.lines)
        for name in _TOLD:
            # The unit prices of a bundle's components are rounded up, and the discount takes that back.
            if not (opened and name == "discount_fen"):
                was, reads = getattr(told, name), getattr(today.placed, name)
                found.append(_difference(f"placed.{name}", was, reads))
    kept = tuple(one for one in found if one is not None)
    if not kept and stored.digest and known.digest and stored.digest != known.digest:
        return (Difference(field="content", stored="", today="reads differently elsewhere"),)
    return kept


def _extension(
    was: ChannelExtension | None, reads: ChannelExtension | None
) -> list[Difference | None]:
    stored, today = record_of(was), record_of(reads)
    names = changed_fields(was, reads)
    if names == (EXTENSION,):
        return [_difference(EXTENSION, stored, today)]
    fields = [(name, name.removeprefix(f"{EXTENSION}.")) for name in names]
    return [_difference(name, getattr(stored, f), getattr(today, f)) for name, f in fields]


def _stored_at(known: KnownOrder, name: str) -> object:
    if name == "lines":
        return in_channel_pieces(known.lines, dict(known.mapped))
    return getattr(known, name)


def _as_sold(lines: Sequence[OrderLine]) -> list[dict[str, object]]:
    """The channel's own lines behind lines of ours; of one that a mapping opened, all but its prices a piece."""
    sold: dict[str, dict[str, Any]] = {}
    for line in lines:
        found: dict[str, Any] = {
            name: getattr(line, name)
            for name in ("channel_line_id", "channel_sku_id", "title", "quantity", "paid_fen")
        }
        if line.mapped is None:
            found["merchant_code"] = line.unmatched.merchant_code if line.unmatched else line.sku
            for name in ("unit_price_fen", "discount_fen", "is_gift"):
                found[name] = getattr(line, name)
        else:
            found["merchant_code"] = line.mapped.merchant_code
            found["quantity"] = line.mapped.quantity
            if before := sold.get(line.channel_line_id):
                found["paid_fen"] += before["paid_fen"]
        sold[line.channel_line_id] = found
    return list(sold.values())


def _lines(
    was: Sequence[dict[str, object]], reads: Sequence[dict[str, object]]
) -> list[Difference | None]:
    found = [_difference("placed.lines", len(was), len(reads))]
    for number, (one, other) in enumerate(zip(was, reads, strict=False), start=1):
        names = [name for name in one if name in other]
        found += [_difference(f"placed.lines.{number}.{n}", one[n], other[n]) for n in names]
    return found


def _difference(field: str, stored: object, today: object) -> Difference | None:
    was, reads = msgspec.json.encode(stored).decode(), msgspec.json.encode(today).decode()
    return None if was == reads else Difference(field=field, stored=was, today=reads)
