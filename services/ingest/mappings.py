"""Mappings in Postgres: changed as a whole or not at all, listed, and what waits for one.

A table with one lock, not an aggregate with commands: nobody but ingest acts on a mapping, a change may concern
thousands of keys that must become true together, and its faults (an unknown SKU, a cycle) can only be judged
against all others. The row of `ingest.catalogue` is the single writer: changes wait for each other there. What
follows for orders is decided by the normaliser, which alone writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from chassis.errors import Unavailable
from chassis.postgres import ACQUIRE_TIMEOUT_S, AWAY, Connection, Pool
from services.ingest.catalogue import SQL, components_of
from services.ingest.domain.mapping_rules import (
    Bundles,
    Fault,
    WrittenMapping,
    component_faults,
    key_faults,
)
from services.ingest.domain.matching import Component, Key

RELEASES_MAX = 100_000


class Changed(Struct, frozen=True, kw_only=True):
    """What a change came to, or would: `orders_released` is how many waiting orders have all their lines then."""

    set: int
    removed: int
    unchanged: int
    revision: int
    orders_released: int


class Listed(Struct, frozen=True, kw_only=True):
    """One mapping in force."""

    mapping_id: int
    channel: str
    shop: str
    channel_sku_id: str
    merchant_code: str
    components: tuple[Component, ...]
    revision: int
    actor: str
    set_at: datetime


class UnmatchedSku(Struct, frozen=True, kw_only=True):
    """One of the channels' SKUs for which orders wait."""

    channel: str
    shop: str
    channel_sku_id: str
    merchant_code: str
    title: str
    reason: str
    orders: int
    pieces: int
    since: datetime


class Mappings:
    """The mappings of this merchant. `trusted`: merchant codes are SKUs of ours by themselves."""

    def __init__(self, pool: Pool, channels: AbstractSet[str], *, trusted: bool) -> None:
        self._pool = pool
        self._channels = channels
        self._trusted = trusted

    async def change(
        self,
        written: Sequence[WrittenMapping],
        *,
        actor: str,
        preview: bool = False,
        allow_unknown: bool = False,
    ) -> Changed | tuple[Fault, ...]:
        """Sets and (where there are no components) removes mappings, all of them or none.

        Returns every fault there is. A second call changes nothing. With `preview` the first one does not
        either. Raises Unavailable.
        """
        if faults := tuple(key_faults(written, self._channels)):
            return faults
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                transaction = connection.transaction()
                await transaction.start()
                try:
                    revision = await connection.fetchval(SQL["lock_catalogue"])
                    changed = await _faults(connection, written, allow_unknown=allow_unknown) or (
                        await self._apply(connection, written, revision, actor)
                    )
                except BaseException:
                    await transaction.rollback()
                    raise
                if preview:
                    await transaction.rollback()
                else:
                    await transaction.commit()
        except AWAY as away:
            raise Unavailable(f"Postgres: {type(away).__name__}") from away
        return changed

    async def _apply(
        self,
        connection: Connection,
        written: Sequence[WrittenMapping],
        revision: int,
        actor: str,
    ) -> Changed:
        rows = await connection.fetch(SQL["in_force"], *_columns([one.key for one in written]))
        before: dict[Key, tuple[Component, ...]] = {
            (row["channel"], row["shop"], row["channel_sku_id"], row["merchant_code"]): (
                components_of(row["components"])
            )
            for row in rows
        }
        fresh = [one for one in written if before.get(one.key, ()) != one.components]
        if fresh:
            revision += 1
            keys = _columns([one.key for one in fresh])
            await connection.execute(SQL["supersede"], *keys)
            await connection.execute(
                SQL["add_mappings"],
                *keys,
                [msgspec.json.encode(one.components).decode() for one in fresh],
                [not one.components for one in fresh],
                revision,
                actor,
            )
            await connection.execute(SQL["set_revision"], revision)
        released = await connection.fetch(SQL["matchable"], self._trusted, 0.0, RELEASES_MAX)
        taken = sum([not one.components for one in fresh])
        return Changed(
            set=len(fresh) - taken,
            removed=taken,
            unchanged=len(written) - len(fresh),
            revision=revision,
            orders_released=len(released),
        )

    async def listed(
        self, *, channel: str, shop: str, code: str, after: Key, limit: int
    ) -> tuple[Listed, ...]:
        """Mappings in force by key, after one; `code` is a merchant code or a channel's SKU id."""
        rows = await self._read("listed", channel, shop, code, *after, limit)
        return tuple(
            Listed(**(dict(row) | {"components": components_of(row["components"])})) for row in rows
        )

    async def unmatched(self, *, channel: str, shop: str, limit: int) -> tuple[UnmatchedSku, ...]:
        """What orders wait for, those with the most orders first."""
        rows = await self._read("waiting", channel, shop, limit)
        return tuple(UnmatchedSku(**dict(row)) for row in rows)

    async def _read(self, name: str, *given: object) -> list[Any]:
        try:
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as connection:
                return await connection.fetch(SQL[name], *given)
        except AWAY as away:
            raise Unavailable(f"Postgres: {type(away).__name__}") from away


async def _faults(
    connection: Connection, written: Sequence[WrittenMapping], *, allow_unknown: bool
) -> tuple[Fault, ...]:
    bundles: Bundles = {
        row["merchant_code"]: components_of(row["components"])
        for row in await connection.fetch(SQL["own_bundles"])
    }
    asked = {component.sku for one in written for component in one.components}
    unknown: set[str] = set()
    # What Postgres cannot even be asked for is named by the rules.
    if not allow_unknown and not any("\0" in sku for sku in asked):
        rows = await connection.fetch(SQL["unknown_skus"], list(asked))
        unknown = {row["sku"] for row in rows}
    faults = [*component_faults(written, bundles, unknown)]
    gone = {one.merchant_code: i for i, one in enumerate(written) if _takes_a_bundle(one, bundles)}
    rows = await connection.fetch(SQL["users_of"], list(gone)) if gone else []
    changed = {one.key for one in written}
    for row in rows:
        user = (row["channel"], row["shop"], row["channel_sku_id"], row["merchant_code"])
        if user not in changed:
            where = " ".join(filter(None, user)) or "a bundle"
            faults.append(
                Fault(index=gone[row["sku"]], code="still_used", detail=f"{where} consists of it")
            )
    return tuple(sorted(faults, key=lambda fault: fault.index))


def _takes_a_bundle(one: WrittenMapping, bundles: Bundles) -> bool:
    return not one.channel and not one.components and one.merchant_code in bundles


def _columns(keys: Sequence[Key]) -> list[list[str]]:
    return [list(column) for column in zip(*keys, strict=True)]
