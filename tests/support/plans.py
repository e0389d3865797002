"""What a statement costs Postgres."""

from __future__ import annotations

import json

from chassis.postgres import Pool


async def pages_touched(pool: Pool, statement: str, *arguments: object) -> int:
    """How many pages of tables and indexes the statement looks at. It is carried out."""
    told = await pool.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
    (explained,) = json.loads(told)
    plan = explained["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
