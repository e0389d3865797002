"""What a service gives the chassis, and the fold over one batch.

A processor owns one kind of aggregate. It names pure decisions by record type:

    decide(state, event, facts, moment) -> Decision(state, events, effects)

The fold applies them record by record, in order, to aggregates that were loaded for the whole batch. It does
no I/O, so the same batch on the same aggregates always gives the same result. Around every decision it keeps
the second guard: per source topic and aggregate a version is applied once (smaller or equal: a duplicate,
skipped; a gap: parked until the missing event comes, which on compacted topics it never will). A command is
settled once by its `command_id`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from chassis.codec import Codec
from chassis.errors import Invalid, StartRefused
from chassis.ids import event_id_text
from schemas.events.command_results import CommandSettled

S = TypeVar("S")
F = TypeVar("F", bound="Facts")


class Record(Struct, frozen=True):
    """One record as it was consumed. `event` is None where this processor has no decision for its type.

    `invalid` is set, and key, version and event are empty, where the bytes could not be understood.
    """

    source: str
    """Topic domain, e.g. `orders`."""
    partition: int
    offset: int
    key: str
    version: int
    event: Struct | None
    raw: bytes
    raw_key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    invalid: str = ""

    def position(self) -> str:
        """Where the record stands: `source/partition/offset`."""
        return f"{self.source}/{self.partition}/{self.offset}"


class Kept(Struct, Generic[S]):
    """An aggregate with its bookkeeping, as it is stored."""

    state: S | None = None
    seen: dict[str, int] = {}
    """Source topic → newest version applied."""
    emitted: dict[str, int] = {}
    """Own topic → newest version given out."""


class Decision(Struct, Generic[S], frozen=True, kw_only=True):
    """What follows from one event. `refusal` is for commands: nothing else of the decision is applied."""

    state: S | None
    events: tuple[Struct, ...] = ()
    effects: tuple[object, ...] = ()
    refusal: str = ""
    result_id: str = ""
    others: tuple[tuple[str, S], ...] = ()
    """Aggregates of the same table that change with it, by key: whoever fetched the facts put them among `kept`,
    and sees to it that nobody else writes them meanwhile. An event about one of them bears a version of its own."""


class Moment(Struct, frozen=True):
    """When and on which basis a decision is taken."""

    now: datetime
    record: Record

    @property
    def basis(self) -> str:
        """Id of the event or command that led here."""
        command_id = getattr(self.record.event, "command_id", "")
        return command_id or event_id_text(
            self.record.source,
            self.record.key,
            self.record.version,
            type(self.record.event).__name__,
        )

    @property
    def actor(self) -> str:
        """Who asked: the actor of a command, otherwise the source topic."""
        return getattr(self.record.event, "actor", "") or self.record.source


class Facts(Protocol):
    """What a batch knows beside its aggregates: fetched once, changed by effects, saved once."""

    def apply(self, effect: object) -> None:
        """Takes one decision's effect into account for the decisions after it."""
        ...


class NoFacts:
    """For processors whose decisions need nothing but state and event."""

    def apply(self, effect: object) -> None:
        """There is nothing to change; an effect here is a programmer's error."""
        raise AssertionError(effect)


Decide = Callable[[Any, Any, Any, Moment], "Decision[Any]"]
Handlers = Mapping[type[Struct], Decide]


class Column(Struct, frozen=True):
    """A column beside the document, for queries and constraints. `value` reads it from the state."""

    name: str
    sql_type: str
    value: Callable[[Any], object]


class Appended(Struct, frozen=True, kw_only=True):
    """Rows that are only ever added to a table; they ride with the last statement of a batch.

    `columns`: name and SQL type of each, no arrays. A row has as many values.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    rows: Sequence[tuple[Any, ...]]


class Rewritten(Struct, frozen=True, kw_only=True):
    """Rows of a table that are changed by the last statement of a batch. They exist, and the batch holds their locks.

    `columns` as of `Appended`; the first `keys` of them say which row. `also` is SQL that every row is set to besides.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    keys: int
    rows: Sequence[tuple[Any, ...]]
    also: str = ""


def typed(names: Iterable[str], **sql_types: str) -> tuple[tuple[str, str], ...]:
    """Columns of `Appended` by these names; those without a type given are text."""
    return tuple((name, sql_types.get(name, "text")) for name in names)


