"""What is kept for a while goes when its time is over, and nothing else does."""

from datetime import timedelta

import asyncpg
import pytest

from chassis import forgetting
from chassis.forgetting import COMMANDS_KEPT, OUTBOX_KEPT, ROWS_MAX, forget

MINUTE = timedelta(minutes=1)


async def test_only_what_was_published_three_days_ago_is_gone(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    for published in (None, OUTBOX_KEPT - MINUTE, OUTBOX_KEPT + MINUTE, None, MINUTE):
        await connection.execute(
            "INSERT INTO chassis.outbox (processor, records, created_at, published_at) "
            "VALUES ('toy', '', now() - interval '9 days', now() - $1::interval)",
            published,
        )
    assert await forget(connection) == 1
    assert await forget(connection) == 0
    rows = await connection.fetch("SELECT id FROM chassis.outbox ORDER BY id")
    assert [row["id"] for row in rows] == [1, 2, 4, 5]
    await connection.close()


async def test_what_nobody_publishes_any_more_keeps_nothing_else(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "ROWS_MAX", 2)
    connection = await asyncpg.connect(database_url)
    for published in (None, None, None, OUTBOX_KEPT + MINUTE):
        await connection.execute(
            "INSERT INTO chassis.outbox (processor, records, published_at) "
            "VALUES ('renamed', '', now() - $1::interval)",
            published,
        )
    assert await forget(connection) == 1
    await connection.close()


async def test_results_of_commands_go_later_and_the_oldest_first(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "INSERT INTO chassis.commands_settled "
        "SELECT 'toy', n::text, 'done', '', '', now() - $1::interval - n * interval '1 minute' "
        "FROM generate_series(-1, $2) AS n WHERE n <> 0",
        COMMANDS_KEPT,
        ROWS_MAX + 1,
    )
    assert await forget(connection) == ROWS_MAX
    rows = await connection.fetch("SELECT command_id FROM chassis.commands_settled ORDER BY 1")
    assert [row["command_id"] for row in rows] == ["-1", "1"]
    assert await forget(connection) == 1
    assert await connection.fetchval("SELECT command_id FROM chassis.commands_settled") == "-1"
    await connection.close()
