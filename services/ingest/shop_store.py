"""How far the shops were polled and how they are doing: written by pollers, read by them at start and by people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chassis.postgres import ACQUIRE_TIMEOUT_S, Connection, Pool
from services.ingest.domain.shop_health import ShopHealth, ShopState
from services.ingest.shops import Shop

COLUMNS = (
    "state, since, polled_until, succeeded_at, failures, failed_at, error, errors, newest_order_at"
)
_errors = msgspec.json.Decoder(dict[str, int])


class Known(Struct, frozen=True, kw_only=True):
    """What Postgres has of one shop. `pushes`: genuine ones taken so far."""

    health: ShopHealth
    pushes: int = 0
    pushed_at: datetime | None = None


class Pushes(Struct, frozen=True, kw_only=True):
    """Pushes of one shop that are to be added."""

    count: int
    last_at: datetime


async def read_health(pool: Pool, shop: Shop, now: datetime) -> ShopHealth:
    """What is known of a shop; one never polled is normal since now."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        row = await connection.fetchrow(
            f"SELECT {COLUMNS} FROM ingest.shops WHERE channel = $1 AND shop = $2",  # noqa: S608
            shop.channel,
            shop.shop,
        )
    return ShopHealth(since=now) if row is None else _health(row)


async def keep_health(pool: Pool, shop: Shop, health: ShopHealth) -> None:
    """Writes what is known of a shop over what was."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.execute(
            f"INSERT INTO ingest.shops AS known (channel, shop, {COLUMNS}) "  # noqa: S608
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
            "ON CONFLICT (channel, shop) DO UPDATE SET "
            f"({COLUMNS}) = ($3, $4, $5, $6, $7, $8, $9, $10, $11)",
            shop.channel,
            shop.shop,
            health.state,
            health.since,
            health.polled_until,
            health.succeeded_at,
            health.failures,
            health.failed_at,
            health.error,
            msgspec.json.encode(health.errors).decode(),
            health.newest_order_at,
        )


async def health_of_all(connection: Connection) -> tuple[tuple[str, str, ShopHealth], ...]:
    """(channel, shop, health) of every shop that was ever polled, those in trouble first."""
    rows = await connection.fetch(
        f"SELECT channel, shop, {COLUMNS} FROM ingest.shops "  # noqa: S608
        "ORDER BY state = 'normal', channel, shop"
    )
    return tuple((row["channel"], row["shop"], _health(row)) for row in rows)


async def known_shops(pool: Pool) -> dict[tuple[str, str], Known]:
    """(channel, shop) → what is known, for every shop that was ever polled or pushed. Raises AWAY."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        rows = await connection.fetch(
            f"SELECT channel, shop, pushes, pushed_at, {COLUMNS} FROM ingest.shops "  # noqa: S608
            "ORDER BY channel, shop"
        )
    return {
        (row["channel"], row["shop"]): Known(
            health=_health(row), pushes=row["pushes"], pushed_at=row["pushed_at"]
        )
        for row in rows
    }


async def add_pushes(pool: Pool, pushes: Mapping[tuple[str, str], Pushes]) -> None:
    """Adds to the counts, all or none; a second call adds again. Raises AWAY."""
    rows = sorted(pushes.items())
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.execute(
            "INSERT INTO ingest.shops AS known (channel, shop, pushes, pushed_at) "
            "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) "
            "ON CONFLICT (channel, shop) DO UPDATE SET pushes = known.pushes + excluded.pushes, "
            "pushed_at = greatest(known.pushed_at, excluded.pushed_at)",
            [channel for (channel, _), _ in rows],
            [shop for (_, shop), _ in rows],
            [one.count for _, one in rows],
            [one.last_at for _, one in rows],
        )


async def aftersales_until(pool: Pool, shop: Shop) -> datetime | None:
    """Up to when a shop's after-sales requests were taken; None before the first time."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        until: datetime | None = await connection.fetchval(
            "SELECT aftersales_until FROM ingest.shops WHERE channel = $1 AND shop = $2",
            shop.channel,
            shop.shop,
        )
    return until


async def keep_aftersales_until(pool: Pool, shop: Shop, until: datetime) -> None:
    """Moves that watermark."""
    async with pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
        await connection.execute(
            "INSERT INTO ingest.shops (channel, shop, aftersales_until) VALUES ($1, $2, $3) "
            "ON CONFLICT (channel, shop) DO UPDATE SET aftersales_until = excluded.aftersales_until",
            shop.channel,
            shop.shop,
            until,
        )


def _health(row: Any) -> ShopHealth:
    return ShopHealth(
        state=ShopState(row["state"]),
        since=row["since"],
        polled_until=row["polled_until"],
        succeeded_at=row["succeeded_at"],
        failures=row["failures"],
        failed_at=row["failed_at"],
        error=row["error"],
        errors=_errors.decode(row["errors"]),
        newest_order_at=row["newest_order_at"],
    )
