"""Telling the channels: parcels, their new waybills, refunds settled and refused, closings, once each, the answers kept.

The intent is part of the order's write-back aggregate; the dispatcher calls the channel outside any
transaction and records the answer by a command. Repeating a call is safe: a channel that already has it says
so, which counts as applied. An order that shipped twice on our side would need two intents for one document,
which the aggregate refuses. Stock numbers go the same way behind them (`listing_stock.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, assert_never, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.log import logger
from chassis.postgres import AWAY, Connection, leading, named_queries
from chassis.processor import Column, Decide, Decision, Handlers, Kept, Moment, Processor
from chassis.producer import DeliveryFailed
from schemas.events.commands_ingest import RecordRequestEnded, RecordWriteBack
from schemas.events.order_states import OrderClosed
from schemas.events.refunds import RefundRefused, RefundSettled
from schemas.events.shipments import ParcelShipped, WaybillReplaced
from schemas.events.write_backs import WriteBackApplied, WriteBackRefused
from services.ingest import metrics
from services.ingest.channels import Applied, Channel, Refused, Retry, Unsupported
from services.ingest.domain.matching import MerchantCodes
from services.ingest.domain.write_backs import (
    CANCELLATION,
    REFUND,
    REFUSAL,
    SHIPMENT,
    WAYBILL,
    Told,
    WriteBacks,
)
from services.ingest.listing_stock import ListingStocks
from services.ingest.pacing import LINE_MAX, Due, Pace, shop_rests_ms
from services.ingest.returns import COUNTER
from services.ingest.shared import Shared
from services.ingest.telling import tell

LOCK = 5_101_341
"""Advisory lock of the one active dispatcher. The number is arbitrary and ours."""
LEASE_RETRY_S = 2.0
IDLE_MS = 500
PATIENT_ATTEMPTS = 9
"""So often an agreement that is refused is told before the refusal counts: over three minutes, after which every platform
lists what is over."""
SQL = named_queries(Path(__file__).parent / "sql" / "write_backs.sql")
NOTHING = WriteBacks()
BY_CHANNEL = frozenset({"cancelled_on_channel", "closed_refunded"})
"""Why an order was closed that its channel had closed before."""
BY_BOOKS = "refunds"
"""Who refused a refund without a person: a channel's request that our books cannot take."""

KNOWN_THERE = frozenset({"refunded_by_channel", "withdrawn", "refused_there"})
"""Why a refund ended that the channel needs no answer for."""

PAID_ELSEWHERE = frozenset({COUNTER, "channel"})
"""Who paid a refund that the channel need not be told of: a store, or the channel itself."""

Call = Callable[[Due, Pace], Coroutine[Any, Any, "RecordWriteBack | None"]]


