"""Telling the channels: shipments and refund results, once each, with the channel's own answer kept.

The intent is part of the order's write-back aggregate; the dispatcher calls the channel outside any
transaction and records the answer by a command. Repeating a call is safe: a channel that already has it says
so, which counts as applied. An order that shipped twice on our side would need two intents for one document,
which the aggregate refuses. Stock numbers go the same way behind them (`listing_stock.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, assert_never, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import AWAY, Connection, leading
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
from services.ingest.domain.imported import ImportedLine
from services.ingest.domain.matching import MerchantCodes, in_channel_pieces
from services.ingest.fetching import send
from services.ingest.listing_stock import ListingStocks
from services.ingest.pacing import Due, Pace, shop_rests_ms
from services.ingest.shared import Shared
from services.ingest.shops import Shop

LOCK = 5_101_341
"""Advisory lock of the one active dispatcher. The number is arbitrary and ours."""
LEASE_RETRY_S = 2.0
IDLE_MS = 500
ROWS_MAX = 200


Tell = Callable[[Due, Pace], Coroutine[Any, Any, "RecordWriteBack | None"]]


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
_decode_imported = msgspec.json.Decoder(tuple[ImportedLine, ...]).decode


class WriteBackDispatcher:
    """Calls the channels for everything due. One works at a time, however many processes run."""

    def __init__(
        self,
        shared: Shared,
        *,
        attempts_max: int,
        per_shop_per_s: float,
        merchant_codes: MerchantCodes = MerchantCodes.TRUSTED,
    ) -> None:
        self._shared = shared
        self._merchant_codes = merchant_codes
        self._attempts_max = attempts_max
        self._per_shop_per_s = per_shop_per_s

    async def run(self) -> None:
        """Works until cancelled; waits while another process does."""
        while True:
            try:
                async with leading(self._shared.pool, LOCK) as lead:
                    if lead is not None:
                        await self._lead(lead)
            except (*AWAY, DeliveryFailed) as away:
                logger.warning("waiting", part="write-backs", why=f"{type(away).__name__}: {away}")
            await asyncio.sleep(LEASE_RETRY_S)

    async def _lead(self, lead: Connection) -> None:
        pace = Pace(self._per_shop_per_s)
        stocks = ListingStocks(
            self._shared, merchant_codes=self._merchant_codes, attempts_max=self._attempts_max
        )
        running: set[asyncio.Task[RecordWriteBack | None]] = set()
        clock = self._shared.clock
        looked_at_ms = -IDLE_MS
        try:
            while True:
                now_ms = clock.monotonic_ms()
                if pace.idle or now_ms - looked_at_ms >= IDLE_MS:
                    looked_at_ms = now_ms
                    left_out = pace.left_out(now_ms)
                    pace.add(await self._due(lead, left_out))
                    pace.add(await stocks.due(lead, left_out))
                for due in pace.take(now_ms):
                    tell: Tell = stocks.tell if due.background else self._tell
                    running.add(asyncio.create_task(tell(due, pace)))
                if not running:
                    await asyncio.sleep(IDLE_MS / 1000)
                    continue
                done, running = await asyncio.wait(
                    running, timeout=IDLE_MS / 1000, return_when=asyncio.FIRST_COMPLETED
                )
                commands = [command for ended in done if (command := ended.result()) is not None]
                if commands:
                    await self._shared.desk.issue(commands)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _due(self, lead: Connection, left_out: Sequence[str]) -> list[Due]:
        rows = await lead.fetch(
            "SELECT w.key, w.document, o.channel, o.shop, o.channel_order_no, "
            "o.document->'state'->'mapped' AS mapped, o.document->'state'->'imported' AS imported "
            "FROM ingest.write_backs w JOIN ingest.orders o ON o.order_id = w.key "
            # Of an order which only an import told, the channel's own line ids are not known yet.
            "WHERE w.due AND NOT w.key = ANY($2::text[]) AND o.modified_at IS NOT NULL "
            "ORDER BY w.key LIMIT $1",
            ROWS_MAX,
            left_out,
        )
        return [
            Due(
                document=(row["key"], told.document_no),
                shop=(row["channel"], row["shop"]),
                job=(row, told),
            )
            for row in rows
            if (state := _decoder.decode(row["document"]).state) is not None
            for told in state.due()
        ]

    async def _tell(self, due: Due, pace: Pace) -> RecordWriteBack | None:
        """One call; the command that records its answer, or None where it has to be made again."""
        row, told = cast("tuple[Any, Told]", due.job)
        attempts = pace.attempt(due.document)
        answer = await self._call(row, told)
        now_ms = self._shared.clock.monotonic_ms()
        match answer:
            case Applied():
                outcome, reason = "applied", ""
            case Refused(reason=reason, code=code):
                outcome, reason = "refused", f"{code}: {reason}"
            case Unsupported(reason=reason):
                outcome, reason = "refused", f"unsupported: {reason}"
            case Retry(error=error) if pace.failed(due.document) < self._attempts_max:
                pace.again(due.document, now_ms, shop_rests_ms=shop_rests_ms(error))
                return None
            case Retry(error=error):
                outcome, reason = "refused", f"gave up after {attempts} attempts: {error.code}"
            case _:
                assert_never(answer)
        metrics.WRITE_BACKS.labels(row["channel"], told.kind, outcome).inc()
        pace.settled(due.document, now_ms)
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

    async def _call(self, row: Any, told: Told) -> WriteBack:
        shop = self._shared.shops.get((row["channel"], row["shop"]))
        if shop is None:
            return Unsupported(reason="the shop is not configured any more")
        channel = self._shared.channels[shop.channel]
        if told.kind == "shipment":
            return await self._tell_shipment(channel, shop, row, told)
        return await self._tell_refund(channel, shop.credentials(), told)

    async def _tell_shipment(self, channel: Channel, shop: Shop, row: Any, told: Told) -> WriteBack:
        credentials = shop.credentials()
        lines = in_the_channels_words(told.lines, row["mapped"], row["imported"])
        shipment = Shipment(
            order_no=row["channel_order_no"],
            lines=tuple(ShippedLine(line_id=line_id, qty=qty) for line_id, qty in lines),
            whole=True,
            carrier=told.carrier,
            waybill_no=told.waybill_no,
            request_id=request_id("ship", row["key"], told.document_no),
            carrier_code=shop.carriers.get(told.carrier, ""),
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


def in_the_channels_words(
    lines: Sequence[tuple[str, int]], mapped: str | None, imported: str | None
) -> tuple[tuple[str, int], ...]:
    """A parcel's lines by the channel's own ids, where an import named them, and in the pieces it sold.

    `mapped` and `imported` as the order's document has them, JSON.
    """
    own = {line.line_id: line.own_id for line in _decode_imported(imported or "[]") if line.own_id}
    named = [(own.get(line_id, line_id), pieces) for line_id, pieces in lines]
    return in_channel_pieces(named, dict(_decode_mapped(mapped or "[]")))
