"""Goods that a store took back become a settled refund of their sale, once each.

A return is a document of its own and no order: it is kept under its number, and handed to refunds as a `RequestRefund` that
says what was paid back at the counter, as soon as its sale is known and its goods have SKUs of ours. Its refund id derives
from its number, so that asking again changes nothing. What refunds cannot take is told as a refused refund of the sale.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from chassis.ids import request_id
from chassis.postgres import ACQUIRE_TIMEOUT_S, named_queries
from schemas.events.commands_refunds import PaidBack, PaidBackGoods, RequestRefund
from services.ingest import metrics
from services.ingest.catalogue import CatalogueReader
from services.ingest.domain.matching import Catalogue, ChannelLine, MerchantCodes, told
from services.ingest.domain.model import CanonicalOrder
from services.ingest.looking import look_on
from services.ingest.matching import channel_lines
from services.ingest.shared import Shared

SQL = named_queries(Path(__file__).parent / "sql" / "returns.sql")
COUNTER = "counter"
"""The payment gateway of a refund that a store paid by itself."""
LOOK_S = 1.0
ROWS_MAX = 200

_lines = msgspec.json.Decoder(tuple[ChannelLine, ...])


class Returned(Struct, frozen=True, kw_only=True):
    """Effect: a store has taken goods of a sale back."""

    key: str
    channel: str
    shop: str
    return_no: str
    sale_no: str
    lines: tuple[ChannelLine, ...]


def returned(key: str, order: CanonicalOrder) -> Returned:
    """What a receipt of taking back says."""
    return Returned(
        key=key,
        channel=order.channel,
        shop=order.shop,
        return_no=order.order_no,
        sale_no=order.returns,
        lines=channel_lines(order),
    )


async def keep_returns(connection: Any, found: Sequence[Returned]) -> None:
    """Keeps them in the transaction that took them. The same number again is the same return."""
    rows = [
        (
            one.key,
            one.channel,
            one.shop,
            one.return_no,
            f"{one.channel}|{one.shop}|{one.sale_no}",
            msgspec.json.encode(one.lines).decode(),
            request_id("refund", one.channel, one.shop, one.return_no),
        )
        for one in found
    ]
    await connection.execute(SQL["keep"], *map(list, zip(*rows, strict=True)))


def goods_of(
    catalogue: Catalogue, channel: str, shop: str, lines: Sequence[ChannelLine]
) -> tuple[PaidBackGoods, ...] | None:
    """What came back in our SKUs, with what was paid for it; None while a line has none."""
    ours = told(catalogue, channel, shop, lines)
    if ours.unmatched:
        return None
    goods: dict[str, tuple[int, int]] = {}
    for line in ours.lines:
        pieces, paid_fen = goods.get(line.sku, (0, 0))
        goods[line.sku] = pieces + line.quantity, paid_fen + line.paid_fen
    return tuple(
        PaidBackGoods(sku=sku, quantity=pieces, amount_fen=paid_fen)
        for sku, (pieces, paid_fen) in sorted(goods.items())
    )


class Returns:
    """Hands over every return whose sale is known."""

    def __init__(self, shared: Shared, merchant_codes: MerchantCodes) -> None:
        self._shared = shared
        self._catalogue = CatalogueReader(merchant_codes)

    async def run(self) -> None:
        """Works until cancelled. Two processes may hand over the same: it does no harm."""
        await look_on("returns", self.look, most=ROWS_MAX, pause_s=LOOK_S)

    async def look(self) -> int:
        """One look; returns how many were handed over."""
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            metrics.RETURNS_WAITING.set(await connection.fetchval(SQL["waiting"]))
            rows = await connection.fetch(SQL["due"], ROWS_MAX)
            if not rows:
                return 0
            revision = await connection.fetchval("SELECT revision FROM ingest.catalogue")
            await self._catalogue.catch_up(connection, revision)
        commands = {row["key"]: command for row in rows if (command := self._command(row))}
        if commands:
            await self._shared.desk.issue(list(commands.values()))
        async with self._shared.pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
            await connection.execute(SQL["looked"], [row["key"] for row in rows], list(commands))
        return len(commands)

    def _command(self, row: Any) -> RequestRefund | None:
        lines = _lines.decode(row["lines"])
        goods = goods_of(self._catalogue.catalogue, row["channel"], row["shop"], lines)
        if goods is None:
            return None
        return RequestRefund(
            order_id=row["order_id"],
            command_id=row["refund_id"],
            issued_at=self._shared.clock.now(),
            actor=f"channel:{row['channel']}",
            refund_id=row["refund_id"],
            kind="return_and_refund",
            lines=(),
            include_freight=False,
            damaged=False,
            reason="returned_at_store",
            taken_back=PaidBack(gateway=COUNTER, request_no=row["return_no"], goods=goods),
        )