def decide_shipped(
    state: WriteBacks | None, event: ParcelShipped, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """The channel has to learn of the parcel."""
    told = Told(
        kind=SHIPMENT,
        document_no=event.parcel_id,
        carrier=event.carrier,
        waybill_no=event.waybill_no,
        lines=tuple((line.channel_line_id, line.quantity) for line in event.lines),
    )
    return Decision(state=(state or NOTHING).intending(told))


def decide_waybill_replaced(
    state: WriteBacks | None, event: WaybillReplaced, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """A channel that has to learn of the parcel has to learn of its new waybill after that."""
    known = state or NOTHING
    shipment = known.find(SHIPMENT, event.parcel_id)
    if shipment is None:
        # It has not left yet: the hand-over tells the new one.
        return Decision(state=known)
    told = Told(
        kind=WAYBILL,
        document_no=f"{event.parcel_id}/{known.replacements(event.parcel_id) + 1}",
        carrier=event.carrier,
        waybill_no=event.waybill_no,
        lines=shipment.lines,
    )
    return Decision(state=known.intending(told))


def decide_settled(
    state: WriteBacks | None, event: RefundSettled, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """The channel has to learn of the refund, unless it paid it itself."""
    if event.gateway in PAID_ELSEWHERE:
        return Decision(state=state)
    told = Told(kind=REFUND, document_no=event.refund_id, amount_fen=event.amount_fen)
    return Decision(state=(state or NOTHING).intending(told))


def decide_refused(
    state: WriteBacks | None, event: RefundRefused, _facts: Any, moment: Moment
) -> Decision[WriteBacks]:
    """The channel has to learn that a person refused a refund.

    What it refunded or refused itself it knows, and what its buyer has withdrawn. What only our books could not take (a request that came twice, as a
    rule) is no answer to the buyer: a person is told instead of the channel.
    """
    known = state or NOTHING
    told = Told(kind=REFUSAL, document_no=event.refund_id, reason=event.reason)
    if event.reason in KNOWN_THERE or known.find(told.kind, told.document_no):
        return Decision(state=known)
    if event.actor != BY_BOOKS:
        return Decision(state=known.intending(told))
    reason = f"unsupported: not refused by a person ({event.reason}); answer it in the back office"
    refused = WriteBackRefused(
        order_id=event.order_id,
        version=0,
        occurred_at=moment.now,
        kind=told.kind,
        document_no=told.document_no,
        reason=reason,
    )
    return Decision(
        state=known.intending(replace(told, outcome="refused")),
        events=(refused,),
    )


def decide_recorded(
    state: WriteBacks | None, command: RecordWriteBack, _facts: Any, moment: Moment
) -> Decision[WriteBacks]:
    """The channel's answer. The first final answer stands.

    A channel that has taken our refusal of a buyer's request is told again of the parcels which it refused meanwhile.
    """
    known = state or NOTHING
    told = known.find(command.kind, command.document_no)
    if told is None or told.outcome != "due":
        return Decision(state=state, refusal="not_due")
    if command.outcome == "refused" and (command.again or 0) < told.again:
        return Decision(state=state, refusal="told_again_since")
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
    after = known.settled(told, command.outcome)
    if told.kind == REFUSAL and command.outcome == "applied":
        after = after.taken_up_again()
    return Decision(state=after, events=(event,))


def decide_request_ended(
    state: WriteBacks | None, _command: RecordRequestEnded, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """A buyer's request is over on the channel, by whomever: what it refused meanwhile it may take now.

    Platforms refuse a parcel while a buyer's request for a refund is open, and count an order that they do not know to
    have left as late.
    """
    return Decision(state=state and state.taken_up_again())


def decide_closed(
    state: WriteBacks | None, event: OrderClosed, _facts: Any, _moment: Moment
) -> Decision[WriteBacks]:
    """A shop has to learn that its order was closed here, unless it said so itself."""
    if event.reason in BY_CHANNEL:
        return Decision(state=state)
    told = Told(kind=CANCELLATION, document_no=event.order_id)
    return Decision(state=(state or NOTHING).intending(told))


def _of_channels(decide: Decide, abbreviations: frozenset[str]) -> Decide:
    """The decision for orders of these channels only, as their ids begin."""

    def decided(state: WriteBacks | None, event: Any, facts: Any, moment: Moment) -> Any:
        ours = event.order_id.rstrip("0123456789") in abbreviations
        return decide(state, event, facts, moment) if ours else Decision(state=state)

    return decided


HANDLERS: Handlers = {
    ParcelShipped: decide_shipped,
    WaybillReplaced: decide_waybill_replaced,
    RefundSettled: decide_settled,
    RefundRefused: decide_refused,
    RecordWriteBack: decide_recorded,
    RecordRequestEnded: decide_request_ended,
}


def write_backs(channels: Iterable[Channel]) -> Processor[WriteBacks]:
    """The processor. Closings are of concern where a seller can close an order on the channel."""
    closing = frozenset(one.abbreviation for one in channels if one.cancelling is not None)
    return Processor(
        name="ingest-writeback",
        table="ingest.write_backs",
        state=WriteBacks,
        handlers={**HANDLERS, OrderClosed: _of_channels(decide_closed, closing)},
        columns=(
            Column("due", "boolean", lambda state: bool(state and state.due())),
            Column(
                "parcels_untaken", "boolean", lambda state: bool(state and state.parcels_untaken)
            ),
        ),
        sources=("commands-ingest", "order-closings", "refunds", "shipments"),
        gather_ms=200,
    )


_decoder: msgspec.json.Decoder[Kept[WriteBacks]] = msgspec.json.Decoder(Kept[WriteBacks])


def answer_id(order_id: str, told: Told) -> str:
    """Of the answer to one thing told: what is taken up again is answered anew."""
    again = (str(told.again),) if told.again else ()
    return request_id("writeback", order_id, told.kind, told.document_no, *again)


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
                    pace.add(await self._due(lead, left_out, pace.full))
                    pace.add(await stocks.due(lead, left_out))
                for due in pace.take(now_ms):
                    call: Call = stocks.tell if due.background else self._tell
                    running.add(asyncio.create_task(call(due, pace)))
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

    async def _due(
        self, lead: Connection, left_out: Sequence[str], full: Collection[tuple[str, str]]
    ) -> list[Due]:
        # Reading past a full shop's rows costs a look for each of them.
        asked = {channel for channel, shop in self._shared.shops if (channel, shop) not in full}
        rows = await lead.fetch(
            SQL["due"],
            [self._shared.channels[channel].abbreviation for channel in asked],
            LINE_MAX,
            left_out,
            ["/".join(shop) for shop in full],
        )
        return [
            Due(
                document=(row["key"], f"{told.kind} {told.document_no}"),
                shop=(row["channel"], row["shop"]),
                job=(row, state, told),
            )
            for row in rows
            if (state := _decoder.decode(row["document"]).state) is not None
            for told in state.due()
        ]

    async def _tell(self, due: Due, pace: Pace) -> RecordWriteBack | None:
        """One call; the command that records its answer, or None where it has to be made again."""
        row, state, told = cast("tuple[Any, WriteBacks, Told]", due.job)
        attempts = pace.attempt(due.document)
        answer = await tell(self._shared, row, state, told, patient=attempts < PATIENT_ATTEMPTS)
        failpoint("write_back.answered")
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
            command_id=answer_id(row["key"], told),
            issued_at=self._shared.clock.now(),
            actor="ingest-writeback",
            kind=told.kind,
            document_no=told.document_no,
            outcome=outcome,
            attempts=attempts,
            reason=reason,
            again=told.again or None,
        )
