"""Emergency imports on real servers: with the channel away, killed on the way, and synced afterwards."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chassis.client import client
from chassis.codec import codec
from deploy.embedded.ports import free_port
from deploy.embedded.stack import Stack
from schemas.events.channel_payloads import PayloadReceived
from services.ingest.domain.parcels import packed
from services.ingest.imports.document import encode
from services.ingest.imports.door import BATCH_ORDERS_MAX
from services.ingest.telling import order_lines
from tests.integration.ingest.importing import PATIENCE_S, TOKEN, Rig, export, numbers, rig_on
from tests.support.rigs import read_topic
from tests.unit.ingest.imports.test_reader import document

TAKEN_IN = "SELECT count(*)::int FROM ingest.orders WHERE order_id IS NOT NULL"
TOLD_BY_CHANNEL = "SELECT count(*)::int FROM ingest.orders WHERE modified_at IS NOT NULL"
DONE = "SELECT coalesce(max(orders_done), 0) FROM ingest.imports"


@pytest.fixture
async def rig(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path
) -> AsyncIterator[Rig]:
    async with rig_on(stack, topic_prefix, database_url, tmp_path) as rig:
        rig.port = free_port()
        yield rig


async def payloads(rig: Rig) -> Counter[str]:
    """How often each order's evidence is on the topic."""
    kafka = {"bootstrap.servers": rig.stack.kafka_bootstrap}
    values = await asyncio.to_thread(read_topic, kafka, rig.prefix, "channel-payloads")
    events = [codec().decode(value) for value in values]
    return Counter(e.channel_order_no for e in events if isinstance(e, PayloadReceived))


async def told_of_the_parcel(rig: Rig, order_id: str) -> tuple[tuple[str, int], ...]:
    """What a parcel's line, named by the import, is called when the channel is told."""
    (row,) = await rig.rows(
        "SELECT document->'state'->'lines' AS lines, document->'state'->'mapped' AS mapped, "
        "document->'state'->'imported' AS imported FROM ingest.orders WHERE order_id = $1",
        order_id,
    )
    order = order_lines(row["lines"], row["mapped"], row["imported"])
    parcel = packed(order, (), [("import-1", 2)])
    assert parcel.whole
    return tuple((line.line_id, line.quantity) for line in parcel.lines)


async def test_orders_imported_while_the_channel_is_away_are_not_doubled_when_it_is_back(
    rig: Rig,
) -> None:
    order_nos = numbers(30)
    file = export(rig.folder, order_nos)
    async with rig.service():
        status, said = await rig.import_(file, "--yes")
        assert status == 0, said
        assert "30" in said
        await rig.until(TAKEN_IN, 30)
        held = await rig.rows("SELECT document->'state'->>'hold' AS hold FROM ingest.orders")
        assert {row["hold"] for row in held} == {"receiver_awaited"}

        rig.party.order_nos, rig.party.away = [*order_nos, "290000000009999"], False
        await rig.until(TOLD_BY_CHANNEL, 31)
        rows = await rig.rows(
            "SELECT order_id, document->'state'->>'hold' AS hold, document->'state'->'lines' AS lines "
            "FROM ingest.orders ORDER BY key"
        )
        assert len({row["order_id"] for row in rows}) == 31
        assert {row["hold"] for row in rows} <= {"", None}
        ((line_id, pieces),) = json.loads(rows[-1]["lines"])
        assert {row["lines"] for row in rows} == {rows[-1]["lines"]}, "as of one never imported"
        parcel = await told_of_the_parcel(rig, rows[0]["order_id"])
        assert parcel == ((line_id, pieces),) == ((line_id, 2),)

        status, said = await rig.import_(file, "--yes")
        assert status == 0, said
        await rig.until("SELECT known FROM ingest.imports", 30)
    assert await rig.placed() == Counter([*order_nos, "290000000009999"])


async def test_orders_that_polling_brought_first_are_known_and_stay_as_the_channel_told(
    rig: Rig,
) -> None:
    order_nos = numbers(5)
    rig.party.order_nos, rig.party.away = order_nos, False
    async with rig.service():
        await rig.until(TOLD_BY_CHANNEL, 5)
        before = await rig.rows("SELECT document->'state' AS state FROM ingest.orders ORDER BY key")
        file = export(rig.folder, [*order_nos, "290000000000777"], pieces=9)
        status, said = await rig.import_(file, "--yes")
        assert status == 0, said
        await rig.until(TAKEN_IN, 6)
        after = await rig.rows(
            "SELECT document->'state' AS state FROM ingest.orders WHERE modified_at IS NOT NULL ORDER BY key"
        )
        assert after == before
    assert await rig.placed() == Counter([*order_nos, "290000000000777"])


