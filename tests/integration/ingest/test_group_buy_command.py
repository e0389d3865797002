"""`danshu groupbuy` on the database of the doors."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli.groupbuy import app
from tests.integration.ingest.group_buy_rig import LINK_KEY, PIXEL, Rig, doors_on
from tests.unit.ingest.group_buys.builders import CAMPAIGN


@pytest.fixture
async def rig(database_url: str) -> AsyncIterator[Rig]:
    async with doors_on(database_url) as rig:
        yield rig


async def said(database_url: str, *arguments: str) -> Result:
    """What `danshu groupbuy` says; in a thread, because it has a loop of its own."""
    # None unsets: what the test run itself is told is none of the command's business.
    unset: dict[str, str | None] = {n: None for n in os.environ if n.startswith("DANSHU_")}
    environment = unset | {
        "DANSHU_POSTGRES_URL": database_url,
        "DANSHU_INGEST_LEADER_LINK_KEYS": LINK_KEY,
        "DANSHU_INGEST_LEADER_BASE_URL": "https://hub.example.invalid",
    }
    return await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environment)


async def test_the_command_line_does_what_the_doors_do(
    rig: Rig, database_url: str, tmp_path: Path
) -> None:
    file, picture = tmp_path / "campaign.json", tmp_path / "egg.png"
    file.write_bytes(msgspec.json.encode(CAMPAIGN))
    picture.write_bytes(PIXEL)
    # The command has the machine's clock, the doors have ours: far in the past, so the round is over for it.
    for _ in range(2):
        opened = await said(database_url, "open", str(file), "--actor", "chen")
        assert (opened.exit_code, "已开团 autumn" in opened.output) == (0, True), opened.output
    assert (await said(database_url, "picture", "autumn", "EGG-30", str(picture))).exit_code == 0
    made = await said(database_url, "link", "autumn", "lin", "--until", "2025-09-30")
    url = made.stdout.strip()
    assert url.startswith("https://hub.example.invalid/leader/autumn.lin.")
    assert (
        "/pictures/EGG-30"
        in (await rig.client.get(url.removeprefix("https://hub.example.invalid"))).text
    )
    for n in range(3):
        await rig.order(f"key-{n:05d}", phone=f"1300000{n:04d}")
    plan = await said(database_url, "plan", "autumn", "--day", "2025-09-18", "--json")
    assert [line["ordered"] for line in json.loads(plan.stdout)["lines"]] == [3]
    shown = await said(database_url, "plan", "autumn", "--day", "2025-09-18")
    assert "3 单" in shown.output
    short = ("short", "autumn", "EGG-30", "2", "--day", "2025-09-18", "--json")
    assert (await said(database_url, *short, "--reason", " ")).exit_code == 1
    first = await said(database_url, *short, "--reason", "供货不足", "--actor", "chen")
    assert first.exit_code == 0, first.output
    again = await said(database_url, *short, "--reason", "别的", "--actor", "wang")
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert [share["allotted"] for share in json.loads(first.stdout)["shares"]] == [1, 1, 0]
    act = ("--reason", "到货", "--actor", "chen")
    released = await said(database_url, "release", "autumn", "--day", "2025-09-18", *act)
    assert "3 单" in released.output
    assert (await said(database_url, "close", "autumn", *act)).exit_code == 0
    assert "autumn" in (await said(database_url, "list")).output
    assert (await said(database_url, "plan", "winter")).exit_code == 2
    assert (await said(database_url, "link", "autumn", "nobody")).exit_code == 1
    assert (await said(database_url, "open", str(picture))).exit_code == 1
