"""Books that were written past the service: found, named, and made to agree by entries."""

import json
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from chassis.errors import Unavailable
from services.inventory import invariants
from services.inventory.checking import Checked, LedgerCheck
from services.inventory.store import SQL
from services.inventory.verifying import verify
from tests.integration.inventory.papers import Office
from tests.integration.inventory.rig import until
from tests.unit.inventory.events import paid, placed, receipt, shipped

UNLOCK = "ALTER TABLE inventory.ledger DISABLE TRIGGER ledger_is_append_only"
LOCK = "ALTER TABLE inventory.ledger ENABLE TRIGGER ledger_is_append_only"


async def a_day(office: Office) -> None:
    """Goods come in, some are held, some leave."""
    goods = [("A", 20), ("B", 20), ("C", 20), ("D", 20)]
    await office.house.publish([receipt("r1", "HZ", goods), receipt("r2", "GZ", goods)])
    await office.house.drained()
    await office.house.publish([placed("o1", [("A", 2), ("B", 1)]), placed("o2", [("A", 3)])])
    await office.house.publish([paid("o1")])
    await office.house.drained()
    await office.house.publish([shipped("o1", "HZ", [("A", 2), ("B", 1)])])
    await office.house.drained()


async def test_sound_books_close_and_progress_is_told(office: Office) -> None:
    await a_day(office)
    told: list[tuple[int, int]] = []
    connection = await asyncpg.connect(office.house.url)
    try:
        verdict = await verify(connection, lambda *seen: told.append(seen), entries_a_look=3)
    finally:
        await connection.close()
    assert verdict.closes
    assert verdict.entries == 10
    assert told == [(3, 10), (6, 10), (9, 10), (10, 10)]
    code, output = await office.at_terminal("verify")
    assert code == 0
    assert "10 entries, 8 rows: the books close" in output
    code, output = await office.at_terminal("repair", "--reason", "x", "--apply")
    assert (code, output.splitlines()[-1]) == (0, "nothing to repair")


async def test_whatever_was_written_past_the_service_is_found_and_repaired_by_entries(
    office: Office,
) -> None:
    await a_day(office)
    await office.spoil(
        UNLOCK,
        "UPDATE inventory.ledger SET quantity = 25 WHERE sku = 'A' AND document_no = 'r1'",
        "UPDATE inventory.ledger SET balance_after = 18 WHERE sku = 'B' AND document_no = 'Po1-1'",
        "DELETE FROM inventory.ledger WHERE sku = 'C' AND document_no = 'r2'",
        LOCK,
        "UPDATE inventory.stock SET on_hand = 17 WHERE warehouse = 'HZ' AND sku = 'C'",
        "UPDATE inventory.stock SET reserved = 4 WHERE warehouse = 'HZ' AND sku = 'D'",
    )
    code, output = await office.at_terminal("verify", "--json")
    assert code == 1
    verdict = json.loads(output[output.index("{") :])
    assert [(b["warehouse"], b["sku"], b["expected"], b["stated"]) for b in verdict["broken"]] == [
        ("HZ", "A", 25, 20),
        ("HZ", "B", 19, 18),
    ]
    assert [
        (d["warehouse"], d["sku"], d["on_hand"], d["booked"], d["reserved"], d["held"])
        for d in verdict["differences"]
    ] == [
        ("GZ", "C", 20, 0, 0, 0),
        ("HZ", "A", 18, 23, 3, 3),
        ("HZ", "C", 17, 20, 0, 0),
        ("HZ", "D", 20, 20, 4, 0),
    ]
    before = await _entries(office)

    code, output = await office.at_terminal("repair", "--reason", "restored backup")
    assert code == 0
    assert output.count("would book repair-") == 5
    assert await _entries(office) == before, "without --apply nothing is booked"

    arguments = ("repair", "--reason", "restored backup", "--actor", "wang", "--apply")
    code, output = await office.at_terminal(*arguments)
    assert code == 0, output
    code, output = await office.at_terminal("verify")
    assert code == 0, output
    after = await _entries(office)
    assert after[: len(before)] == before, "no entry was changed"
    assert sorted(
        (one["warehouse"], one["sku"], one["quantity"], one["actor"], one["reason"])
        for one in after[len(before) :]
    ) == [
        ("GZ", "C", 20, "wang", "restored backup"),
        ("HZ", "A", -5, "wang", "restored backup"),
        ("HZ", "B", 0, "wang", "restored backup"),
        ("HZ", "C", -3, "wang", "restored backup"),
        ("HZ", "D", 0, "wang", "restored backup"),
    ]
    await until(office.running.keeper.look)
    sums = await office.running.invariants()
    assert (sums.reserved_mismatch, sums.ledger_mismatch, sums.valkey_difference) == (0, 0, 0)


async def test_a_repair_is_refused_with_its_reason_and_done_once(office: Office) -> None:
    await a_day(office)
    paper = {
        "document_no": "rep-1",
        "warehouse": "HZ",
        "sku": "A",
        "reason": "lost disk",
        "actor": "wang",
    }
    assert await _code(office, paper) == (409, "nothing_to_repair")
    await office.spoil(
        "UPDATE inventory.stock SET on_hand = 2, reserved = 1 WHERE warehouse = 'HZ' AND sku = 'A'"
    )
    assert await _code(office, {**paper, "document_no": "rep-2"}) == (409, "oversold")
    await office.spoil(
        "UPDATE inventory.stock SET on_hand = 9 WHERE warehouse = 'HZ' AND sku = 'A'"
    )
    paper["document_no"] = "rep-3"
    assert (await office.post("/repairs", paper))[0] == 200
    assert (await office.post("/repairs", paper))[0] == 200, "the same again: its first answer"
    assert await _code(office, {**paper, "actor": "li"}) == (409, "already_booked")
    repairs = [one for one in await _entries(office) if one["kind"] == "repair"]
    assert [(one["quantity"], one["balance_after"]) for one in repairs] == [(-9, 9)]


