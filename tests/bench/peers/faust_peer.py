"""Faust with Valkey as a peer: `python -m tests.bench.peers.faust_peer SETTINGS.json`, until SIGTERM.

The quickest form Faust has for it: raw bytes on the wire, batches by `take`, one script call a batch. At least once;
an order that comes again gets its answer again.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust
import msgspec
import uvloop
import valkey.asyncio
from msgspec import Struct

from chassis.codec import codec
from schemas.events.orders import OrderPlaced
from schemas.events.stock import ReservedLine, ShortLine, StockReserved, StockShort
from services.inventory.domain.model import Goods
from services.inventory.domain.wanted import wanted
from services.inventory.sourcing import Choice, Sourcing, read_sourcing

SCRIPT = Path(__file__).with_name("reserve.lua")
TAKE_WITHIN_S = 0.05

Answer = str | tuple[int, ...]
decode_answers = msgspec.msgpack.Decoder(tuple[Answer, ...]).decode


class Settings(Struct, frozen=True, kw_only=True):
    """What the peer is told."""

    kafka_bootstrap: str
    valkey_url: str
    rules_dir: str
    group: str
    orders: str
    outcomes: str
    stock_key: str
    holds_key: str
    batch_records: int
    scratch: str


class Asked(Struct, frozen=True):
    """An order, what it wants and who may send it."""

    order: OrderPlaced
    goods: Goods
    choice: Choice


class Peer:
    """One agent over all partitions."""

    def __init__(self, settings: Settings, app: faust.App, sourcing: Sourcing) -> None:
        self._settings = settings
        self._sourcing = sourcing
        self._script: Any = valkey.asyncio.Valkey.from_url(settings.valkey_url).register_script(
            SCRIPT.read_text(encoding="utf-8")
        )
        self._outcomes = _raw(app, settings.outcomes)
        app.agent(_raw(app, settings.orders), name="reserve", concurrency=1)(self._reserve)

    async def _reserve(self, stream: Any) -> AsyncIterator[None]:
        async for values in stream.take(self._settings.batch_records, within=TAKE_WITHIN_S):
            asked = [self._asked(value) for value in values]
            answers = await self._answers(asked)
            sent = [
                await self._outcomes.send(
                    key=one.order.order_id.encode(), value=codec().encode(outcome(one, answer), 1)
                )
                for one, answer in zip(asked, answers, strict=True)
            ]
            await asyncio.gather(*sent)
            yield

    def _asked(self, value: bytes) -> Asked:
        order = codec().decode(value)
        assert isinstance(order, OrderPlaced), type(order)
        goods = wanted(order.lines)
        assert goods is not None, order.order_id
        pieces = sum(quantity for _, quantity in goods)
        return Asked(order, goods, self._sourcing.choice(order.channel, order.province, pieces))

    async def _answers(self, asked: Sequence[Asked]) -> tuple[Answer, ...]:
        payload = [
            (
                one.order.order_id,
                one.choice.warehouses,
                [part for good in one.goods for part in good],
            )
            for one in asked
        ]
        settings = self._settings
        packed = await self._script(
            keys=[settings.stock_key, settings.holds_key], args=[msgspec.msgpack.encode(payload)]
        )
        return decode_answers(packed)


def outcome(asked: Asked, answer: Answer) -> StockReserved | StockShort:
    """The answer of the script as it is published."""
    order, now = asked.order, datetime.now(UTC)
    if isinstance(answer, str):
        return StockReserved(
            order_id=order.order_id,
            version=0,
            occurred_at=now,
            warehouse=answer,
            lines=tuple(
                ReservedLine(line_no=line.line_no, sku=line.sku, quantity=line.quantity)
                for line in order.lines
            ),
            generation=1,
            rule=asked.choice.rule,
        )
    there = {sku: pieces for (sku, _), pieces in zip(asked.goods, answer, strict=True)}
    return StockShort(
        order_id=order.order_id,
        version=0,
        occurred_at=now,
        lines=tuple(
            ShortLine(
                line_no=line.line_no, sku=line.sku, wanted=line.quantity, available=there[line.sku]
            )
            for line in order.lines
            if there[line.sku] < line.quantity
        ),
    )


def _raw(app: faust.App, name: str) -> Any:
    return app.topic(
        name,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
    )


def _app(settings: Settings) -> faust.App:
    return faust.App(
        settings.group,
        broker=f"kafka://{settings.kafka_bootstrap}",
        consumer_auto_offset_reset="earliest",
        store="memory://",
        datadir=settings.scratch,
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        producer_compression_type="lz4",
        producer_linger=0.005,
        stream_buffer_maxsize=2 * settings.batch_records,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )


async def _run(settings: Settings) -> None:
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    app = _app(settings)
    Peer(settings, app, read_sourcing(Path(settings.rules_dir)))
    await app.start()
    ends = {asyncio.create_task(stopping.wait()), asyncio.create_task(app.wait_until_stopped())}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    crash = app.crash_reason
    await app.stop()
    if crash is not None:
        raise crash


if __name__ == "__main__":
    settings_file = Path(sys.argv[1])
    uvloop.run(_run(msgspec.json.decode(settings_file.read_bytes(), type=Settings)))
