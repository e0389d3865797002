"""Documents from the doors to the ledger: transfers, adjustments, counts."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.clock import SystemClock
from tests.integration.inventory.papers import Office
from tests.unit.inventory.events import paid, placed, receipt, shipped

LINE = {"sku": "A", "quantity": 5}
PAPERS: dict[str, dict[str, Any]] = {
    "/transfers": {"warehouse": "HZ", "to_warehouse": "GZ", "lines": [LINE], "reason": "r"},
    "/arrivals": {"warehouse": "GZ", "arrival_no": "a1", "lines": [LINE]},
    "/adjustments": {"warehouse": "HZ", "lines": [LINE], "reason": "r"},
    "/counts": {"warehouse": "HZ", "skus": ["A"], "reason": "r"},
    "/counted": {"warehouse": "HZ", "counted_at": "2026-11-11T12:00:00+08:00", "lines": [LINE]},
    "/approvals": {},
    "/rejections": {"reason": "r"},
    "/repairs": {"warehouse": "HZ", "sku": "A", "reason": "r"},
    "/purchases": {"warehouse": "HZ", "supplier": "S1", "lines": [LINE], "reason": "r"},
    "/purchase-receipts": {"warehouse": "HZ", "receipt_no": "r1", "lines": [LINE]},
    "/purchase-cancellations": {"reason": "r"},
    "/recalls": {"warehouse": "HZ", "sku": "A", "batch": "b1", "reason": "r"},
    "/inspections": {
        "warehouse": "HZ",
        "sku": "A",
        "batch": "b1",
        "good": 1,
        "bad": 0,
        "reason": "r",
    },
}


async def opening(office: Office) -> None:
    goods = [("A", 30), ("B", 10)]
    await office.house.publish([receipt("r1", "HZ", goods), receipt("r2", "GZ", [("A", 1)])])
    await office.house.drained()


async def close(office: Office) -> None:
    """All books agree: stock, ledger, holds and Valkey."""
    code, output = await office.at_terminal("verify")
    assert code == 0, output
    assert (await office.running.invariants()).valkey_difference == 0


async def test_goods_go_from_one_warehouse_to_another_and_none_is_lost_on_the_way(
    office: Office,
) -> None:
    await opening(office)
    send = ("transfer", "T1", "--from", "HZ", "--to", "GZ", "-l", "A=5", "-l", "B=2", "-r", "sale")
    for _ in range(2):
        code, output = await office.at_terminal(*send)
        assert (code, output) == (0, "T1: in_transit\n")
    assert [await office.on_hand("HZ", sku) for sku in "AB"] == [25, 8]
    assert (await office.at_terminal("arrive", "T1", "a1", "-w", "GZ", "-l", "A=3"))[0] == 0
    code, output = await office.at_terminal("arrive", "T1", "a1", "-w", "GZ", "-l", "A=2")
    assert (code, "already_booked" in output) == (1, True)
    code, output = await office.at_terminal("arrive", "T1", "a2", "-w", "GZ", "-l", "A=3")
    assert code == 1
    assert "到货多于在途 A" in output
    rest = ("-l", "A=2", "-l", "B=2")
    assert await office.at_terminal("arrive", "T1", "a2", "-w", "HZ", *rest) == (
        0,
        "T1: received\n",
    )
    assert await office.on_hand("GZ", "A") == 4
    assert [await office.on_hand("HZ", sku) for sku in "AB"] == [27, 10]
    code, output = await office.at_terminal("document", "T1")
    assert (code, '"in_transit": []' in output) == (0, True)
    assert (await office.at_terminal("document", "T2"))[0] == 2
    await close(office)


async def test_a_large_adjustment_waits_for_somebody_else(office: Office) -> None:
    await opening(office)
    ask = ("adjust", "J1", "-w", "HZ", "-l", "A=-11", "-r", "flood", "--actor", "li")
    assert await office.at_terminal(*ask) == (0, "J1: requested\n")
    assert await office.on_hand("HZ", "A") == 30
    code, output = await office.at_terminal("approve", "J1", "--actor", "Li")
    assert (code, "same_person" in output) == (1, True)
    assert await office.at_terminal("approve", "J1", "--actor", "wang") == (0, "J1: booked\n")
    assert await office.at_terminal("approve", "J1", "--actor", "wang") == (0, "J1: booked\n")
    small = ("adjust", "J2", "-w", "HZ", "-l", "A=-1", "-l", "C=2", "-r", "found", "--actor", "li")
    assert await office.at_terminal(*small) == (0, "J2: booked\n")
    assert [await office.on_hand("HZ", sku) for sku in "AC"] == [18, 2]
    assert (await office.at_terminal(*ask[:1], "J3", *ask[2:]))[1] == "J3: requested\n"
    assert (await office.at_terminal("reject", "J3", "-r", "no")) == (0, "J3: rejected\n")
    entries = await office.house.fetch(
        "SELECT document_no, sku, quantity, actor, reason FROM inventory.ledger "
        "WHERE kind = 'adjustment' ORDER BY id"
    )
    assert [tuple(entry) for entry in entries] == [
        ("J1", "A", -11, "wang", "flood"),
        ("J2", "A", -1, "li", "found"),
        ("J2", "C", 2, "li", "found"),
    ]
    receipts = await office.post("/adjustments", {**PAPERS["/adjustments"], **_named("r1")})
    assert (receipts[0], receipts[1]["code"]) == (409, "already_booked")
    await close(office)


async def test_a_count_while_goods_move_books_the_difference_of_its_moment(office: Office) -> None:
    await opening(office)
    code, output = await office.at_terminal(
        "count-open", "C1", "-w", "HZ", "--sku", "A", "--sku", "B", "-r", "month's end"
    )
    assert (code, output) == (0, "C1: open\n")
    counted_at = SystemClock().now()
    # After the shelf was counted, 4 of A leave and 6 come in.
    await office.house.publish([placed("o1", [("A", 4)]), paid("o1")])
    await office.house.drained()
    await office.house.publish([shipped("o1", "HZ", [("A", 4)]), receipt("r3", "HZ", [("A", 6)])])
    await office.house.drained()
    at = ("--at", counted_at.isoformat())
    record = ("count", "C1", "-w", "HZ", *at, "--actor", "li")
    assert (await office.at_terminal(*record, "-l", "A=28"))[0] == 0
    code, output = await office.at_terminal("approve", "C1", "--actor", "wang")
    assert (code, "还有 SKU 没有盘点数 B" in output) == (1, True)
    assert (await office.at_terminal(*record, "-l", "B=10", "-l", "Z=1"))[0] == 0
    assert (await office.at_terminal("approve", "C1", "--actor", "li"))[0] == 1
    assert await office.at_terminal("approve", "C1", "--actor", "wang") == (0, "C1: booked\n")
    assert [await office.on_hand("HZ", sku) for sku in "ABZ"] == [30 - 2 - 4 + 6, 10, 1]
    late = ("--at", (SystemClock().now() + timedelta(hours=1)).isoformat())
    code, output = await office.at_terminal("count", "C1", "-w", "HZ", *late, "-l", "A=1")
    assert (code, "already_decided" in output) == (1, True)
    await close(office)


async def test_the_promised_is_not_moved_away(office: Office) -> None:
    await opening(office)
    await office.house.publish([placed("o1", [("A", 28)])])
    await office.house.drained()
    status, answer = await office.post("/transfers", {**PAPERS["/transfers"], **_named("T1")})
    assert (status, answer["code"], answer["detail"][-1]) == (409, "below_reserved", "A")
    await office.house.publish([receipt("r4", "HZ", [("A", 9)])])
    await office.house.drained()
    status, answer = await office.post("/transfers", {**PAPERS["/transfers"], **_named("T1")})
    assert (status, answer["state"]) == (200, "in_transit"), "what was refused may be sent again"
    await close(office)


@pytest.mark.parametrize("path", PAPERS)
async def test_malformed_papers_are_told_where_and_change_nothing(
    office: Office, path: str
) -> None:
    good = {**PAPERS[path], **_named("D1")}
    spoilt = [
        ("document_no", {**good, "document_no": ""}),
        ("document_no", {**good, "document_no": "a|b"}),
        ("actor", {**good, "actor": " "}),
        ("price", {**good, "price": 1}),
        *((name, {key: good[key] for key in good if key != name}) for name in good),
    ]
    if "lines" in good:
        spoilt += [
            ("quantity", {**good, "lines": [{**LINE, "quantity": quantity}]})
            for quantity in (1.5, "5", 10**10, None)
        ]
        spoilt += [("lines", {**good, "lines": []}), ("sku", {**good, "lines": [{"sku": ""}]})]
    if path in {"/transfers", "/arrivals", "/counted", "/purchases", "/purchase-receipts"}:
        spoilt.append(("quantity", {**good, "lines": [{**LINE, "quantity": -1}]}))
    if "counted_at" in good:
        spoilt.append(("counted_at", {**good, "counted_at": "2026-11-11T12:00:00"}))
    for where, body in spoilt:
        status, answer = await office.post(path, body)
        assert (status, answer["code"]) == (422, "malformed"), body
        assert where in answer["detail"], answer
    assert await office.house.fetch("SELECT 1 FROM inventory.reservations") == []


def _named(document_no: str) -> dict[str, str]:
    return {"document_no": document_no, "actor": "li"}
