"""Inventory's HTTP doors and the operator's commands, over a running worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from chassis.codec import codec
from chassis.commands import CommandDesk
from cli.inventory import app as inventory_commands
from tests.integration.inventory.rig import House, Running
from tests.integration.inventory.tills import open_doors
from tests.unit.inventory.events import paid, placed

RECEIPT = {"document_no": "r1", "warehouse": "HZ", "lines": [{"sku": "A", "quantity": 5}]}


@pytest_asyncio.fixture
async def doors(inventory: House) -> AsyncIterator[tuple[House, Running, httpx2.AsyncClient]]:
    desk = CommandDesk(inventory.publisher, codec(), "inventory")
    await desk.listen(inventory.kafka, inventory.prefix)
    async with open_doors(inventory, desk) as (running, client):
        yield inventory, running, client
    desk.close()


async def test_goods_come_in_are_seen_and_the_books_agree(
    doors: tuple[House, Running, httpx2.AsyncClient],
) -> None:
    house, running, client = doors
    booked = await client.post("/receipts", json=RECEIPT)
    assert (booked.status_code, booked.json()) == (200, {"outcome": "done", "document_no": "r1"})
    again = await client.post("/receipts", json=RECEIPT)
    assert again.status_code == 200, "the same document gets its first answer"
    too_little = {**RECEIPT, "document_no": "r2", "cause": "adjustment"}
    too_little["lines"] = [{"sku": "A", "quantity": -6}]
    refused = await client.post("/receipts", json=too_little)
    assert (refused.status_code, refused.json()["code"]) == (409, "below_reserved")

    await house.publish([placed("o1", [("A", 2)])])
    await house.drained()
    await running.stock.told()
    seen = await client.get("/availability", params={"sku": "A"})
    assert seen.json() == [
        {"warehouse": "HZ", "sku": "A", "on_hand": 5, "reserved": 2, "available": 3}
    ]
    sums = await client.get("/invariants")
    assert set(sums.json().values()) == {0}
    assert set(sums.json()) == {
        "oversold_units",
        "negative_rows",
        "reserved_mismatch",
        "ledger_mismatch",
        "batch_mismatch",
        "quota_mismatch",
        "campaign_mismatch",
        "promise_mismatch",
        "valkey_difference",
    }


async def test_bad_requests_are_told_what_is_wrong(
    doors: tuple[House, Running, httpx2.AsyncClient],
) -> None:
    _, _, client = doors
    for path in ("/availability?sku=A", "/invariants", "/receipts"):
        method = "POST" if path == "/receipts" else "GET"
        answer = await client.request(method, path, headers={"authorization": "Bearer wrong"})
        assert answer.status_code == 401
    assert (await client.get("/availability")).status_code == 400
    line = RECEIPT["lines"][0]
    for body in (
        b"{",
        b"[" * 100_000,
        b"{}",
        json.dumps({**RECEIPT, "lines": []}).encode(),
        json.dumps({**RECEIPT, "warehouse": "H|Z"}).encode(),
        json.dumps({**RECEIPT, "lines": [{**line, "sku": "A\u0000"}]}).encode(),  # type: ignore[dict-item]
        json.dumps({**RECEIPT, "lines": [{**line, "quantity": 1.5}]}).encode(),  # type: ignore[dict-item]
        json.dumps({**RECEIPT, "lines": [{**line, "quantity": 10**10}]}).encode(),  # type: ignore[dict-item]
        json.dumps({**RECEIPT, "price": 1}).encode(),
    ):
        answer = await client.post("/receipts", content=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), body[:80]
    large = await client.post("/receipts", content=b" " * 1_000_001)
    assert large.status_code == 413


async def test_an_operator_receives_a_file_and_looks_at_a_sku(
    doors: tuple[House, Running, httpx2.AsyncClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house, _, client = doors
    monkeypatch.setenv("DANSHU_KAFKA_BOOTSTRAP", str(house.kafka["bootstrap.servers"]))
    monkeypatch.setenv("DANSHU_POSTGRES_URL", house.url)
    monkeypatch.setenv("DANSHU_TOPIC_PREFIX", house.prefix)
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path))  # no stack of the developer is meant
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([RECEIPT, {**RECEIPT, "document_no": "r2", "cause": "gift"}]))

    code, output = await _command("receive", str(file))
    assert code == 1
    assert "r1：已入账 HZ，5 件" in output
    assert "r2：未入账，事由只能是 receipt 或 adjustment" in output

    code, output = await _command("show", "A")
    assert code == 0
    assert all(word in output for word in ("HZ", "5", "receipt", "+5", "r1", "占用（0 笔）"))

    await house.publish(
        [placed("TB2026111100001", [("A", 1)]), placed("o2", [("A", 2)]), paid("o2")]
    )
    await house.drained()
    till = await client.post(
        "/reservations",
        json={"reference": "till-7", "lines": [{"sku": "A", "quantity": 1}], "hold_s": 60},
        headers={"idempotency-key": "sale-0001"},
    )
    assert till.status_code == 201
    code, output = await _command("show", "A")
    assert code == 0
    holds = output[output.index("占用（3 笔）") : output.index("最近流水")].splitlines()
    shown = [line for line in holds if "HZ" in line]
    assert [[name in line for name in ("rsv-", "TB2026111100001", "o2")] for line in shown] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ], "by their end"
    assert "till-7" in shown[0]
    assert till.json()["expires_at"][:10] in shown[0]
    assert "taobao" in shown[1]
    assert "不到期" in shown[2]

    assert (await _command("show", "nothing"))[0] == 2
    assert (await _command("receive"))[0] == 1
    file.write_text("{")
    assert (await _command("receive", str(file)))[0] == 1


async def _command(*arguments: str) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, inventory_commands, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output
