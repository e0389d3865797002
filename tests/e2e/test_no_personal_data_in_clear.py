"""Unique texts planted in names, addresses and memos are found in clear nowhere we write.

Looked through: every record of every topic, every column of every table, logs, metrics and Valkey. The same
search is shown to find a text that was planted on purpose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import asyncpg
import pytest
import valkey

from chassis.processor import Emitted
from chassis.producer import Publisher
from chassis.topics import TOPICS
from tests.e2e.outside import Outside
from tests.support.rigs import read_topic

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]
PLANTED = "CANARY-planted-on-purpose"


async def _tables(url: str) -> list[tuple[str, bytes]]:
    """(table, all its rows as text) of the whole database."""
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        found = []
        for row in names:
            rows = await connection.fetch(f"SELECT * FROM {row['name']}")
            values = [value for record in rows for value in record.values()]
            # Bytes as they are, everything else as it prints.
            content = [v if isinstance(v, bytes) else str(v).encode() for v in values]
            found.append((row["name"], b"\n".join(content)))
        return found
    finally:
        await connection.close()


async def _places(outside: Outside) -> list[tuple[str, bytes]]:
    platform = outside.platform
    kafka = {"bootstrap.servers": platform.stack.kafka_bootstrap}
    places: list[tuple[str, bytes]] = []
    for domain in TOPICS:
        values = await asyncio.to_thread(read_topic, kafka, platform.prefix, domain)
        places.append((f"topic {domain}", b"\n".join(values)))
    places += [(f"table {name}", text) for name, text in await _tables(platform.postgres_url)]
    for name in platform.services:
        child = platform.supervisor.children[name]
        places.append((f"log {name}", child.log.read_bytes()))
        places.append((f"metrics {name}", (await platform.metrics(name)).encode()))
    places.append(("valkey", await asyncio.to_thread(_valkey, platform.stack.valkey_url)))
    return places


def _valkey(url: str) -> bytes:
    client: Any = valkey.Valkey.from_url(url)
    try:
        dumps = [key + b" " + (client.dump(key) or b"") for key in client.scan_iter(count=1000)]
        return b"\n".join(dumps)
    finally:
        client.close()


def _found(places: Iterable[tuple[str, bytes]], texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(text, name) for text in texts for name, content in places if text.encode() in content]


async def test_planted_personal_texts_are_nowhere_in_clear(outside: Outside) -> None:
    orders = [
        *await outside.place("taobao", 5),
        *await outside.place("jd", 5),
        *await outside.place("douyin", 5),
    ]
    for order_no in orders:
        await outside.reaches(order_no, "completed")
    canaries = (
        await outside.platform.http.get(f"{outside.platform.simulators_url}/_sim/canaries")
    ).json()
    texts = [*canaries["canaries"], *canaries["mobiles"]]
    assert len(texts) > 15

    places = await _places(outside)

    assert sum(len(content) for _, content in places) > 100_000
    assert not _found(places, texts)


async def test_the_search_finds_what_is_in_clear(outside: Outside) -> None:
    """Planted in a topic and in a table, found in both."""
    platform = outside.platform
    publisher = Publisher({"bootstrap.servers": platform.stack.kafka_bootstrap}, platform.prefix)
    await publisher.publish([Emitted("signals", "x", b"..." + PLANTED.encode(), ())])
    await asyncio.to_thread(publisher.close)
    await outside.rows(
        "INSERT INTO chassis.parked (processor, source, key, version, value, position) "
        "VALUES ('test', 'test', 'test', 1, $1, 'x/0/0')",
        PLANTED.encode(),
    )

    found = {name for _, name in _found(await _places(outside), [PLANTED])}

    await outside.rows("DELETE FROM chassis.parked WHERE processor = 'test'")
    assert found >= {"topic signals", "table chassis.parked"}
