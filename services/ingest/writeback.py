"""Telling the channels: shipments and refund results, once each, with the channel's own answer kept.

The intent is part of the order's write-back aggregate; the dispatcher calls the channel outside any
transaction and records the answer by a command. Repeating a call is safe: a channel that already has it says
so, which counts as applied. An order that shipped twice on our side would need two intents for one document,
which the aggregate refuses.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY
from chassis.processor import Column, Decision, Handlers, Kept, Moment, Processor
from chassis.producer import DeliveryFailed
from schemas.events.commands_ingest import RecordWriteBack
from schemas.events.refunds import RefundSettled
from schemas.events.shipments import ParcelShipped
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.ingest import metrics
from services.ingest.aftersales import aftersale_of
from services.ingest.channels import (
    Applied,
    Channel,
    ChannelError,
    Credentials,
    HttpRequest,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
    WriteBack,
)
from services.ingest.domain.matching import in_channel_pieces
from services.ingest.fetching import send
from services.ingest.shared import Shared

IDLE_S = 0.5
ROWS_MAX = 50
CONCURRENCY = 8
BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)


class Told(Struct, frozen=True, kw_only=True):
    """One thing a channel has to be told. `outcome`: due, applied or refused."""

    kind: str
    document_no: str
    outcome: str = "due"
    carrier: str = ""
    waybill_no: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    amount_fen: int = 0


class WriteBacks(Struct, frozen=True, kw_only=True):
    """Everything the channel of one order has to be told."""

    told: tuple[Told, ...] = ()

    def due(self) -> tuple[Told, ...]:
        """What is not settled yet."""
        return tuple(told for told in self.told if told.outcome == "due")


def _intend(state: WriteBacks | None, told: Told) -> Decision[WriteBacks]:
    known = state or WriteBacks()
    if any(t.kind == told.kind and t.document_no == told.document_no for t in known.told):
        return Decision(state=known)
    return Decision(state=WriteBacks(told=(*known.told, told)))


def decide_shipped(
    state: WriteBacks | None, event: ParcelShipped, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """The channel has to learn of the parcel."""
    lines = tuple((line.channel_line_id, line.quantity) for line in event.lines)
    return _intend(
        state,
        Told(
            kind="shipment",
            document_no=event.parcel_id,
            carrier=event.carrier,
            waybill_no=event.waybill_no,
            lines=lines,
        ),
    )


def decide_settled(
    state: WriteBacks | None, event: RefundSettled, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """The channel has to learn of the refund."""
    return _intend(
        state,
        Told(kind="refund", document_no=event.refund_id, amount_fen=event.amount_fen),
    )


def decide_recorded(
    state: WriteBacks | None, command: RecordWriteBack, _facts: Any, moment: Moment
) -> Decision[WriteBacks]:
    """The channel's answer. The first final answer stands."""
    known = state or WriteBacks()
    for told in known.due():
        if told.kind == command.kind and told.document_no == command.document_no:
            break
    else:
        return Decision(state=state, refusal="not_due")
    settled = tuple(replace(t, outcome=command.outcome) if t == told else t for t in known.told)
    event: Struct
    if command.outcome == "applied":
        event = WriteBackApplied(
            order_id=command.order_id,
            version=0,
            occurred_at=moment.now,
            kind=command.kind,
            document_no=command.document_no,
            attempts=command.attempts,
        )
    else:
        event = WriteBackRefused(
            order_id=command.order_id,
            version=0,
            occurred_at=moment.now,
            kind=command.kind,
            document_no=command.document_no,
            reason=command.reason,
        )
    return Decision(state=WriteBacks(told=settled), events=(event,))


HANDLERS: Handlers = {
    ParcelShipped: decide_shipped,
    RefundSettled: decide_settled,
    RecordWriteBack: decide_recorded,
}

WRITE_BACKS: Processor[WriteBacks] = Processor(
    name="ingest-writeback",
    table="ingest.write_backs",
    state=WriteBacks,
    handlers=HANDLERS,
    columns=(Column("due", "boolean", lambda state: bool(state and state.due())),),
    sources=("commands-ingest", "refunds", "shipments"),
    gather_ms=200,
)

_decoder: msgspec.json.Decoder[Kept[WriteBacks]] = msgspec.json.Decoder(Kept[WriteBacks])
_decode_mapped = msgspec.json.Decoder(tuple[tuple[str, int], ...]).decode


