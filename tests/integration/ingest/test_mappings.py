"""Mappings on real Postgres: whole or not at all, once, and read again exactly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chassis.postgres import Pool, open_pool
from services.ingest.catalogue import CatalogueReader
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.domain.matching import Component, MerchantCodes
from services.ingest.mappings import Changed, Mappings
from services.ingest.skus import learn

KEY = {"channel": "taobao", "shop": "s1", "channel_sku_id": "9"}


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database_url, 4)
    await learn(pool, ["A", "B", "C"])
    yield pool
    await pool.close()


@pytest.fixture
def mappings(pool: Pool) -> Mappings:
    return Mappings(pool, frozenset({"taobao"}), trusted=True)


def listing(*skus: str, **key: str) -> WrittenMapping:
    components = tuple(Component(sku=sku) for sku in skus)
    return WrittenMapping(**(key or KEY), components=components)


async def current(pool: Pool, reader: CatalogueReader) -> dict[str, list[str]]:
    """What a reader knows after it caught up, merchant code or SKU id → SKUs."""
    revision = await pool.fetchval("SELECT revision FROM ingest.catalogue")
    await reader.catch_up(pool, revision)
    return {
        key[2] or key[3]: [component.sku for component in mapping.components]
        for key, mapping in reader.catalogue.mappings.items()
    }


async def changed(mappings: Mappings, *written: WrittenMapping, **options: bool) -> Changed:
    outcome = await mappings.change(written, actor="test", **options)
    assert isinstance(outcome, Changed), outcome
    return outcome


async def test_the_same_mapping_again_changes_nothing(pool: Pool, mappings: Mappings) -> None:
    first = await changed(mappings, listing("A", "B"))
    again = await changed(mappings, listing("A", "B"))
    assert (first.set, again.set, again.unchanged, again.revision) == (1, 0, 1, first.revision)
    assert await pool.fetchval("SELECT count(*) FROM ingest.sku_mappings") == 1
    gone = await changed(mappings, listing())
    again = await changed(mappings, listing())
    assert (gone.removed, again.removed, again.unchanged) == (1, 0, 1)


async def test_what_was_mapped_before_stays_readable_by_its_number(
    pool: Pool, mappings: Mappings
) -> None:
    await changed(mappings, listing("A"))
    await changed(mappings, listing("B"))
    await changed(mappings, listing())
    rows = await pool.fetch(
        "SELECT components, removed, in_force FROM ingest.sku_mappings ORDER BY mapping_id"
    )
    assert [(row["removed"], row["in_force"]) for row in rows] == (
        [(False, False), (False, False), (True, True)]
    )
    assert '"A"' in rows[0]["components"]


async def test_a_preview_says_what_would_be_and_leaves_no_trace(
    pool: Pool, mappings: Mappings
) -> None:
    preview = await changed(mappings, listing("A"), preview=True)
    assert preview.set == 1
    assert await pool.fetchval("SELECT count(*) FROM ingest.sku_mappings") == 0
    assert (await changed(mappings, listing("A"))).revision == preview.revision


async def test_one_fault_keeps_the_whole_change_out(pool: Pool, mappings: Mappings) -> None:
    outcome = await mappings.change(
        [listing("A"), listing("NOBODYS", merchant_code="K")], actor="test"
    )
    assert not isinstance(outcome, Changed)
    assert [(fault.index, fault.code) for fault in outcome] == [(1, "unknown_sku")]
    assert await pool.fetchval("SELECT count(*) FROM ingest.sku_mappings") == 0
    taken = await changed(mappings, listing("NOBODYS", merchant_code="K"), allow_unknown=True)
    assert taken.set == 1


async def test_a_bundle_that_others_consist_of_is_not_taken_away(mappings: Mappings) -> None:
    await changed(mappings, listing("A", "B", merchant_code="KIT"), listing("KIT"))
    outcome = await mappings.change([listing(merchant_code="KIT")], actor="test")
    assert not isinstance(outcome, Changed)
    assert [fault.code for fault in outcome] == ["still_used"]
    assert "taobao s1 9" in outcome[0].detail
    assert (await changed(mappings, listing(merchant_code="KIT"), listing("A"))).removed == 1


async def test_a_cycle_over_two_changes_is_found(mappings: Mappings) -> None:
    await changed(mappings, listing("A", "K1", merchant_code="K2"), allow_unknown=True)
    outcome = await mappings.change([listing("K2", merchant_code="K1")], actor="test")
    assert not isinstance(outcome, Changed)
    assert [(fault.code, fault.detail) for fault in outcome] == [("cycle", "K1 → K2 → K1")]


async def test_two_that_would_make_a_cycle_together_are_not_both_taken(mappings: Mappings) -> None:
    outcomes = await asyncio.gather(
        mappings.change([listing("K2", merchant_code="K1")], actor="a", allow_unknown=True),
        mappings.change([listing("K1", merchant_code="K2")], actor="b", allow_unknown=True),
    )
    assert sorted(isinstance(outcome, Changed) for outcome in outcomes) == [False, True]


async def test_a_reader_ends_with_what_many_writers_left(pool: Pool, mappings: Mappings) -> None:
    reader = CatalogueReader(MerchantCodes.KNOWN)

    async def write(number: int) -> None:
        key = {"channel": "taobao", "shop": "s1", "merchant_code": str(number % 7)}
        skus = ("ABC"[number % 3],) if number % 5 else ()
        await changed(mappings, listing(*skus, **key))

    async def read() -> None:
        for _ in range(20):
            await current(pool, reader)

    await asyncio.gather(read(), *(write(number) for number in range(40)))
    await learn(pool, ["D"])
    rows = await pool.fetch(
        "SELECT merchant_code FROM ingest.sku_mappings WHERE in_force AND NOT removed"
    )
    assert set(await current(pool, reader)) == {row["merchant_code"] for row in rows}
    assert await current(pool, reader) == await current(pool, CatalogueReader(MerchantCodes.KNOWN))
    assert reader.catalogue.skus == {"A", "B", "C", "D"}


async def test_many_mappings_are_listed_page_by_page_each_once(mappings: Mappings) -> None:
    await changed(mappings, *(listing("A", merchant_code=f"{number:02}") for number in range(25)))
    seen: list[str] = []
    after = ("", "", "", "")
    while page := await mappings.listed(channel="", shop="", code="", after=after, limit=10):
        seen += [one.merchant_code for one in page]
        last = page[-1]
        after = (last.channel, last.shop, last.channel_sku_id, last.merchant_code)
    assert seen == [f"{number:02}" for number in range(25)]
