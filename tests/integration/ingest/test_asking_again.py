"""A request that is over and that the buyer asks again under its number, on real Postgres: one request more."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from chassis.postgres import Pool, migrate, open_pool
from chassis.processor import Kept
from chassis.service import CHASSIS_MIGRATIONS
from services.ingest.__main__ import MIGRATIONS
from services.ingest.aftersales_store import aftersale_of, keep_aftersales, keep_told_refused
from services.ingest.channels import Aftersale
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.write_backs import REFUSAL, SHIPMENT, Told, WriteBacks
from services.ingest.shops import Shop

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
SHOP = Shop(
    channel="taobao", shop="s1", app_key="k", app_secret="s", access_token="t", base_url="http://x"
)
ASKED, REFUSED, WITHDRAWN, REFUNDED = (
    LineRefundState.REQUESTED,
    LineRefundState.REFUSED,
    LineRefundState.WITHDRAWN,
    LineRefundState.REFUNDED,
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    opened = await open_pool(database_url, 2)
    yield opened
    opened.terminate()


def seen(state: LineRefundState, minute: int) -> Aftersale:
    return Aftersale(
        refund_no="7001",
        order_no="4001",
        line_id="",
        state=state,
        raw_state=str(state),
        amount_fen=990,
        goods_come_back=False,
        reason="尺码不合，请联系 13800138000",
        modified_at=NOON + timedelta(minutes=minute),
        version="",
        phase="",
    )


@pytest.mark.parametrize(
    ("told", "polls", "rounds"),
    [
        # Refused here, seen refused, asked again: once, however often it is seen.
        (True, [(REFUSED, 2), (ASKED, 3), (ASKED, 3)], 2),
        (True, [(WITHDRAWN, 2), (ASKED, 3)], 2),
        # A slow replica still shows what was before.
        (True, [(REFUSED, 2), (ASKED, 1), (ASKED, 2)], 1),
        # Not seen closed: what changed is no new asking.
        (True, [(ASKED, 3)], 1),
        # Refused or withdrawn there and not by us: our case has ended all the same.
        (False, [(REFUSED, 2), (ASKED, 3), (ASKED, 3)], 2),
        (False, [(WITHDRAWN, 2), (ASKED, 3)], 2),
        (False, [(WITHDRAWN, 2), (ASKED, 1)], 1),
        # What was paid is not asked for again.
        (False, [(REFUNDED, 2), (ASKED, 3)], 1),
    ],
)
async def test_a_request_is_asked_for_again_when_it_is_open_later_than_it_was_closed(
    pool: Pool, told: bool, polls: list[tuple[LineRefundState, int]], rounds: int
) -> None:
    await keep_aftersales(pool, SHOP, [seen(ASKED, 1)])
    first = await pool.fetchval("UPDATE ingest.aftersales SET requested = true RETURNING refund_id")
    if told:
        for _ in range(2):
            await keep_told_refused(pool, first)
    for state, minute in polls:
        await keep_aftersales(pool, SHOP, [seen(state, minute)])

    [row] = await pool.fetch("SELECT round, requested, refund_id FROM ingest.aftersales")
    assert (row["round"], row["requested"]) == (rounds, rounds == 1)
    assert (row["refund_id"] == first) == (rounds == 1)
    assert await aftersale_of(pool, row["refund_id"]) is not None
    kept = await pool.fetch(
        "SELECT document::text FROM ingest.aftersales UNION ALL SELECT document::text FROM ingest.requests_ended"
    )
    assert not any("13800138000" in row["document"] for row in kept if row["document"])


@pytest.mark.parametrize(
    ("polls", "ends"),
    [
        ([(ASKED, 1), (WITHDRAWN, 2), (WITHDRAWN, 2)], 1),
        # Asked and withdrawn between two polls.
        ([(WITHDRAWN, 2)], 1),
        ([(ASKED, 1), (WITHDRAWN, 2), (ASKED, 3), (REFUSED, 4), (WITHDRAWN, 2)], 2),
        ([(ASKED, 1), (ASKED, 2)], 0),
    ],
)
async def test_each_end_of_a_request_is_kept_once_however_often_it_is_listed(
    pool: Pool, polls: list[tuple[LineRefundState, int]], ends: int
) -> None:
    for state, minute in polls:
        await keep_aftersales(pool, SHOP, [seen(state, minute)])
    rows = await pool.fetch("SELECT state, told FROM ingest.requests_ended")
    assert [row["told"] for row in rows] == [False] * ends


async def test_orders_with_a_parcel_not_taken_are_found_among_what_was_kept_before(
    empty_database_url: str, tmp_path: Path
) -> None:
    marks = "0041_parcels_untaken.sql"
    shutil.copytree(MIGRATIONS, tmp_path / "before", ignore=shutil.ignore_patterns(marks))
    await migrate(
        empty_database_url, {"chassis": CHASSIS_MIGRATIONS, "ingest": tmp_path / "before"}
    )
    kept: dict[str, WriteBacks | None] = {
        "TB1": WriteBacks(told=(Told(kind=SHIPMENT, document_no="P1", outcome="applied"),)),
        "TB2": WriteBacks(told=(Told(kind=SHIPMENT, document_no="P1", outcome="refused"),)),
        "TB3": WriteBacks(told=(Told(kind=SHIPMENT, document_no="P1"),)),
        "TB4": WriteBacks(told=(Told(kind=REFUSAL, document_no="R1", outcome="refused"),)),
        "TB5": None,
    }
    opened = await open_pool(empty_database_url, 1)
    await opened.executemany(
        "INSERT INTO ingest.write_backs (key, document, due) VALUES ($1, $2, false)",
        [(key, msgspec.json.encode(Kept(state=state)).decode()) for key, state in kept.items()],
    )
    await migrate(empty_database_url, {"chassis": CHASSIS_MIGRATIONS, "ingest": MIGRATIONS})
    rows = await opened.fetch("SELECT key FROM ingest.write_backs WHERE parcels_untaken")
    opened.terminate()
    found = {row["key"] for row in rows}
    assert found == {key for key, state in kept.items() if state and state.parcels_untaken}
    assert found == {"TB2", "TB3"}