class FactsSource(ABC, Generic[F]):
    """Fetches and saves the facts of a batch inside its transaction; to be inherited from."""

    opening: ClassVar[str] = ""
    """SQL without parameters that the transaction begins with, in the round trip of its BEGIN: locks, settings."""

    @abstractmethod
    async def fetch(self, work: Any, records: Sequence[Record], kept: dict[str, Kept[Any]]) -> F:
        """One round trip for the whole batch, after the aggregates were loaded. May add others to `kept`."""

    def appended(self, facts: F, kept: Mapping[str, Kept[Any]]) -> Sequence[Appended]:
        """What effects add to tables."""
        del facts, kept
        return ()

    def rewritten(self, facts: F, kept: Mapping[str, Kept[Any]]) -> Sequence[Rewritten]:
        """What effects change in rows of tables."""
        del facts, kept
        return ()

    async def save(self, work: Any, facts: F, kept: Mapping[str, Kept[Any]]) -> None:
        """Writes what neither of them can say, after the aggregates and before the commit."""

    async def committed(self, facts: F) -> None:
        """After the commit; may be lost in a crash, so it is only ever a hint to others."""


class Processor(Struct, Generic[S], frozen=True, kw_only=True):
    """One kind of aggregate and its decisions."""

    name: str
    """Consumer group and owner of the offsets."""
    table: str
    """`schema.table` with columns key, document, and `columns`."""
    state: Any
    """Type of the state (a Struct, or a union of tagged Structs)."""
    handlers: Handlers
    columns: tuple[Column, ...] = ()
    facts: FactsSource[Any] | None = None
    sources: tuple[str, ...] = ()
    """Topic domains consumed; the map (topics.toml) must say the same."""
    gather_ms: int = 0
    """How long records may gather at the broker before they are read: for those whom nobody waits for."""
    compacted: bool = False
    """Whether its topics are, and hold whole states: what is missing before a version is gone, and not waited for."""
    durable: bool = True
    """Whether a commit waits for the disk. Not where offsets and tables, lost together when the server dies before its
    log is on disk, are just projected again from the topics."""

    def check(self, consumed: Iterable[str]) -> None:
        """Raises StartRefused when handlers and the topic map disagree."""
        wanted = {str(event.TOPIC) for event in self.handlers}  # type: ignore[attr-defined]
        if missing := wanted - set(consumed):
            raise StartRefused(
                f"{self.name} handles records of {sorted(missing)}, which schemas/topics.toml does not give it"
            )


class Emitted(Struct, frozen=True, array_like=True):
    """One record on its way out."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Folded(Struct):
    """What a batch came to."""

    emitted: list[Emitted] = []
    settled: list[CommandSettled] = []
    parked: list[Record] = []
    unparked: list[Record] = []
    dead: list[tuple[Record, str]] = []
    touched: set[str] = set()
    applied: int = 0
    duplicates: int = 0
    ignored: int = 0


class Known(Struct, kw_only=True):
    """What was loaded for a batch. `facts` is what the processor's FactsSource fetched."""

    facts: Any = None
    kept: dict[str, Kept[Any]]
    parked: dict[tuple[str, str], list[Record]] = {}
    settled: dict[str, CommandSettled] = {}


CONTENT_TYPE = ("content-type", b"application/avro")
SPEC_VERSION = ("ce_specversion", b"1.0")


def fold(
    processor: Processor[Any],
    codec: Codec,
    records: Sequence[Record],
    known: Known,
    now: datetime,
) -> Folded:
    """Applies a batch in order. Changes `known` (aggregates, facts) in place and returns the rest."""
    folding = _Fold(processor, codec, known, now)
    for record in records:
        if record.invalid:
            folding.folded.dead.append((record, record.invalid))
            continue
        folding.take(record)
        if known.parked:
            folding.take_parked(record.source, record.key)
    return folding.folded


