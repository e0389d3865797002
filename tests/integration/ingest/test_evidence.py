"""How long evidence is kept, on real Postgres."""

from datetime import UTC, datetime, timedelta

from chassis.postgres import open_pool
from services.ingest.archive import SQL
from services.ingest.domain.evidence import Evidence
from services.ingest.store import appended_evidence, forget_evidence, read_evidence
from tests.support.plans import pages_touched

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def seen(offset: int, taken_at: datetime) -> Evidence:
    return Evidence(
        source_key="taobao|s1|1",
        position=f"channel-payloads/0/{offset}",
        sha256=b"s" * 32,
        door="poll",
        accepted_at=taken_at,
        taken_at=taken_at,
        modified_at=None,
        outcome="stale",
        order_version=1,
    )


async def test_evidence_is_read_in_order_and_forgotten_by_age_a_slice_at_a_time(
    database_url: str,
) -> None:
    pool = await open_pool(database_url, 1)
    try:
        async with pool.acquire() as connection:
            old = [seen(offset, NOW - timedelta(days=401)) for offset in (9, 10, 100)]
            fresh = [seen(offset, NOW) for offset in (101, 102)]
            appended = appended_evidence([*fresh, *old])
            await connection.copy_records_to_table(
                "evidence",
                schema_name="ingest",
                columns=[name for name, _ in appended.columns],
                records=appended.rows,
            )
            assert await read_evidence(connection, "taobao|s1|1") == (*old, *fresh)
            before = NOW - timedelta(days=400)
            gone = [await forget_evidence(connection, before, 2) for _ in range(3)]
            assert gone == [2, 1, 0]
            assert await read_evidence(connection, "taobao|s1|1") == tuple(fresh)
    finally:
        await pool.close()


async def test_the_days_evidence_is_found_without_the_rest_wherever_it_lies(
    database_url: str,
) -> None:
    pool = await open_pool(database_url, 1)
    try:
        # As after months, when new rows took the room of old ones: every part of the table has rows of all times.
        await pool.execute(
            "INSERT INTO ingest.evidence SELECT i::text, '', '', '', $1, "
            "$1::timestamptz - i * 7919 % 60000 * interval '9 min', NULL, '', 0 FROM generate_series(1, 60000) AS i",
            NOW,
        )
        await pool.execute("VACUUM ANALYZE ingest.evidence")
        since = NOW - timedelta(hours=6)
        assert await pages_touched(pool, SQL["first_arrival"], since, NOW) < 20
    finally:
        await pool.close()
