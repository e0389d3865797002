"""The uses of rows with quotas or campaigns in Postgres, for rows of stock that the caller has locked.

Guarantees: a row is counted from the first time that it is locked and its SKU has a quota, or a campaign is opened on it,
holds made before included;
from then on it stays counted, whatever the table says. What is kept is written in the very statement that writes what is
reserved, so that the CHECK of the row holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from chassis.postgres import Connection, Pool, named_queries
from services.inventory import shelves
from services.inventory.domain.campaigns import Allotment
from services.inventory.domain.model import Row
from services.inventory.domain.quotas import Shares, Use
from services.inventory.domain.rules import Book
from services.inventory.quotas import Quotas

SQL = named_queries(Path(__file__).parent / "sql" / "quotas.sql")
STOCK = named_queries(Path(__file__).parent / "sql" / "queries.sql")
CAMPAIGNS = named_queries(Path(__file__).parent / "sql" / "campaigns.sql")
ROWS_A_LOOK = 2_000
"""Locked at once while the count of all begins: orders of theirs wait meanwhile."""


class CampaignOpen(Exception):
    """The count of a SKU cannot begin anew while pieces of it are set aside: the campaigns, by number."""


class OpenCampaigns:
    """Of which SKUs pieces are set aside, as this process last heard. It may be late: decisions see the locked rows."""

    def __init__(self) -> None:
        self.skus: frozenset[str] = frozenset()

    async def refresh(self, connection: Connection | Pool) -> None:
        """Hears how it is now."""
        self.skus = frozenset(row["sku"] for row in await connection.fetch(CAMPAIGNS["skus"]))


class UseDifference(Struct, frozen=True, kw_only=True):
    """A channel whose counted uses of a row are not what holds and ledger come to, in pieces."""

    warehouse: str
    sku: str
    channel: str
    counted_held: int
    held: int
    """Sum of its live holds."""
    counted_sent: int
    sent: int
    """What the ledger says it sent out since the count began, less what came back."""
    campaign: str = ""
    """An open campaign on whose pieces it drew; empty = none."""

    @property
    def pieces(self) -> int:
        """By how many it is off."""
        return abs(self.counted_held - self.held) + abs(self.counted_sent - self.sent)


async def read(
    connection: Connection, rows: Sequence[Row], uncounted: Sequence[Row], quotas: Quotas
) -> dict[Row, Shares]:
    """The shares of counted rows, and of those whose count begins now: they must exist."""
    if uncounted:
        await connection.execute(SQL["begin"], *_columns(uncounted))
    uses: dict[Row, dict[str, Use]] = {row: {} for row in (*rows, *uncounted)}
    campaigns: Campaigns = {}
    if uses:
        for row in await connection.fetch(SQL["read"], *_columns(list(uses))):
            uses[row["warehouse"], row["sku"]][row["channel"]] = Use(row["held"], row["sent"])
        campaigns = _campaigns(await connection.fetch(CAMPAIGNS["of_rows"], *_columns(list(uses))))
    return {
        row: Shares(quotas.sharing(row[1]), used, *campaigns.get(row, ()))
        for row, used in uses.items()
    }


class AllotmentDifference(Struct, frozen=True, kw_only=True):
    """A row that is not set aside as its campaigns say, in pieces."""

    warehouse: str
    sku: str
    differing: int
    """Between what the documents say and what the row has."""
    lacking: int
    """By which less is kept than is set aside, unsold and free."""


Campaigns = dict[Row, tuple[list[Allotment], dict[str, dict[str, Use]]]]
"""By row of stock: what is set aside of it, and what was drawn on each campaign by which channel."""


def _campaigns(rows: Iterable[Any]) -> Campaigns:
    found: Campaigns = {}
    for row in rows:
        allotments, drawn = found.setdefault((row["warehouse"], row["sku"]), ([], {}))
        campaign = row["campaign"]
        if campaign not in drawn:
            drawn[campaign] = {}
            allotments.append(
                Allotment(
                    campaign=campaign,
                    pieces=row["pieces"],
                    channels=tuple(row["channels"]),
                    begins_at=row["begins_at"],
                    ends_at=row["ends_at"],
                    running=row["running"],
                    exclusive=row["exclusive"],
                )
            )
        if row["channel"] is not None:
            drawn[campaign][row["channel"]] = Use(row["held"], row["sent"])
    return found


def allotted(book: Book, row: Row) -> bool:
    """Whether any of a row is set aside for a campaign."""
    return row in book.shares and bool(book.shares[row].allotments)


async def save(connection: Connection, book: Book, rows: Sequence[Row]) -> None:
    """Writes changed rows that are counted, with what is kept of them, and the uses that changed."""
    numbers = [(*row, *book.rows[row], book.kept(row)) for row in rows]
    written = await connection.execute(SQL["write_rows"], *_columns(numbers))
    assert written == f"UPDATE {len(rows)}", written
    uses = [
        (*row, channel, shares.uses[channel].held, shares.uses[channel].sent)
        for row in rows
        for shares in (book.shares[row],)
        for channel in sorted(shares.changed)
    ]
    if uses:
        await connection.execute(SQL["save"], *_columns(uses))
    if any(book.shares[row].allotments or book.shares[row].changed_terms for row in rows):
        await _save_campaigns(connection, book, rows)


async def _save_campaigns(connection: Connection, book: Book, rows: Sequence[Row]) -> None:
    lines, ended, uses = [], [], []
    for row in rows:
        shares = book.shares[row]
        for campaign in sorted(shares.changed_terms):
            if (one := shares.allotments.get(campaign)) is None:
                ended.append((*row, campaign))
                continue
            when = (one.begins_at, one.ends_at)
            terms = (one.pieces, list(one.channels), *when, one.running, one.exclusive)
            lines.append((*row, campaign, *terms))
        for campaign, channel in sorted(shares.changed_draws):
            if campaign in shares.allotments:
                use = shares.drawn[campaign][channel]
                uses.append((*row, campaign, channel, use.held, use.sent))
    if lines:
        await connection.executemany(CAMPAIGNS["keep_line"], lines)
    if uses:
        await connection.execute(CAMPAIGNS["keep_uses"], *_columns(uses))
    if ended:
        await connection.execute(CAMPAIGNS["end_lines"], *_columns(ended))


async def recounted(connection: Connection, row: Row, shares: Shares) -> None:
    """What the channels hold of a locked row, counted anew from its holds: for a row that is repaired."""
    held = {
        (one["campaign"], one["channel"]): one["held"]
        for one in await connection.fetch(SQL["held_now"], *row)
    }
    counted = {("", channel): use.held for channel, use in shares.uses.items()}
    for campaign, uses in shares.drawn.items():
        counted |= {(campaign, channel): use.held for channel, use in uses.items()}
    for campaign, channel in counted.keys() | held.keys():
        off = held.get((campaign, channel), 0) - counted.get((campaign, channel), 0)
        if off:
            shares.use(channel, off, campaigns=(campaign,))


async def differences(connection: Connection) -> tuple[UseDifference, ...]:
    """Uses that are not what holds and ledger come to, by row and channel."""
    return tuple(UseDifference(**dict(row)) for row in await connection.fetch(SQL["mismatch"]))


async def allotted_wrong(connection: Connection) -> tuple[AllotmentDifference, ...]:
    """Rows that do not have, or do not keep, what open campaigns say is set aside of them."""
    rows = await connection.fetch(CAMPAIGNS["mismatch"])
    return tuple(AllotmentDifference(**dict(row)) for row in rows)


async def unlocked(connection: Connection, skus: Sequence[str], quotas: Quotas) -> Book:
    """What is for sale of these SKUs and who may have it, to be looked at: nothing is locked, and may be other by then."""
    rows: dict[Row, tuple[int, int]] = {}
    uses: dict[Row, dict[str, Use]] = {}
    aside: dict[Row, int] = {}
    for one in await connection.fetch(SQL["of_skus"], skus):
        row = (one["warehouse"], one["sku"])
        rows[row] = (one["for_sale"], one["reserved"])
        if one["set_aside"]:
            aside[row] = one["set_aside"]
        if one["counted"]:
            used = uses.setdefault(row, {})
            if one["channel"] is not None:
                used[one["channel"]] = Use(one["held"], one["sent"])
    campaigns = _campaigns(await connection.fetch(CAMPAIGNS["of_skus"], skus)) if uses else {}
    shares = {
        row: Shares(quotas.sharing(row[1]), used, *campaigns.get(row, ()))
        for row, used in uses.items()
    }
    return Book(rows, None, shares, aside)


async def keeping(connection: Connection, skus: Sequence[str], quotas: Quotas) -> Book:
    """As `unlocked`, of those SKUs only of which anything may be kept for channels: by hard quotas or open campaigns."""
    limited = {row["sku"] for row in await connection.fetch(CAMPAIGNS["among"], skus)}
    if quotas.hard:
        limited.update(sku for sku in skus if quotas.limits(sku))
    return await unlocked(connection, sorted(limited), quotas) if limited else Book({})


async def restart(connection: Connection, sku: str) -> list[str]:
    """Forgets what was sent of the SKU: its shares are of what lies there now. Returns the warehouses.

    Its rows are counted again when they are next locked; a second call before that does nothing. Raises CampaignOpen
    while pieces of it are set aside.
    """
    async with connection.transaction():
        rows = await connection.fetch(SQL["forget_rows"], sku)
        if found := await connection.fetch(CAMPAIGNS["open_of"], sku):
            raise CampaignOpen(", ".join(row["campaign"] for row in found))
        await connection.execute(SQL["forget_uses"], sku)
    return sorted(row["warehouse"] for row in rows)


async def begin_counting(pool: Pool, quotas: Quotas, rows_a_look: int = ROWS_A_LOOK) -> int:
    """Begins the count of all rows whose SKU has a quota and that are not counted yet; returns how many.

    Rows that come later are counted when they are first locked. Several processes may do it: a row is begun once.
    """
    begun, last = 0, ("", "")
    while quotas.hard:
        async with pool.acquire() as connection, connection.transaction():
            found = await connection.fetch(SQL["uncounted"], *last, rows_a_look)
            if not found:
                break
            last = (found[-1]["warehouse"], found[-1]["sku"])
            rows = [(row["warehouse"], row["sku"]) for row in found if quotas.limits(row["sku"])]
            if rows:
                begun += await _begin(connection, rows, quotas)
    return begun


async def _begin(connection: Connection, rows: Sequence[Row], quotas: Quotas) -> int:
    locked = await connection.fetch(STOCK["lock_rows"], *_columns(rows))
    numbers = {(row[0], row[1]): (row[2], row[3]) for row in locked if not row[5]}
    if numbers:
        batched = [(row[0], row[1]) for row in locked if row[4] and not row[5]]
        on_shelves = await shelves.read(connection, batched) if batched else None
        counted = await read(connection, (), list(numbers), quotas)
        aside = {(row[0], row[1]): row[6] for row in locked if row[6]}
        book = Book(numbers, on_shelves, counted, aside)
        await save(connection, book, sorted(numbers))
    return len(numbers)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
