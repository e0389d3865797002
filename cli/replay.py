"""`danshu ingest show | replay`: what an order was made from, and what today's mapping makes of it.

Guarantees: nothing is written or told, except by `replay --apply`, which asks the order's one writer by commands whose
ids derive from payload and reading, so that the same asked twice is done once. Both read Postgres and Kafka directly
and open payloads with `DANSHU_MASTER_KEYS`. Exit status 0: done, with or without differences; 1: not reached, or
something was not applied; 2: no such order.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, NoReturn

import msgspec
import typer
from msgspec import Struct
from rich.table import Table

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.commands import CommandDesk
from chassis.crypto import MasterKeys, PayloadSeal, PersonalSeal
from chassis.ids import request_id
from chassis.plugins import load
from chassis.postgres import Connection
from chassis.processor import Kept
from chassis.producer import Publisher
from chassis.registry import codec_asking
from cli import printing
from cli.login import login
from cli.reach import database, run, settings
from schemas.events.command_results import CommandSettled
from schemas.events.commands_ingest_payloads import ReadPayloadAgain
from schemas.events.orders import ChannelExtension
from services.ingest.archive import archived
from services.ingest.channels import Channel
from services.ingest.domain.evidence import Evidence
from services.ingest.domain.extensions import as_json, personal_fields
from services.ingest.domain.model import Extension
from services.ingest.domain.quarantine import Entry
from services.ingest.domain.snapshots import KnownOrder
from services.ingest.facts import Reader
from services.ingest.keeping import Keeping
from services.ingest.quarantine_views import Summary, summary
from services.ingest.replaying import Replay, Taken, Today, by_todays_mapping, compared
from services.ingest.sent_lines import sent_lines
from services.ingest.store import load_entries, read_evidence

NOT_APPLIED: Final = 1
UNKNOWN: Final = 2
ANSWER_TIMEOUT_S: Final = 10.0
ORDERS_MAX: Final = 10_000
EARLY: Final = timedelta(minutes=5)
"""How much sooner than its evidence an order may have been told: clocks differ."""

OrderName = Annotated[
    str, typer.Argument(metavar="ORDER", help="Our order id, or the channel's order number.")
]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
_known: msgspec.json.Decoder[Kept[KnownOrder]] = msgspec.json.Decoder(Kept[KnownOrder])


class Seen(Struct, frozen=True, kw_only=True):
    """One arrival. `kept`: the topic or the archive has its payload."""

    position: str
    sha256: str
    door: str
    accepted_at: datetime
    taken_at: datetime
    modified_at: datetime | None
    outcome: str
    order_version: int
    kept: bool


class Shown(Struct, frozen=True, kw_only=True):
    """What ingest knows of one channel order, without anything personal."""

    source_key: str
    order_id: str
    channel: str
    shop: str
    channel_order_no: str
    state: str
    channel_state: str
    hold: str
    modified_at: datetime | None
    paid: bool
    cancelled: bool
    region: tuple[str, str, str]
    receiver_kind: str
    lines: tuple[tuple[str, int], ...]
    returns: str
    """The sale whose goods it takes back, where it is a store's return and no order."""
    problems: tuple[str, ...]
    extension: dict[str, Any] | None
    """What only this channel has, as it was told; by today's mapping where the order was not taken in. What tells of a
    person is read from the newest payload that is still kept."""
    snapshots: tuple[Seen, ...]
    quarantine: tuple[Summary, ...]


class Stored(Struct, frozen=True, kw_only=True):
    """Everything kept of one order."""

    key: str
    known: KnownOrder
    evidence: tuple[Evidence, ...]
    entries: dict[str, Entry]
    wrapped_keys: dict[str, bytes]
    sent: frozenset[str] = frozenset()


def show(
    order: OrderName,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="What tells of the buyer in the extension, too.")
    ] = False,
) -> None:
    """Print what is known of an order as JSON: ids, snapshots with their evidence, problems, extension."""
    found = [_shown(one, reveal=reveal) for one in _stored([order])]
    if not found:
        _unknown(order)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found).decode(), indent=2) + "\n")


def replay(  # noqa: PLR0917 — each is an option of the command
    order: Annotated[str, typer.Argument(metavar="[ORDER]", help="As for show.")] = "",
    since: Annotated[
        datetime | None, typer.Option("--since", help="Orders whose payloads came since, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--until", help="… and before, UTC.")] = None,
    channel: Annotated[str, typer.Option("--channel", "-c", help="Only of this one.")] = "",
    as_json: AsJson = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Have what reads otherwise taken in; needs --reason.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit.")] = "",
    actor: Annotated[str, typer.Option("--actor", help="Who; your login unless given.")] = "",
) -> None:
    """Read kept payloads by today's mapping and say what reads otherwise than it is stored."""
    if bool(order) is (since is not None):
        raise typer.BadParameter("give either an order or --since")
    if apply and not reason.strip():
        raise typer.BadParameter("--apply needs a --reason")
    names = [order] if order else _keys_between(since, until, channel)
    stored = _stored(names)
    if order and not stored:
        _unknown(order)
    found = _replayed(stored)
    if as_json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _print(found)
    if apply and not run(_apply(stored, found, actor or f"cli:{login()}", reason)):
        raise typer.Exit(NOT_APPLIED)


