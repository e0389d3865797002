"""The listings whose stock is told the shops, in Postgres: changed as a whole or not at all, and listed.

A table under the catalogue's lock, as the mappings are and for the same reasons: what a listing shows follows from
mappings and listings together, so both bump one revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Pool, named_queries
from services.ingest.catalogue import SQL as CATALOGUE_SQL
from services.ingest.channels import Channel
from services.ingest.domain.mapping_rules import NAME_CHARS_MAX, Fault

SQL = named_queries(Path(__file__).parent / "sql" / "listings.sql")

Key = tuple[str, str, str]
"""(channel, shop, channel SKU id)."""


class WrittenListing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A listing as it is sent to us.

    `channel_sku_id` is as orders name it (where an article has no SKUs: its id), `item_id` the article as the
    channel's stock call wants it (docs/channels.md). `remove`: its stock is not told any more.
    """

    channel: str
    shop: str
    channel_sku_id: str
    item_id: str = ""
    merchant_code: str = ""
    remove: bool = False

    @property
    def key(self) -> Key:
        """Which listing it is."""
        return (self.channel, self.shop, self.channel_sku_id)


class ListingsChanged(Struct, frozen=True, kw_only=True):
    """What a change came to."""

    set: int
    removed: int
    unchanged: int


class ListedListing(Struct, frozen=True, kw_only=True):
    """A listing with what it should show and what its shop was told.

    `wanted` None: no number yet. `due`: the shop has to be told. `outcome`: applied, refused, unsupported, or "".
    """

    channel: str
    shop: str
    channel_sku_id: str
    item_id: str
    merchant_code: str
    actor: str
    set_at: datetime
    wanted: int | None
    wanted_at: datetime | None
    due: bool
    told: int | None
    told_at: datetime | None
    outcome: str
    reason: str
    attempts: int


class Listings:
    """The listings of this merchant."""

    def __init__(self, pool: Pool, channels: Mapping[str, Channel]) -> None:
        self._pool = pool
        self._channels = channels

    async def change(
        self, written: Sequence[WrittenListing], *, actor: str
    ) -> ListingsChanged | tuple[Fault, ...]:
        """Sets and removes listings, all of them or none; returns every fault there is.

        A second call changes nothing. What a shop shows of a removed listing stays as it is. Raises Unavailable.
        """
        if faults := tuple(_faults(written, self._channels)):
            return faults
        wanted = [one for one in written if not one.remove]
        gone = [one.key for one in written if one.remove]
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection,
                connection.transaction(),
            ):
                revision = await connection.fetchval(CATALOGUE_SQL["lock_catalogue"])
                names = ("channel", "shop", "channel_sku_id", "item_id", "merchant_code")
                columns = [[getattr(one, name) for one in wanted] for name in names]
                set_rows = await connection.fetch(SQL["set_listings"], *columns, actor)
                keys = [[key[place] for key in gone] for place in range(3)]
                removed = await connection.fetch(SQL["remove_listings"], *keys)
                if set_rows or removed:
                    await connection.execute(CATALOGUE_SQL["set_revision"], revision + 1)
        except AWAY as away:
            raise Unavailable(f"Postgres: {type(away).__name__}") from away
        changed = len(set_rows) + len(removed)
        return ListingsChanged(
            set=len(set_rows), removed=len(removed), unchanged=len(written) - changed
        )

    async def listed(
        self, *, channel: str, shop: str, code: str, outcome: str, after: Key, limit: int
    ) -> tuple[ListedListing, ...]:
        """Listings by key, after one; `code` is a merchant code or a channel's SKU id. Raises Unavailable."""
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                rows = await connection.fetch(
                    SQL["listed"], channel, shop, code, outcome, *after, limit
                )
        except AWAY as away:
            raise Unavailable(f"Postgres: {type(away).__name__}") from away
        return tuple(ListedListing(**dict(row)) for row in rows)


def _faults(written: Sequence[WrittenListing], channels: Mapping[str, Channel]) -> Iterator[Fault]:
    first: dict[Key, int] = {}
    for index, one in enumerate(written):
        for code, detail in _faults_of(one, channels):
            yield Fault(index=index, code=code, detail=detail)
        if (before := first.setdefault(one.key, index)) != index:
            detail = f"the same listing is number {before + 1} of this change"
            yield Fault(index=index, code="listed_twice", detail=detail)


def _faults_of(one: WrittenListing, channels: Mapping[str, Channel]) -> Iterator[tuple[str, str]]:
    channel = channels.get(one.channel)
    if channel is None:
        yield "channel_unknown", f"there is no channel {one.channel!r}"
    elif channel.stock is None:
        yield "channel_takes_no_stock", f"{one.channel} cannot be told whole stock numbers"
    elif channel.stock.needs_item and not one.item_id and not one.remove:
        yield "item_missing", f"{one.channel} names a listing by item_id and SKU id"
    if not one.shop or not one.channel_sku_id:
        yield "nothing_named", "name the shop and the channel's SKU id"
    for name in ("shop", "channel_sku_id", "item_id", "merchant_code"):
        text = getattr(one, name)
        if len(text) > NAME_CHARS_MAX or (text and not text.isprintable()) or "|" in text:
            detail = f"{name} is at most {NAME_CHARS_MAX} printable characters without |"
            yield "unusable_text", detail
