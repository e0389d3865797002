"""What the timers count among many orders, on real Postgres."""

from chassis.postgres import open_pool
from services.orders.store import QUERIES, unshipped
from tests.support.plans import pages_touched


async def test_to_count_what_is_not_shipped_looks_at_none_that_is(database_url: str) -> None:
    pool = await open_pool(database_url, 1)
    try:
        await pool.execute(
            "INSERT INTO orders.orders (key, document, state, paid_at) "
            "SELECT 'TB' || i, '{}', CASE WHEN i % 1000 = 0 THEN 'awaiting_review' "
            "WHEN i % 3 = 0 THEN 'shipped' ELSE 'completed' END, now() - i * interval '1 min' "
            "FROM generate_series(1, 50000) AS i"
        )
        await pool.execute("VACUUM ANALYZE orders.orders")
        assert await unshipped(pool) == {
            "awaiting_payment": 0,
            "awaiting_review": 50,
            "awaiting_print": 0,
            "preparing": 0,
        }
        assert await pages_touched(pool, QUERIES["unshipped"]) < 20
    finally:
        await pool.close()