async def _apply(
    stored: Sequence[Stored], found: Sequence[Replay], actor: str, reason: str
) -> bool:
    """Asks for what reads otherwise, one order after the other; whether all of it was done."""
    differing = {one.source_key for one in found if one.differences}
    asked = [one for one in stored if one.key in differing and one.known.order_id]
    publisher = Publisher(settings().kafka(), settings().topic_prefix)
    desk = CommandDesk(publisher, codec(), "cli")
    keeping, reader, all_done = _keeping(), _reader(), True
    try:
        await desk.listen(settings().kafka(), settings().topic_prefix)
        for one in asked:
            async with database(settings().postgres_url.get_secret_value()) as connection:
                taken = _newest(reader, one, await _payloads(connection, keeping, one))
            if taken is None:
                typer.echo(f"{one.key}: its newest payload is not kept any more", err=True)
                all_done = False
                continue
            answer = await desk.ask(_command(reader, taken, actor, reason), ANSWER_TIMEOUT_S)
            done = isinstance(answer, CommandSettled) and answer.outcome == "done"
            why = answer.reason if isinstance(answer, CommandSettled) else "no answer yet"
            typer.echo(f"{one.known.order_id}: {'applied' if done else why}", err=not done)
            all_done = all_done and done
    finally:
        keeping.close()
        desk.close()
        publisher.close()
    return all_done


async def _payloads(connection: Connection, keeping: Keeping, one: Stored) -> tuple[Taken, ...]:
    """What is kept of an order, in the order of its places: by the topic, or else by the archive."""
    found = {
        taken.position: taken
        for taken in keeping.payloads_at({seen.position for seen in one.evidence})
    }
    left = [seen for seen in one.evidence if seen.position not in found]
    if left:
        found |= {taken.position: taken for taken in await archived(connection, one.key, left)}
    return tuple(sorted(found.values(), key=lambda taken: taken.place))


def _newest(reader: Reader, one: Stored, payloads: Sequence[Taken]) -> Taken | None:
    """The payload that is the order's newest snapshot: the last that says the time that is known."""
    for taken in reversed(payloads):
        order = reader.arrival(taken.payload).normalised.order
        if order is not None and order.times.modified == one.known.modified_at:
            return taken
    return None


def _command(reader: Reader, taken: Taken, actor: str, reason: str) -> ReadPayloadAgain:
    payload = taken.payload
    digest = reader.arrival(payload).digest
    return ReadPayloadAgain(
        source_key=payload.source_key,
        command_id=request_id("replay", payload.source_key, taken.position, digest),
        issued_at=SystemClock().now(),
        actor=actor,
        reason=reason,
        channel=payload.channel,
        shop=payload.shop,
        channel_order_no=payload.channel_order_no,
        evidence=taken.position,
        door=payload.door,
        accepted_at=payload.accepted_at,
        body=payload.body,
    )


def _stored(names: Sequence[str]) -> list[Stored]:
    return run(_read(names))


async def _read(names: Sequence[str]) -> list[Stored]:
    found = []
    async with database(settings().postgres_url.get_secret_value()) as connection:
        rows = await connection.fetch(
            "SELECT key, document, order_id FROM ingest.orders WHERE key = ANY($1::text[]) "
            "OR order_id = ANY($1::text[]) OR channel_order_no = ANY($1::text[]) ORDER BY key",
            list(names),
        )
        sent = await sent_lines(connection, [row["key"] for row in rows])
        for row in rows:
            known = _known.decode(row["document"]).state
            assert known is not None, "a stored order is known"
            wrapped = await connection.fetchval(
                "SELECT wrapped_key FROM chassis.personal_keys WHERE order_id = $1", row["order_id"]
            )
            found.append(
                Stored(
                    key=row["key"],
                    known=known,
                    evidence=await read_evidence(connection, row["key"]),
                    entries=await load_entries(connection, [row["key"]]),
                    wrapped_keys={known.order_id: wrapped or b""} if known.order_id else {},
                    sent=sent.get(row["key"], frozenset()),
                )
            )
    return found


def _keys_between(since: datetime | None, until: datetime | None, channel: str) -> list[str]:
    assert since is not None, "asked for"
    zone = SystemClock().now().tzinfo
    keys: dict[str, None] = {}

    async def read() -> None:
        async with database(settings().postgres_url.get_secret_value()) as connection:
            rows = await connection.fetch(
                "SELECT DISTINCT source_key FROM ingest.evidence WHERE taken_at >= $1 "
                "AND ($2::timestamptz IS NULL OR taken_at < $2) "
                "AND ($3 = '' OR starts_with(source_key, $3 || '|')) ORDER BY 1 LIMIT $4",
                since.replace(tzinfo=zone),
                until and until.replace(tzinfo=zone),
                channel,
                ORDERS_MAX + 1,
            )
        keys.update(dict.fromkeys(row["source_key"] for row in rows))

    run(read())
    if len(keys) > ORDERS_MAX:
        raise typer.BadParameter(f"narrow it: that is more than {ORDERS_MAX} orders")
    return list(keys)


