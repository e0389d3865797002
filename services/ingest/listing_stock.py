"""Telling the shops what each listing may show: worked out from what inventory offers, told when it changes.

Guarantees: of several numbers while a listing waits the newest is told; a number that a shop took or refused is not
told again until it is another one; each answer is kept with the listing and published. A whole number may be told
twice without harm, so nothing here is lost to a crash. Works inside the one active write-back dispatcher, in the
same pace: shipments and refunds before stock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, assert_never, cast

import msgspec
from msgspec import Struct

from chassis.commands import envelope
from chassis.ids import request_id
from chassis.postgres import Connection
from chassis.processor import Kept
from schemas.events.channel_availability import ChannelAvailabilityChanged
from schemas.events.listing_stock import ListingStockTold
from services.ingest import metrics
from services.ingest.catalogue import CatalogueReader
from services.ingest.channels import (
    Applied,
    ChannelError,
    ListingStock,
    Refused,
    Retry,
    Unsupported,
    WriteBack,
)
from services.ingest.domain.listed_stock import Listing, can_be_made, goods_of
from services.ingest.domain.matching import MerchantCodes
from services.ingest.fetching import send
from services.ingest.listings import SQL, Key
from services.ingest.pacing import Due, Pace, shop_rests_ms
from services.ingest.shared import Shared

ROWS_MAX = 500
NUMBERS_MAX = 10_000
"""SKUs whose numbers changed, read at once."""
_decode = msgspec.json.Decoder(Kept[ChannelAvailabilityChanged]).decode


class ListingStocks:
    """The listings of one leadership: `due` says which have to be told, `tell` tells one."""

    def __init__(self, shared: Shared, *, merchant_codes: MerchantCodes, attempts_max: int) -> None:
        self._shared = shared
        self._attempts_max = attempts_max
        self._reader = CatalogueReader(merchant_codes)
        self._catalogue_revision = -1
        self._number_revision = 0
        self._offered: dict[str, dict[str, int]] = defaultdict(dict)
        self._listings: dict[Key, _Known] = {}
        self._by_goods: dict[tuple[str, str], list[Key]] = {}

    async def due(self, lead: Connection, left_out: Sequence[str]) -> list[Due]:
        """What the shops have to be told, after working out what changed."""
        await self._work_out(lead)
        shops = _columns(self._shared.shops, 2)
        rows = await lead.fetch(SQL["due"], ROWS_MAX, left_out, *shops)
        metrics.STOCK_WAITING.set(await lead.fetchval(SQL["count_due"], *shops))
        return [
            Due(
                document=("|".join(row), "stock"),
                shop=(row["channel"], row["shop"]),
                job=tuple(row),
                background=True,
            )
            for row in rows
        ]

    async def _work_out(self, lead: Connection) -> None:
        revisions = await lead.fetchrow(SQL["revisions"])
        assert revisions is not None
        now = self._shared.clock.now()
        changed: dict[Key, datetime] = {}
        if revisions["catalogue"] != self._catalogue_revision:
            await self._reader.catch_up(lead, revisions["catalogue"])
            await self._read_listings(lead)
            self._catalogue_revision = revisions["catalogue"]
            changed = dict.fromkeys(self._listings, now)
        while self._number_revision < revisions["availability"]:
            rows = await lead.fetch(SQL["changed_numbers"], self._number_revision, NUMBERS_MAX)
            for row in rows:
                self._hear(_decode(row["document"]).state, changed)
            if not rows:
                break
            self._number_revision = rows[-1]["revision"]
        await self._want(lead, changed)

    def _hear(self, said: ChannelAvailabilityChanged | None, changed: dict[Key, datetime]) -> None:
        if said is None:
            return
        for offer in said.offers:
            self._offered[offer.channel][said.sku] = offer.quantity
            for key in self._by_goods.get((offer.channel, said.sku), ()):
                at = said.stock_changed_at
                changed[key] = max(changed.get(key, at), at)

    async def _read_listings(self, lead: Connection) -> None:
        self._listings, self._by_goods = {}, {}
        for row in await lead.fetch(SQL["all_listings"]):
            listing = Listing(
                channel=row["channel"],
                shop=row["shop"],
                channel_sku_id=row["channel_sku_id"],
                item_id=row["item_id"],
                merchant_code=row["merchant_code"],
            )
            key = (listing.channel, listing.shop, listing.channel_sku_id)
            goods = goods_of(self._reader.catalogue, listing)
            self._listings[key] = _Known(dict(goods or {}), row["wanted"])
            for sku in goods or ():
                self._by_goods.setdefault((listing.channel, sku), []).append(key)

    async def _want(self, lead: Connection, changed: dict[Key, datetime]) -> None:
        news = []
        for key, at in changed.items():
            known = self._listings[key]
            number = can_be_made(known.goods, self._offered[key[0]])
            if number is not None and number != known.wanted:
                known.wanted = number
                news.append((*key, number, at))
        if news:
            await lead.execute(SQL["want"], *_columns(news, 5))

    async def tell(self, due: Due, pace: Pace) -> None:
        """One call with the newest number; keeps and publishes its answer, or lets it be made again."""
        key = cast("Key", due.job)
        row = await self._shared.pool.fetchrow(SQL["to_tell"], *key)
        clock = self._shared.clock
        if row is None:
            pace.settled(due.document, clock.monotonic_ms())
            return
        attempts, called_at = pace.attempt(due.document), clock.now()
        answer = await self._call(key, row)
        now_ms = clock.monotonic_ms()
        match answer:
            case Applied():
                outcome, reason = "applied", ""
            case Refused(reason=why, code=code):
                outcome, reason = "refused", f"{code}: {why}"
            case Unsupported(reason=reason):
                outcome = "unsupported"
            case Retry(error=error) if pace.failed(due.document) < self._attempts_max:
                pace.again(due.document, now_ms, shop_rests_ms=shop_rests_ms(error))
                return
            case Retry(error=error):
                outcome, reason = "refused", f"gave up after {attempts} attempts: {error.code}"
            case _:
                assert_never(answer)
        told_at, quantity = clock.now(), row["wanted"]
        if (outcome, reason) != (row["outcome"], row["reason"]) or outcome != "unsupported":
            event = ListingStockTold(
                listing_key="|".join(key),
                occurred_at=told_at,
                channel=key[0],
                shop=key[1],
                channel_sku_id=key[2],
                quantity=quantity,
                outcome=outcome,
                reason=reason,
                attempts=attempts,
                stock_changed_at=row["wanted_at"],
            )
            await self._shared.publisher.publish([envelope(self._shared.codec, event, "ingest")])
        await self._shared.pool.execute(
            SQL["told"], *key, quantity, told_at, outcome, reason, attempts, called_at
        )
        metrics.STOCK_TOLD.labels(key[0], outcome).inc()
        if outcome == "applied":
            delay_s = max(0.0, (told_at - row["wanted_at"]).total_seconds())
            metrics.STOCK_DELAY_SECONDS.labels(key[0]).observe(delay_s)
        pace.settled(due.document, now_ms)

    async def _call(self, key: Key, row: Any) -> WriteBack:
        channel_name, shop_name, channel_sku_id = key
        shop = self._shared.shops.get((channel_name, shop_name))
        if shop is None:
            return Unsupported(reason="the shop is not configured any more")
        channel = self._shared.channels[channel_name]
        if channel.stock is None:
            return Unsupported(reason="the channel takes no whole stock numbers")
        listing = ListingStock(
            channel_sku_id=channel_sku_id,
            item_id=row["item_id"],
            quantity=row["wanted"],
            request_id=request_id("stock", *key, str(row["wanted"]), row["wanted_at"].isoformat()),
        )
        request = channel.stock.request(shop.credentials(), listing, self._shared.clock.now())
        if isinstance(request, Unsupported):
            return request
        answer = await send(self._shared.outgoing, request, channel_name, "stock")
        if isinstance(answer, ChannelError):
            return Retry(error=answer)
        return channel.stock.read_answer(answer)


class _Known(Struct):
    """A listing's goods per piece sold, and the number it should show."""

    goods: dict[str, int]
    wanted: int | None


def _columns(rows: Iterable[Sequence[object]], count: int) -> list[list[object]]:
    whole = list(rows)
    return [[row[place] for row in whole] for place in range(count)]