class WriteBackDispatcher:
    """Calls the channels for everything due."""

    def __init__(self, shared: Shared, *, attempts_max: int) -> None:
        self._shared = shared
        self._attempts_max = attempts_max
        self._slots = asyncio.Semaphore(CONCURRENCY)
        # How often each was tried in this process; a restart may try again from the start.
        self._attempts: dict[tuple[str, str], int] = {}
        self._not_before: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            try:
                worked = await self._round()
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="write-backs", why=type(away).__name__)
                worked = 0
            if not worked:
                await asyncio.sleep(IDLE_S)

    async def _round(self) -> int:
        waiting = [key for key, at in self._not_before.items() if at > self._shared.clock.now()]
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            rows = await connection.fetch(
                "SELECT w.key, w.document, o.channel, o.shop, o.channel_order_no, "
                "o.document->'state'->'mapped' AS mapped "
                "FROM ingest.write_backs w JOIN ingest.orders o ON o.order_id = w.key "
                "WHERE w.due AND NOT w.key = ANY($2::text[]) ORDER BY w.key LIMIT $1",
                ROWS_MAX,
                [order_id for order_id, _ in waiting],
            )
        due = [
            (row, told)
            for row in rows
            if (state := _decoder.decode(row["document"]).state) is not None
            for told in state.due()
        ]
        commands = await asyncio.gather(*(self._tell(row, told) for row, told in due))
        settled = [command for command in commands if command is not None]
        if settled:
            await self._shared.desk.issue(settled)
            for command in settled:
                # Recorded soon; until then it must not be told again.
                self._put_off((command.order_id, command.document_no), 2.0)
        return len(settled)

    async def _tell(self, row: Any, told: Told) -> RecordWriteBack | None:
        key = (row["key"], told.document_no)
        attempts = self._attempts[key] = self._attempts.get(key, 0) + 1
        async with self._slots:
            answer = await self._call(row, told)
        match answer:
            case Applied():
                outcome, reason = "applied", ""
            case Refused(reason=reason, code=code):
                outcome, reason = "refused", f"{code}: {reason}"
            case Unsupported(reason=reason):
                outcome, reason = "refused", f"unsupported: {reason}"
            case Retry(error=error) if attempts < self._attempts_max:
                pause_s = BACKOFF_S[min(attempts - 1, len(BACKOFF_S) - 1)]
                self._put_off(key, max(pause_s, error.retry_after_ms / 1000))
                return None
            case Retry(error=error):
                outcome, reason = "refused", f"gave up after {attempts} attempts: {error.code}"
            case _:
                assert_never(answer)
        metrics.WRITE_BACKS.labels(row["channel"], told.kind, outcome).inc()
        self._attempts.pop(key, None)
        return RecordWriteBack(
            order_id=row["key"],
            command_id=request_id("writeback", row["key"], told.kind, told.document_no),
            issued_at=self._shared.clock.now(),
            actor="ingest-writeback",
            kind=told.kind,
            document_no=told.document_no,
            outcome=outcome,
            attempts=attempts,
            reason=reason,
        )

    def _put_off(self, key: tuple[str, str], pause_s: float) -> None:
        self._not_before[key] = self._shared.clock.now() + timedelta(seconds=pause_s)

    async def _call(self, row: Any, told: Told) -> WriteBack:
        shop = self._shared.shops.get((row["channel"], row["shop"]))
        if shop is None:
            return Unsupported(reason="the shop is not configured any more")
        channel = self._shared.channels[shop.channel]
        if told.kind == "shipment":
            return await self._tell_shipment(channel, shop.credentials(), row, told)
        return await self._tell_refund(channel, shop.credentials(), told)

    async def _tell_shipment(
        self, channel: Channel, credentials: Credentials, row: Any, told: Told
    ) -> WriteBack:
        shipment = Shipment(
            order_no=row["channel_order_no"],
            lines=tuple(
                ShippedLine(line_id=line_id, qty=qty)
                for line_id, qty in in_channel_pieces(
                    told.lines, dict(_decode_mapped(row.get("mapped") or "[]"))
                )
            ),
            whole=True,
            carrier=told.carrier,
            waybill_no=told.waybill_no,
            request_id=request_id("ship", row["key"], told.document_no),
        )
        now = self._shared.clock.now()
        if channel.prepare_shipment is not None:
            asked = channel.prepare_shipment(credentials, shipment, now)
            prepared = await send(self._shared.outgoing, asked, channel.name, "prepare_shipment")
            if isinstance(prepared, ChannelError):
                return Retry(error=prepared)
            shipment = replace(shipment, prepared=prepared)
        request = channel.shipment_request(credentials, shipment, now)
        if not isinstance(request, HttpRequest):
            return request
        answer = await send(self._shared.outgoing, request, channel.name, "shipment")
        return (
            Retry(error=answer)
            if isinstance(answer, ChannelError)
            else channel.read_shipment_answer(answer)
        )

    async def _tell_refund(
        self, channel: Channel, credentials: Credentials, told: Told
    ) -> WriteBack:
        aftersale = await aftersale_of(self._shared.pool, told.document_no)
        if aftersale is None or channel.aftersales is None:
            return Unsupported(reason="the refund was not asked for on the channel")
        request = channel.aftersales.agree_request(credentials, aftersale, self._shared.clock.now())
        if isinstance(request, Unsupported):
            return request
        answer = await send(self._shared.outgoing, request, channel.name, "agree")
        return (
            Retry(error=answer)
            if isinstance(answer, ChannelError)
            else channel.aftersales.read_agree_answer(answer)
        )