def _replayed(stored: Sequence[Stored]) -> list[Replay]:
    reader, now = _reader(), SystemClock().now()
    found = []

    async def read() -> None:
        keeping = _keeping()
        try:
            since = min((e.taken_at for one in stored for e in one.evidence), default=now) - EARLY
            ids = {one.known.order_id for one in stored} - {""}
            told = keeping.placed_since(since, ids) if ids else {}
            async with database(settings().postgres_url.get_secret_value()) as connection:
                for one in stored:
                    payloads = await _payloads(connection, keeping, one)
                    today = _today(reader, one, payloads, now)
                    missing = len({seen.position for seen in one.evidence}) - len(payloads)
                    was = told.get(one.known.order_id)
                    found.append(
                        Replay(
                            source_key=one.key,
                            order_id=one.known.order_id,
                            payloads=len(payloads),
                            missing=missing,
                            differences=compared(one.known, was, today, whole=not missing),
                        )
                    )
        finally:
            keeping.close()

    run(read())
    return found


def _today(reader: Reader, one: Stored, payloads: Sequence[Taken], now: datetime) -> Today:
    entries, keys = one.entries, one.wrapped_keys
    return by_todays_mapping(reader, payloads, entries, keys, now, sent=one.sent)


def _shown(one: Stored, *, reveal: bool) -> Shown:
    payloads: tuple[Taken, ...] = ()

    async def read() -> None:
        nonlocal payloads
        keeping = _keeping()
        try:
            async with database(settings().postgres_url.get_secret_value()) as connection:
                payloads = await _payloads(connection, keeping, one)
        finally:
            keeping.close()

    run(read())
    kept = {taken.position for taken in payloads}
    known = one.known
    today = _today(_reader(), one, payloads, SystemClock().now()).extension
    shown = _extension(known.extension, today, reveal=reveal)
    return Shown(
        source_key=one.key,
        order_id=known.order_id,
        channel=known.channel,
        shop=known.shop,
        channel_order_no=known.channel_order_no,
        state=known.state,
        channel_state=known.raw_state,
        hold=known.hold,
        modified_at=known.modified_at,
        paid=known.paid,
        cancelled=known.cancelled,
        region=known.region,
        receiver_kind=known.personal_kind,
        lines=known.lines,
        returns=known.returns,
        problems=tuple(f"{p.code}: {p.detail}" for p in known.quarantine),
        extension=shown,
        snapshots=tuple(
            Seen(
                position=seen.position,
                sha256=seen.sha256.hex(),
                door=seen.door,
                accepted_at=seen.accepted_at,
                taken_at=seen.taken_at,
                modified_at=seen.modified_at,
                outcome=seen.outcome,
                order_version=seen.order_version,
                kept=seen.position in kept,
            )
            for seen in one.evidence
        ),
        quarantine=tuple(summary(entry) for entry in one.entries.values()),
    )


def _extension(
    stored: ChannelExtension | None, today: Extension | None, *, reveal: bool
) -> dict[str, Any] | None:
    """What is stored, completed by what tells of a person, which the newest payload says."""
    kept = as_json(stored)
    shown: dict[str, Any] = msgspec.json.decode(kept) if kept else {}
    if today is not None:
        reads = msgspec.to_builtins(today)
        shown = shown or reads
        shown |= {f: reads[f] if reveal else "*" for f in personal_fields(type(today)) if reads[f]}
    return shown or None


def _reader() -> Reader:
    keys = MasterKeys.parse(settings().master_keys.get_secret_value())
    channels = load("services.ingest.channels", "CHANNEL", Channel)
    return Reader(channels, PayloadSeal(keys, SystemClock()), PersonalSeal(keys))


def _keeping() -> Keeping:
    asking = codec_asking(settings().schema_registry_url)
    return Keeping(settings().kafka(), settings().topic_prefix, asking)


def _print(found: Sequence[Replay]) -> None:
    table = Table(*printing.keys("order", "field"), "stored", "today", box=None)
    for one in found:
        for difference in one.differences:
            name = one.order_id or one.source_key
            table.add_row(name, difference.field, difference.stored, difference.today)
    differing = sum(bool(one.differences) for one in found)
    missing = sum(bool(one.missing) for one in found)
    console = printing.console()
    if differing:
        printing.show(table)
    console.print(
        f"{len(found)} orders read again, {differing} read otherwise, "
        f"{missing} of which not every payload is kept any more"
    )


def _unknown(order: str) -> NoReturn:
    typer.echo(f"danshu: there is no order {order}", err=True)
    raise typer.Exit(UNKNOWN)