async def test_an_import_that_was_killed_and_resumed_brings_each_order_once(rig: Rig) -> None:
    order_nos = numbers(12 * BATCH_ORDERS_MAX)
    file = export(rig.folder, order_nos)
    async with rig.service():
        killed = await rig.danshu("import", str(file), "-c", "jd", "-s", "jd-1", "--yes")
        async with asyncio.timeout(PATIENCE_S):
            while not (await rig.rows(DONE))[0][0]:  # noqa: ASYNC110 — Postgres has no event
                await asyncio.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        await killed.communicate()
        (row,) = await rig.rows("SELECT orders_done, finished_at FROM ingest.imports")
        assert 0 < row["orders_done"] < len(order_nos)
        assert row["finished_at"] is None

        status, said = await rig.import_(file, "--yes", "--resume")
        assert status == 0, said
        await rig.until(TAKEN_IN, len(order_nos))
        (row,) = await rig.rows("SELECT * FROM ingest.imports")
        assert row["orders_done"] == row["fresh"] + row["known"] == len(order_nos)
        assert row["finished_at"] is not None
        assert str(len(order_nos)) in said
        sent = await payloads(rig)
        assert set(sent) == set(order_nos)
        repeated = sum(count > 1 for count in sent.values())
        assert repeated <= BATCH_ORDERS_MAX, "only the batch whose answer was lost is sent again"

        status, said = await rig.import_(file, "--yes", "--resume")
        assert status == 0, said
        assert await payloads(rig) == sent, "a finished import has nothing left to send"
    assert await rig.placed() == Counter(order_nos)


async def test_an_import_goes_on_by_itself_after_ingest_was_killed(rig: Rig) -> None:
    order_nos = numbers(8 * BATCH_ORDERS_MAX)
    file = export(rig.folder, order_nos)
    async with rig.service(port=rig.port) as process:
        importing = await rig.danshu("import", str(file), "-c", "jd", "-s", "jd-1", "--yes")
        async with asyncio.timeout(PATIENCE_S):
            while not (await rig.rows(DONE))[0][0]:  # noqa: ASYNC110 — Postgres has no event
                await asyncio.sleep(0.01)
        process.kill()
    async with rig.service(port=rig.port):
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await importing.communicate()
        assert importing.returncode == 0, said.decode()
        await rig.until(TAKEN_IN, len(order_nos))
    assert await rig.placed() == Counter(order_nos)


async def test_a_dry_run_writes_nothing_and_says_what_would_become_of_every_order(rig: Rig) -> None:
    async with rig.service():
        status, said = await rig.import_(export(rig.folder, numbers(3)), "--yes")
        assert status == 0, said
        await rig.until(TAKEN_IN, 3)
        before = await payloads(rig), await rig.rows("SELECT * FROM ingest.imports")
        status, said = await rig.import_(export(rig.folder, numbers(7)), "--dry-run")
        assert status == 0, said
        assert "演练结果，什么都没有写入" in said
        assert [cell.strip() for cell in said.splitlines()[-2].strip("│").split("│")] == [
            "7", "4", "3", "0",
        ]  # fmt: skip
        assert (await payloads(rig), await rig.rows("SELECT * FROM ingest.imports")) == before


async def test_an_import_into_a_shop_that_is_not_there_says_which_are(rig: Rig) -> None:
    async with rig.service():
        process = await rig.danshu(
            "import", str(export(rig.folder, numbers(1))), "-c", "jd", "-s", "jd-2", "--yes"
        )
        said, _ = await process.communicate()
        assert process.returncode == 2
        assert "没有这个店铺：jd 上的店铺有：jd-1" in said.decode()
    assert await payloads(rig) == Counter()


async def test_a_batch_is_taken_once_and_only_where_the_import_stands(rig: Rig) -> None:
    opening = {
        "channel": "jd", "shop": "jd-1", "file_name": "x.csv", "preset": "jd", "actor": "a", "resume": True,
    }  # fmt: skip
    path = "/imports/" + "a" * 32
    orders = [_plain(order_no=one) for one in numbers(2)]
    async with (
        rig.service(),
        client(
            base_url=f"http://127.0.0.1:{rig.port}", headers={"authorization": f"Bearer {TOKEN}"}
        ) as http,
    ):
        assert (
            await http.put(path, json=opening, headers={"authorization": "x"})
        ).status_code == 401
        assert (
            await http.post(path + "/orders", json={"at": 0, "orders": orders})
        ).status_code == 404
        assert (await http.put(path, json=opening)).json()["orders_done"] == 0
        assert (await http.put("/imports/x", json=opening)).status_code == 404
        assert (
            await http.post(path + "/orders", json={"at": 1, "orders": orders})
        ).status_code == 409
        bad = {**orders[0], "payable_fen": -1}
        malformed = await http.post(path + "/orders", json={"at": 0, "orders": [bad]})
        assert malformed.status_code == 422
        assert "$.orders[0].payable_fen" in malformed.json()["detail"]

        batch = {"at": 0, "orders": [*orders, _plain(order_no="a b")]}
        first = await http.post(path + "/orders", json=batch, timeout=40)
        assert [one["outcome"] for one in first.json()["outcomes"]] == ["new", "new", "refused"]
        assert first.json()["outcomes"][2]["reasons"] == ["order_no_malformed: order number"]
        again = await http.post(path + "/orders", json=batch, timeout=40)
        assert again.json()["progress"] == first.json()["progress"]
        assert again.json()["outcomes"] == []
        assert (await http.put(path, json=opening)).json()["orders_done"] == 3
        assert (await http.put(path, json=opening | {"resume": False})).json()["orders_done"] == 0
        assert await payloads(rig) == Counter(numbers(2))


def _plain(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode(document(**changed)))
    return found