async def test_the_periodic_check_reads_each_entry_once_and_keeps_finding_what_is_off(
    office: Office,
) -> None:
    await a_day(office)
    check = LedgerCheck(office.running.pool, entries_a_chunk=3)
    assert await looked(check) == Checked(
        entries=10, mismatch=0, reserved_mismatch=0, broken_rows=0
    )
    await office.house.publish([receipt("r3", "HZ", [("A", 1), ("E", 1)])])
    await office.house.drained()
    sound = Checked(entries=2, mismatch=0, reserved_mismatch=0, broken_rows=0)
    assert await looked(check) == sound
    await office.spoil(
        "UPDATE inventory.stock SET on_hand = on_hand + 4 WHERE warehouse = 'GZ' AND sku = 'B'",
        "UPDATE inventory.stock SET reserved = 2 WHERE warehouse = 'GZ' AND sku = 'C'",
        "INSERT INTO inventory.ledger (warehouse, sku, quantity, kind, document_no, order_id, "
        "balance_after) VALUES ('HZ', 'E', 7, 'receipt', 'slipped-in', '', 1)",
    )
    off = Checked(entries=1, mismatch=4 + 7, reserved_mismatch=2, broken_rows=1)
    assert await looked(check) == off
    again = LedgerCheck(office.running.pool)
    assert await looked(again) == replace(off, entries=0), "another process finds the same"
    code, output = await office.at_terminal("repair", "--reason", "found at night", "--apply")
    assert code == 0, output
    assert await looked(again) == replace(sound, entries=3)


async def test_an_entry_that_was_overtaken_is_not_reported(office: Office) -> None:
    """Ids may become visible out of order; a check between the two must not page anybody."""
    await a_day(office)
    await office.spoil("UPDATE inventory.read_to SET entry_id = 4")
    assert await looked(LedgerCheck(office.running.pool)) == Checked(
        entries=6, mismatch=0, reserved_mismatch=0, broken_rows=0
    )


async def test_an_oversell_pages_and_other_sums_go_on_when_the_whole_ledger_takes_too_long(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_day(office)
    await office.running.invariants()
    await looked(LedgerCheck(office.running.pool))
    assert (gauge("oversold_units"), gauge("mismatch_units", "promises")) == (0, 0)
    before = {books: gauge("books_added_up_seconds", books) for books in invariants.SUMS}
    too_long = "DO $$ BEGIN RAISE query_canceled; END $$"
    monkeypatch.setattr(invariants, "SQL", {**SQL, "invariants": too_long})
    await office.spoil(
        "INSERT INTO inventory.ledger (warehouse, sku, quantity, kind, document_no, order_id, "
        "balance_after) VALUES ('HZ', 'A', -17, 'deduction', 'stolen', '', 1)",
        "UPDATE inventory.stock SET set_aside = 5 WHERE warehouse = 'HZ' AND sku = 'D'",
    )
    with pytest.raises(Unavailable, match="too long to add up ledger"):
        await office.running.invariants()
    after = {books: gauge("books_added_up_seconds", books) for books in invariants.SUMS}
    assert {books for books in before if after[books] > before[books]} == {
        *("batches", "quotas", "promises", "campaigns")
    }
    assert gauge("mismatch_units", "promises") == 5
    checked_at = gauge("books_added_up_seconds", "checkpoint")
    assert (await looked(LedgerCheck(office.running.pool))).oversold_units == 2
    assert gauge("oversold_units") == 2, "three are held of one that the ledger has"
    assert gauge("books_added_up_seconds", "checkpoint") > checked_at


@pytest.mark.parametrize(
    ("spoilt", "where"),
    [
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
        ({"warehouse": "H|Z"}, "warehouse"),
        ({"sku": "A\u0000"}, "sku"),
        ({"price": 1}, "price"),
        ({"actor": None}, "actor"),
    ],
)
async def test_a_malformed_repair_is_told_where(
    office: Office, spoilt: dict[str, Any], where: str
) -> None:
    paper = {"document_no": "x", "warehouse": "HZ", "sku": "A", "reason": "r", "actor": "a"}
    status, answer = await office.post("/repairs", {**paper, **spoilt})
    assert (status, answer["code"]) == (422, "malformed")
    assert where in answer["detail"]


def gauge(name: str, books: str = "") -> float:
    """What this process would show to Prometheus."""
    labels = {"books": books} if books else {}
    value = REGISTRY.get_sample_value(f"danshu_inventory_{name}", labels)
    assert value is not None
    return value


async def looked(check: LedgerCheck) -> Checked:
    """What a look came to, whenever stock last changed."""
    found = await check.look()
    assert found is not None
    assert found.newest_change_at is not None
    return replace(found, newest_change_at=None)


async def _code(office: Office, paper: dict[str, str]) -> tuple[int, str]:
    status, answer = await office.post("/repairs", paper)
    return status, answer["code"]


async def _entries(office: Office) -> list[asyncpg.Record]:
    return await office.house.fetch("SELECT * FROM inventory.ledger ORDER BY id")
