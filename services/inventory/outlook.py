"""What of a SKU is to come, promised ahead and set aside for campaigns, for people and for who shows it to them.

Guarantees: nothing is locked, and each SKU's numbers are of a moment. What the presale table does not sell, or a row that
keeps anything for channels (hard quotas, open campaigns), has nothing to promise, as when an order asks. A change is told
on `stock-outlook` at the next look, whole; before the commit that notes it, so that a crash tells it twice and never not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.commands import envelope
from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool, named_queries
from chassis.producer import Publisher
from schemas.events.stock_outlook import (
    CampaignUse,
    ExpectedReceipt,
    PromisableGoods,
    StockOutlookChanged,
)
from services.inventory.domain.campaigns import QUOTA
from services.inventory.domain.model import Row
from services.inventory.domain.presale import Ahead, ExpectedLine, ahead, free_now
from services.inventory.domain.promise import ExpectedKey
from services.inventory.domain.rules import Book
from services.inventory.expectations import SQL as EXPECTED
from services.inventory.expectations import line_of
from services.inventory.presale import Presale
from services.inventory.quotas import Quotas
from services.inventory.shares import keeping
from services.inventory.timers import leading

SQL = named_queries(Path(__file__).parent / "sql" / "outlook.sql")
LEAD_OUTLOOK = 15
"""Beside those of `timers`."""
SKUS_A_PART = 25
"""Worked out at once: some two milliseconds, then others on this loop have their turn."""
NOTHING = "[[],[]]"
"""As it is noted: nothing is to come or set aside."""
_decoder = msgspec.json.Decoder(tuple[tuple[ExpectedReceipt, ...], tuple[CampaignUse, ...]])
PAUSE_TIMES = 10
"""A look takes up to a tenth of the time, however many SKUs there are."""


class FreeToChannel(Struct, frozen=True, kw_only=True):
    """What a channel may still promise of a line."""

    channel: str
    pieces: int
    rule: str


class Outlook:
    """Reads what is to come and what is set aside, under the tables of this process."""

    def __init__(self, presale: Presale, quotas: Quotas) -> None:
        self._presale = presale
        self._quotas = quotas

    async def of(
        self, connection: Connection, skus: Sequence[str], now: datetime
    ) -> list[StockOutlookChanged]:
        """How it stands with each of these SKUs, in their order; its version is the time, in microseconds."""
        book = await keeping(connection, skus, self._quotas)
        receipts = await self._receipts(connection, skus, book, now)
        campaigns: dict[str, list[CampaignUse]] = {}
        for warehouse, sku in sorted(book.shares):
            campaigns.setdefault(sku, []).extend(_uses(book, warehouse, sku))
        return [
            StockOutlookChanged(
                sku=sku,
                version=int(now.timestamp() * 1_000_000),
                occurred_at=now,
                receipts=tuple(receipts.get(sku, ())),
                campaigns=tuple(campaigns.get(sku, ())),
            )
            for sku in skus
        ]

    async def promisable(
        self, pool: Pool, skus: Sequence[str], now: datetime
    ) -> dict[Row, tuple[Ahead, ...]]:
        """What may still be promised of these SKUs, those expected first, by warehouse and SKU; without rows of which
        nothing may. Asks nothing of SKUs that no channel sells ahead. Raises Unavailable.
        """
        asked = [sku for sku in dict.fromkeys(skus) if self._presale.concerns(sku)]
        if not asked:
            return {}
        try:
            async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                book = await keeping(connection, asked, self._quotas)
                rows = await connection.fetch(EXPECTED["expected_of"], asked)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        found: dict[Row, tuple[Ahead, ...]] = {}
        for row in rows:
            if free := self._promisable(row, book, now):
                where = (row["warehouse"], row["sku"])
                found[where] = (*found.get(where, ()), *free)
        return found

    async def by_channel(
        self, pool: Pool, skus: Sequence[str], now: datetime
    ) -> list[tuple[Any, tuple[FreeToChannel, ...]]]:
        """Each line of these SKUs as it is kept, with what each channel that sells it ahead may still promise of it.

        Raises Unavailable.
        """
        try:
            async with (
                pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                book = await keeping(connection, skus, self._quotas)
                rows = await connection.fetch(EXPECTED["expected_of"], skus)
        except AWAY as error:
            raise Unavailable(f"Postgres: {type(error).__name__}") from error
        return [(row, self.free_to(_key(row), line_of(row), book, now)) for row in rows]

    def free_to(
        self, key: ExpectedKey, line: ExpectedLine, book: Book, now: datetime
    ) -> tuple[FreeToChannel, ...]:
        """What each channel that may sell the SKU ahead may still promise of a line, as the decision would."""
        sku, warehouse, _ = key
        kept = self._quotas.keeps(book, (warehouse, sku))
        return tuple(
            FreeToChannel(
                channel=channel, pieces=0 if kept else free_now(line, terms, now), rule=terms.rule
            )
            for channel, terms in self._presale.sellers(sku)
        )

    async def _receipts(
        self, connection: Connection, skus: Sequence[str], book: Book, now: datetime
    ) -> dict[str, list[ExpectedReceipt]]:
        rows = await connection.fetch(EXPECTED["expected_of"], skus)
        promised = sorted({row["sku"] for row in rows if row["promised"]})
        due = {_key(row): row for row in await connection.fetch(SQL["due"], promised)}
        found: dict[str, list[ExpectedReceipt]] = {}
        for row in rows:
            dates: Any = due.get(_key(row), {})
            found.setdefault(row["sku"], []).append(
                ExpectedReceipt(
                    warehouse=row["warehouse"],
                    purchase_no=row["purchase_no"],
                    outstanding=row["outstanding"],
                    promised=row["promised"],
                    came=row["came"],
                    expected_at=row["expected_at"],
                    first_due_at=dates.get("first_due_at"),
                    last_due_at=dates.get("last_due_at"),
                    promisable=tuple(
                        PromisableGoods(**asdict(one)) for one in self._promisable(row, book, now)
                    ),
                )
            )
        return found

    def _promisable(self, row: Any, book: Book, now: datetime) -> tuple[Ahead, ...]:
        if self._quotas.keeps(book, (row["warehouse"], row["sku"])):
            return ()
        return ahead(line_of(row), self._presale.sellers(row["sku"]), now)


class OutlookPublisher:
    """Tells how it stands with SKUs of which anything is to come, promised or set aside, and that nothing is any more."""

    def __init__(
        self,
        pool: Pool,
        publisher: Publisher,
        codec: Codec,
        outlook: Outlook,
        *,
        clock: Clock,
        producer: str,
    ) -> None:
        self._pool = pool
        self._publisher = publisher
        self._codec = codec
        self._outlook = outlook
        self._clock = clock
        self._producer = producer

    async def look(self) -> int:
        """Tells what is not as it was told; returns of how many SKUs. Raises Unavailable and DeliveryFailed."""
        news, after = 0, ""
        async with leading(self._pool, LEAD_OUTLOOK) as connection:
            if connection is None:
                return 0
            while rows := await connection.fetch(SQL["concerned"], after, SKUS_A_PART):
                skus = [row["sku"] for row in rows]
                news += await self._tell(connection, skus)
                after = skus[-1]
        return news

    async def _tell(self, connection: Connection, skus: Sequence[str]) -> int:
        told = {row["sku"]: row["outlook"] for row in await connection.fetch(SQL["told"], skus)}
        now: dict[str, str] = {}
        news = []
        for one in await self._outlook.of(connection, skus, self._clock.now()):
            stands = _without_time(one)
            if stands != told.get(one.sku, NOTHING):
                news.append(one)
                now[one.sku] = stands
        if news:
            await self._publisher.publish(
                [envelope(self._codec, one, self._producer) for one in news]
            )
            kept = [sku for sku, stands in now.items() if stands != NOTHING]
            await connection.execute(SQL["keep_told"], kept, [now[sku] for sku in kept])
            await connection.execute(SQL["forget_told"], [*now.keys() - {*kept}])
        return len(news)


async def told_last(connection: Connection, sku: str) -> tuple[ExpectedReceipt, ...]:
    """What is to come of a SKU, as it was told last."""
    rows = await connection.fetch(SQL["told"], [sku])
    return _decoder.decode(rows[0]["outlook"])[0] if rows else ()


def _key(row: Any) -> ExpectedKey:
    return (row["sku"], row["warehouse"], row["purchase_no"])


def _uses(book: Book, warehouse: str, sku: str) -> list[CampaignUse]:
    return [
        CampaignUse(
            warehouse=warehouse,
            document_no=share.quota.removeprefix(QUOTA),
            pieces=share.pieces,
            held=share.held,
            sent=share.sent,
        )
        for share in book.by_quota((warehouse, sku))
        if share.quota.startswith(QUOTA)
    ]


def _without_time(outlook: StockOutlookChanged) -> str:
    return msgspec.json.encode((outlook.receipts, outlook.campaigns)).decode()