class _Fold:
    """One run over one batch."""

    __slots__ = ("_codec", "_known", "_now", "_processor", "folded")

    def __init__(
        self, processor: Processor[Any], codec: Codec, known: Known, now: datetime
    ) -> None:
        self._processor = processor
        self._codec = codec
        self._known = known
        self._now = now
        self.folded = Folded()

    def take(self, record: Record) -> None:
        """Applies one record, or skips, parks or buries it."""
        folded = self.folded
        kept = self._known.kept.get(record.key)
        if kept is None:
            kept = self._known.kept[record.key] = Kept()
        if record.version:
            newest = kept.seen.get(record.source, 0)
            if record.version <= newest:
                folded.duplicates += 1
                return
            if record.version > newest + 1 and not self._processor.compacted:
                self._park(record)
                return
        if record.event is None:
            folded.ignored += 1
            if record.version:
                kept.seen[record.source] = record.version
                folded.touched.add(record.key)
            return
        command_id: str | None = getattr(record.event, "command_id", None)
        if command_id is not None and (before := self._known.settled.get(command_id)) is not None:
            folded.duplicates += 1
            folded.settled.append(before)
            return
        self._decide(record, kept, command_id)

    def take_parked(self, source: str, key: str) -> None:
        """Applies what waited for the version that has just come."""
        waiting = self._known.parked.get((source, key))
        kept = self._known.kept[key]
        while waiting and waiting[0].version <= kept.seen.get(source, 0) + 1:
            record = waiting.pop(0)
            self.folded.unparked.append(record)
            self.take(record)

    def _park(self, record: Record) -> None:
        self.folded.parked.append(record)
        waiting = self._known.parked.setdefault((record.source, record.key), [])
        waiting.append(record)
        waiting.sort(key=lambda parked: parked.version)

    def _decide(self, record: Record, kept: Kept[Any], command_id: str | None) -> None:
        folded = self.folded
        event: Any = record.event
        decide = self._processor.handlers[type(event)]
        try:
            decision = decide(kept.state, event, self._known.facts, Moment(self._now, record))
        except Invalid as error:
            # The version is not taken as seen: what follows is parked until this one is redriven.
            folded.dead.append((record, error.code))
            return
        folded.applied += 1
        if not decision.refusal or decision.events or record.version:
            folded.touched.add(record.key)
        if record.version:
            kept.seen[record.source] = record.version
        if not decision.refusal:
            kept.state = decision.state
        for effect in decision.effects:
            self._known.facts.apply(effect)
        for key, state in decision.others:
            self._known.kept[key].state = state
            folded.touched.add(key)
        for event in decision.events:
            folded.emitted.append(self._emit(kept, record, event, decision.others))
        if command_id is not None:
            settled = CommandSettled(
                command_id=command_id,
                settled_at=self._now,
                outcome="refused" if decision.refusal else "done",
                reason=decision.refusal,
                result_id=decision.result_id,
            )
            self._known.settled[command_id] = settled
            folded.settled.append(settled)

    def _emit(
        self, kept: Kept[Any], cause: Record, event: Struct, others: tuple[tuple[str, Any], ...]
    ) -> Emitted:
        record: Any = type(event)
        key: str = getattr(event, record.__struct_fields__[0])
        if others and any(key == other for other, _ in others):
            kept = self._known.kept[key]
        version = kept.emitted.get(record.TOPIC, 0) + 1
        kept.emitted[record.TOPIC] = version
        event_id = event_id_text(record.TOPIC, key, version, record.__name__)
        return Emitted(
            topic=record.TOPIC,
            key=key,
            value=self._codec.encode(event, version),
            headers=headers(event, event_id, key, self._processor.name, cause.position()),
        )


def headers(
    event: Struct, event_id: str, subject: str, producer: str, cause: str
) -> tuple[tuple[str, bytes], ...]:
    """CloudEvents 1.0 Kafka binding, binary mode, with causation as `source/partition/offset`."""
    about = subject.encode()
    return (
        CONTENT_TYPE,
        SPEC_VERSION,
        ("ce_id", event_id.encode()),
        *_of_all(type(event), producer),
        ("ce_subject", about),
        _time(getattr(event, "occurred_at", None)),
        ("ce_correlationid", about),
        ("ce_causationid", cause.encode()),
    )


@cache
def _of_all(record: Any, producer: str) -> tuple[tuple[str, bytes], ...]:
    """What all records of a type have in common."""
    return ("ce_type", record.FULL_NAME.encode()), ("ce_source", b"/danshu/" + producer.encode())


@lru_cache(maxsize=16)
def _time(happened: datetime | None) -> tuple[str, bytes]:
    """Most events of a batch happen at one moment."""
    return "ce_time", happened.isoformat().encode() if happened else b""


def encode_document(kept: Kept[Any]) -> str:
    """The stored form of an aggregate: JSON, so that people can read it with SQL."""
    return msgspec.json.encode(kept).decode()
