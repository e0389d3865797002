"""When the numbers differ: a day of planted differences is found row by row and closed by entries."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chassis.clock import SystemClock
from tests.integration.inventory.papers import Office
from tests.unit.inventory.events import paid, placed, receipt, shipped

OPENING = {"A": 100, "B": 100, "C": 100, "D": 100, "E": 100, "F": 5, "G": 100}
SHELF = {"A": 120, "B": 94, "C": 100, "D": 100, "E": 96, "F": 120, "G": 100}
"""What really lies there. The book, after the day: B 97, C 98, D 96, and all others as they opened."""
PLANTED = {
    "A": (20, "unbooked_in"),  # a delivery nobody booked
    "B": (-3, "unbooked_out"),  # one parcel left twice
    "C": (2, "unbooked_in"),  # a return that was put back without a paper
    "D": (4, "swapped_with E"),  # E was sent where D was sold
    "E": (-4, "swapped_with D"),
    "F": (115, "unit_x24"),  # five cartons of 24, booked as five
}


async def the_day(office: Office) -> datetime:
    """Books the day; returns the moment of which the sheet is."""
    house = office.house
    await house.publish([receipt("r1", "HZ", list(OPENING.items()))])
    await house.drained()
    sold = {"o1": [("B", 3)], "o2": [("C", 2)], "o3": [("D", 4)]}
    await house.publish([placed(order, goods) for order, goods in sold.items()])
    await house.publish([paid(order) for order in sold])
    await house.drained()
    await house.publish([shipped(order, "HZ", goods) for order, goods in sold.items()])
    await house.drained()
    at = SystemClock().now()
    # The evening goes on while the warehouse writes its sheet.
    await house.publish([receipt("r2", "HZ", [("G", 50)]), placed("o4", [("A", 7)]), paid("o4")])
    await house.drained()
    await house.publish([shipped("o4", "HZ", [("A", 7)])])
    await house.drained()
    return at


def sheet(folder: Path, shelf: dict[str, int], encoding: str = "gb18030") -> str:
    file = folder / "wms.csv"
    lines = [f"杭州,{sku},{quantity}" for sku, quantity in shelf.items()]
    text = "\n".join(["仓库,商家编码,实物库存", *lines]).replace("杭州", "HZ")
    file.write_bytes(text.encode(encoding))
    return str(file)


async def as_json(office: Office, *arguments: str) -> Any:
    code, output = await office.at_terminal(*arguments, "--json")
    assert code == 0, output
    return json.loads(output)


async def test_a_day_of_planted_differences_is_found_and_closed_by_entries(
    office: Office, tmp_path: Path
) -> None:
    at = await the_day(office)
    file = sheet(tmp_path, SHELF)
    ask = ("reconcile", file, "--source", "wms", "--at", at.isoformat(), "--actor", "li")
    foretold = await as_json(office, *ask, "--dry-run")
    assert await as_json(office, "tasks", "--all") == []
    report = await as_json(office, *ask)
    assert {
        one["sku"]: (one["difference"], one["hint"]) for one in report["differences"]
    } == PLANTED
    (hz,) = report["warehouses"]
    assert (hz["rows"], hz["book_pieces"], hz["difference_pieces"]) == (7, 596, 148)
    assert hz["tasks"] == ["difference"]
    assert {**foretold, "dry_run": False} == report, "a dry run tells what would be"
    assert await as_json(office, *ask) == report, "the same sheet again is the same report"
    (task,) = await as_json(office, "tasks")
    assert (task["kind"], task["warehouse"], task["source"]) == ("difference", "HZ", "wms")

    number = report["id"]
    close = ("close", number, "--actor", "wang")
    code, output = await office.at_terminal(*close, "-d", "late-1")
    assert (code, "nothing_booked" in output) == (1, True)
    await office.house.publish([receipt("late-1", "HZ", [("A", 19)])])
    await office.house.drained()
    code, output = await office.at_terminal(*close, "-d", "late-1")
    assert (code, "HZ A: +20 differ, +19 were booked" in output) == (1, True)
    await office.house.publish([receipt("late-2", "HZ", [("A", 1), ("F", 115)])])
    await office.house.drained()
    lines = [part for sku in "BCDE" for part in ("-l", f"{sku}={PLANTED[sku][0]}")]
    why = ("-w", "HZ", "-r", "found by the evening's sheet", "--actor", "li")
    assert await office.at_terminal("adjust", "J1", *lines, *why) == (0, "J1: booked\n")
    code, output = await office.at_terminal("task-done", task["id"], "-r", "looked at")
    assert (code, "close_its_differences" in output) == (1, True)
    documents = ("-d", "late-1", "-d", "late-2", "-d", "J1")
    closed = await as_json(office, *close, *documents)
    assert all(one["closed_by"] == "wang" for one in closed["differences"])
    assert {one["sku"]: one["documents"] for one in closed["differences"]}["A"] == [
        "late-1",
        "late-2",
    ]
    assert await as_json(office, "tasks") == []

    code, output = await office.at_terminal("verify")
    assert code == 0, output
    assert (await office.running.invariants()).valkey_difference == 0
    later = {**SHELF, "A": SHELF["A"] - 7, "G": 150}
    again = ("--source", "wms", "--at", SystemClock().now().isoformat())
    code, output = await office.at_terminal("reconcile", sheet(tmp_path, later), *again)
    assert code == 0
    assert "0 of 7 rows differ by 0 of 773 pieces (0.0000 %); tasks: none" in output


async def test_two_bad_days_ask_for_a_count_and_only_its_document_ends_the_task(
    office: Office, tmp_path: Path
) -> None:
    await the_day(office)
    await office.house.fetch(
        "INSERT INTO inventory.reconciliations (id, source, at, listed_only, sheet_sha256, actor) "
        "VALUES ('yesterday', 'wms', now() - interval '1 day', false, '', 'li')"
    )
    await office.house.fetch(
        "INSERT INTO inventory.reconciled VALUES ('yesterday', 'wms', 'HZ', "
        "((now() AT TIME ZONE 'Asia/Shanghai')::date - 1), 1, 100, 1, 2, 20000, '')"
    )
    now = ("--at", SystemClock().now().isoformat(), "--source", "wms")
    await as_json(office, "reconcile", sheet(tmp_path, SHELF, "utf-8"), *now)
    tasks = {one["kind"]: one["id"] for one in await as_json(office, "tasks")}
    assert tasks.keys() == {"difference", "count"}
    done = ("task-done", tasks["count"], "-r", "counted at night")
    for document in ((), ("-d", "r1"), ("-d", "C0")):
        code, output = await office.at_terminal(*done, *document)
        assert (code, "not_the_count" in output) == (1, True)
    opened = ("count-open", "C1", "-w", "HZ", "--sku", "B", "-r", "two days", "--actor", "li")
    assert (await office.at_terminal(*opened))[0] == 0
    assert (await office.at_terminal(*done, "-d", "C1"))[0] == 1, "an open count counts for nothing"
    at = ("--at", SystemClock().now().isoformat())
    await office.at_terminal("count", "C1", "-w", "HZ", *at, "-l", "B=94", "--actor", "li")
    assert (await office.at_terminal("approve", "C1", "--actor", "wang"))[0] == 0
    assert (await office.at_terminal(*done, "-d", "C1"))[0] == 0
    assert (await office.at_terminal("task-done", "task-x", "-r", "x"))[0] == 2


async def test_three_oversold_rows_a_day_ask_to_limit_sales(office: Office, tmp_path: Path) -> None:
    await office.house.publish([receipt("r1", "HZ", [("A", 1000), ("B", 3), ("C", 3), ("D", 3)])])
    await office.house.drained()
    await office.house.publish([placed(f"o{sku}", [(sku, 3)]) for sku in "BCD"])
    await office.house.drained()
    now = ("--at", SystemClock().now().isoformat())
    for source, shelf in (
        ("wms", {"A": 1000, "B": 2, "C": 2, "D": 3}),
        ("pos", {"A": 1000, "B": 2, "C": 3, "D": 2}),
    ):
        file = sheet(tmp_path, shelf)
        report = await as_json(office, "reconcile", file, "--source", source, *now)
        assert sum(one["oversold"] for one in report["differences"]) == 2
    assert [(one["kind"], one["source"]) for one in await as_json(office, "tasks")] == [
        ("difference", "pos"),
        ("limit_sales", "pos"),
    ]
    code, output = await office.at_terminal("tasks")
    assert (code, "当天超卖 3 次以上" in output) == (0, True)


async def test_channel_numbers_are_what_is_free_and_what_is_promised(
    office: Office, tmp_path: Path
) -> None:
    await office.house.publish([receipt("r1", "HZ", [("A", 10)]), receipt("r2", "GZ", [("A", 9)])])
    await office.house.drained()
    now = SystemClock().now().isoformat()
    file = tmp_path / "taobao.csv"
    file.write_text("sku,quantity,held\nA,6,4\n")
    ask = ("reconcile", str(file), "--source", "channel", "-w", "HZ", "--at", now)
    assert (await as_json(office, *ask))["differences"] == []
    file.write_text("sku,quantity,held\nA,6,5\nB,1,\n")
    code, output = await office.at_terminal(*ask, "--csv", "--partial")
    assert code == 0
    assert output.splitlines()[1:] == [
        "HZ,A,10,11,1,unbooked_in,,",
        "HZ,B,0,1,1,not_in_book,,",
    ]


@pytest.mark.parametrize(
    ("content", "source", "hours", "problem"),
    [
        ("sku,quantity\nA,1", "wms", 0, "line 1: no column warehouse"),
        ("warehouse,sku,quantity\nHZ,A,1.5", "wms", 0, "line 2: quantity '1.5'"),
        ("warehouse,sku,quantity\nHZ,A,1", "erp", 0, "source is one of wms, pos, channel"),
        ("warehouse,sku,quantity\nHZ,A,1", "wms", 1, "is not over yet"),
    ],
)
async def test_a_sheet_that_cannot_be_used_is_refused_and_nothing_is_kept(
    office: Office, tmp_path: Path, content: str, source: str, hours: int, problem: str
) -> None:
    file = tmp_path / "sheet.csv"
    file.write_text(content)
    at = (SystemClock().now() + timedelta(hours=hours)).isoformat()
    code, output = await office.at_terminal("reconcile", str(file), "-s", source, "--at", at)
    assert (code, problem in output) == (1, True), output
    assert await office.house.fetch("SELECT 1 FROM inventory.reconciliations") == []
    code, output = await office.at_terminal("reconcile", str(file), "-s", source, "--at", at[:19])
    assert (code, "names no zone" in output) == (2, True)
    assert (await office.at_terminal("reconciliation", "recon-x"))[0] == 2
