"""Raw payloads that their topic has let go, on real servers: still shown, read again, bounded, and gone with their person."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.postgres import Connection, Pool, open_pool
from chassis.topics import TOPICS
from deploy.embedded.stack import Stack
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.archive import Archive, keep
from services.ingest.keeping import PAYLOADS, Keeping
from services.ingest.replaying import Taken
from services.ingest.shared import Shared
from tests.integration.ingest.test_quarantine import MASTER_KEYS, payload
from tests.integration.orders.rig import Rig, rig_on
from tests.unit.ingest.quarantine_desk import KEY, TRADE_NO, trade

DAYS, ROOM = 180, 1024**3
LOOKS_MAX = 200
NOW = datetime.fromisoformat("2026-11-11T04:00:00+00:00")


class At:
    """A clock that goes on by a millisecond whenever somebody looks at it."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now


def archive(
    pool: Pool, now: datetime, keeping: Any = None, *, days: int = DAYS, bytes_max: int = ROOM
) -> Archive:
    shared = cast("Shared", type("S", (), {"pool": pool, "clock": At(now)}))
    return Archive(shared, keeping, days=days, bytes_max=bytes_max)


async def looked(pool: Pool, one: Archive) -> None:
    """It looks until there is nothing to do, which must come however the clock goes on."""
    async with pool.acquire() as connection:
        for _ in range(LOOKS_MAX):
            if not await one.look(connection):
                return
    raise AssertionError("it looks for ever")


@pytest.fixture
async def rig(stack: Stack, topic_prefix: str, database_url: str) -> AsyncIterator[Rig]:
    with rig_on(stack, topic_prefix, database_url) as rig:
        rig.module, rig.terminal_module = "services.ingest", "cli.ingest"
        rig.given["DANSHU_MASTER_KEYS"] = MASTER_KEYS
        yield rig


async def let_go(rig: Rig) -> None:
    """As if seven days had gone by."""
    admin = AdminClient({"bootstrap.servers": rig.stack.kafka_bootstrap})
    topic = TOPICS[PAYLOADS]
    ends = [TopicPartition(topic.name(rig.prefix), n, -1) for n in range(topic.partitions)]
    for gone in admin.delete_records(ends).values():
        await asyncio.to_thread(gone.result, 30)


async def test_what_the_topic_has_let_go_is_shown_and_read_again_until_the_person_is_erased(
    rig: Rig,
) -> None:
    kafka = {"bootstrap.servers": rig.stack.kafka_bootstrap}
    later = SystemClock().now() + timedelta(hours=1)
    async with rig.service():
        good = payload(trade(trade_from="WAP"))
        await rig.publish([good, good])
        await rig.publish([payload(trade(at="10:00:00", status="PAID_FORBID_CONSIGN"))])
        await rig.until("SELECT count(*) FROM ingest.evidence", lambda count: count == 3)
        pool = await open_pool(rig.database_url, 2)
        try:
            copying = archive(pool, later, lambda: Keeping(kafka, rig.prefix, codec()))
            await looked(pool, copying)
            await looked(pool, copying)
            kept = await pool.fetchrow(
                "SELECT count(*) AS rows, sum(octet_length(body)) AS bytes, "
                "(SELECT bytes FROM ingest.payload_archive) AS counted FROM ingest.payloads"
            )
            assert kept is not None
            assert (kept["rows"], kept["bytes"]) == (2, kept["counted"]), (
                "equal ones lie there once"
            )
            # Sealed, as on the topic.
            assert not await pool.fetchval(
                "SELECT count(*) FROM ingest.payloads WHERE position(convert_to($1, 'UTF8') IN body) > 0",
                TRADE_NO,
            )

            await let_go(rig)
            status, said = await rig.terminal("replay", TRADE_NO, "--json")
            (same,) = json.loads(said)
            assert (status, same["payloads"], same["missing"], same["differences"]) == (0, 3, 0, [])
            (shown,) = json.loads((await rig.terminal("show", TRADE_NO))[1])
            assert [seen["kept"] for seen in shown["snapshots"]] == [True] * 3

            # As if the mapping of that day had known no such hold.
            await rig.rows(
                "UPDATE ingest.orders SET document = replace(document::text, "
                '\'"hold":"paid_forbid_consign"\', \'"hold":""\')::json'
            )
            status, said = await rig.terminal("replay", TRADE_NO, "--apply", "-r", "新规则")
            assert (status, "applied" in said) == (0, True)

            await pool.execute("DELETE FROM chassis.personal_keys")
            await pool.execute("UPDATE ingest.payload_archive SET copied_until = 'epoch'")
            await looked(pool, copying)
            assert await pool.fetchval("SELECT count(*) FROM ingest.payloads") == 0
            assert await pool.fetchval("SELECT bytes FROM ingest.payload_archive") == 0
        finally:
            await pool.close()


async def put(connection: Connection, number: int, kept_at: datetime) -> None:
    """Ten bytes of an order's payload."""
    event = PayloadReceived(
        source_key=KEY, channel="taobao", shop="s1", channel_order_no=TRADE_NO, door="poll",
        accepted_at=kept_at, body=b"0123456789",
    )  # fmt: skip
    row = {"source_key": KEY, "sha256": number.to_bytes(32, "big"), "taken_at": kept_at}
    await keep(connection, [(Taken(position=f"{PAYLOADS}/0/{number}", payload=event), row)])


async def test_what_is_old_or_too_much_goes_oldest_first(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.archive.ROWS_MAX", 2)
    pool = await open_pool(database_url, 2)

    async def left() -> list[int]:
        rows = await pool.fetch("SELECT sha256 FROM ingest.payloads ORDER BY sha256")
        return [int.from_bytes(row["sha256"], "big") for row in rows]

    try:
        async with pool.acquire() as connection:
            for number in range(9):
                for _ in range(2):
                    await put(connection, number, NOW - timedelta(days=10 * number))
        assert await left() == [*range(9)]
        await looked(pool, archive(pool, NOW, days=55))
        assert await left() == [0, 1, 2, 3, 4, 5]
        await looked(pool, archive(pool, NOW, bytes_max=40))
        assert await left() == [0, 1, 2, 3]
        assert await pool.fetchval("SELECT bytes FROM ingest.payload_archive") == 40
    finally:
        await pool.close()
