"""From the ledger to a suggestion, a purchase order and its receipts; and what falls below its safety stock."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from chassis.client import client
from chassis.clock import ManualClock, SystemClock
from chassis.codec import codec
from chassis.producer import DeliveryFailed
from schemas.events.replenishment import ReplenishmentSuggested, SafetyStockCrossed
from services.inventory.demand_sheets import read_demand
from services.inventory.parameters import read_parameters
from services.inventory.planning import SQL, Planner, first_moment
from services.inventory.reconciling import SHANGHAI
from services.inventory.sourcing import read_sourcing
from tests.integration.inventory.papers import TOKEN, Office
from tests.integration.inventory.rig import RULES
from tests.unit.inventory.events import cancelled, paid, placed, receipt

DAYS = 70


def planner(
    office: Office, publisher: Any = None, *, clock: ManualClock | None = None, from_hour: int = 0
) -> Planner:
    """One at a moment that stands still."""
    return Planner(
        office.running.pool,
        clock or ManualClock(SystemClock().now()),
        publisher or office.house.publisher,
        codec(),
        parameters=read_parameters(RULES),
        sourcing=read_sourcing(RULES),
        from_hour=from_hour,
    )


async def past(
    office: Office, sku: str, sells: Callable[[int], int], *, on_hand: int, warehouse: str = "HZ"
) -> None:
    """70 days of sales of a SKU as the service would have booked them, and what they leave."""
    today = SystemClock().now()
    sold = [sells(day) for day in range(DAYS)]
    balance = sum(sold) + on_hand
    entries: list[tuple[datetime, int, str, int]] = [
        (today - timedelta(days=DAYS + 1), balance, "receipt", balance)
    ]
    for day, pieces in enumerate(sold):
        if pieces:
            balance -= pieces
            at = today - timedelta(days=DAYS - day)
            entries.append((at, -pieces, "deduction", balance))
    numbered = [(*entry, f"past-{number}") for number, entry in enumerate(entries)]
    await office.house.fetch(
        "INSERT INTO inventory.ledger (warehouse, sku, order_id, at, quantity, kind, balance_after, document_no) "
        "SELECT $1, $2, '', * FROM "
        "unnest($3::timestamptz[], $4::bigint[], $5::text[], $6::bigint[], $7::text[])",
        *(warehouse, sku, *map(list, zip(*numbered, strict=True))),
    )
    await office.house.fetch(
        "INSERT INTO inventory.stock (warehouse, sku, on_hand) VALUES ($1, $2, $3)",
        *(warehouse, sku, on_hand),
    )


async def told(office: Office, kind: type[Any]) -> list[Any]:
    return [one for one in await office.house.emitted("replenishment") if isinstance(one, kind)]


async def suggested(office: Office, *options: str) -> dict[str, dict[str, Any]]:
    code, output = await office.at_terminal("suggest", "--json", *options)
    assert code == 0, output
    return {one["sku"]: one for one in json.loads(output)}


async def get(office: Office, path: str) -> httpx2.Response:
    async with client(headers={"authorization": f"Bearer {TOKEN}"}, timeout_s=30) as http:
        return await http.get(office.url + path)


def file(folder: Path, *lines: str) -> str:
    path = folder / "rows.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


async def test_what_sells_is_ordered_in_time_comes_in_and_is_not_ordered_twice(
    office: Office, tmp_path: Path
) -> None:
    await past(office, "A", lambda day: 10 + day % 3, on_hand=40)
    await past(office, "B", lambda day: 2 * (day % 5 == 0), on_hand=3)
    await past(office, "IDLE", lambda _day: 0, on_hand=9)
    await past(office, "ENOUGH", lambda _day: 5, on_hand=900)
    terms = file(
        tmp_path,
        "sku,supplier,lead_time_days,pack_pieces,order_pieces_min",
        "A,S1,5,12,",
        "B,S1,,,30",
        "ENOUGH,S2,,,",
    )
    assert await office.at_terminal("supply", terms, "--actor", "li") == (0, "3 rows kept\n")
    today = planner(office)
    assert await today.plan_due() == 4
    assert await today.plan_due() == 0, "a row is planned once a day"

    found = await suggested(office)
    assert set(found) == {"A", "B"}
    a, b = found["A"], found["B"]
    assert a["daily_demand_milli"] == pytest.approx(11_000, rel=0.05)
    # 12 days to protect at 11 a day, and a week's order on top.
    assert a["reorder_point"] == pytest.approx(132 + a["safety_stock"], abs=3)
    assert a["order_up_to"] == pytest.approx(a["reorder_point"] + 77, abs=4)
    assert a["quantity"] == -(-(a["order_up_to"] - 40) // 12) * 12
    assert (b["demand_class"], b["forecaster"], b["quantity"]) == (
        "intermittent",
        "croston-sba",
        30,
    )
    everything = await suggested(office, "--all")
    assert everything["IDLE"]["explanation"] == "有货的 70 天里没有卖过，不预测"
    assert everything["ENOUGH"]["explanation"].endswith("= 900，够用")
    assert await suggested(office, "-s", "S2") == {}
    events = {one.sku: one for one in await told(office, ReplenishmentSuggested)}
    assert {sku: one.quantity for sku, one in events.items()} == {"A": a["quantity"], "B": 30}
    assert events["A"].level_key == "HZ|A"


async def test_an_order_takes_its_suggestion_away_until_it_is_in_or_cancelled(
    office: Office, tmp_path: Path
) -> None:
    await past(office, "A", lambda _day: 10, on_hand=40)
    await past(office, "B", lambda _day: 2, on_hand=3)
    terms = file(tmp_path, "sku,supplier", "A,S1", "B,S1")
    assert (await office.at_terminal("supply", terms))[0] == 0
    today = planner(office)
    await today.plan_due()
    before = await suggested(office)
    a, b = before["A"]["quantity"], before["B"]["quantity"]
    code, output = await office.at_terminal("purchase", "--from-suggestions", "--actor", "li")
    number = output.partition(":")[0]
    assert (code, output) == (0, f"{number}: open\n")
    assert number.startswith("PO-20")
    assert number.endswith("-HZ-S1")
    again = await office.at_terminal("purchase", "--from-suggestions")
    assert again == (0, "nothing is to be ordered\n")
    assert await today.watch() == 4, "both fell below their safety stock"
    assert [one.quantity for one in await told(office, ReplenishmentSuggested)][-2:] == [0, 0]
    assert await suggested(office) == {}
    code, output = await office.at_terminal("show", "A")
    assert (code, number in output) == (0, True)

    receive = ("purchase-receive", number, "r1", "-w", "HZ", "-l", "A=24", "--actor", "wang")
    for _ in range(2):
        assert await office.at_terminal(*receive) == (0, f"{number}: partly_received\n")
    assert await office.on_hand("HZ", "A") == 64
    listed = (await get(office, "/purchases?sku=A")).json()
    assert [one["document_no"] for one in listed] == [number]
    assert dict(listed[0]["outstanding"]) == {"A": a - 24, "B": b}
    over = a * 105 // 100 + 1 - 24
    code, output = await office.at_terminal(
        "purchase-receive", number, "r2", "-w", "HZ", "-l", f"A={over}"
    )
    assert (code, "到货超过采购单允许的数量 A" in output) == (1, True)
    cancel = ("purchase-cancel", number, "-r", "sold out there", "--actor", "li")
    assert await office.at_terminal(*cancel) == (0, f"{number}: cancelled\n")
    assert (await suggested(office))["B"] == before["B"]
    assert (await office.at_terminal("purchases"))[1] == "no purchase order is on its way\n"
    ledger = await office.house.fetch(
        "SELECT sku, quantity, kind, actor, reason FROM inventory.ledger WHERE document_no = $1",
        f"{number}/r1",
    )
    assert [tuple(row)[:4] for row in ledger] == [("A", 24, "receipt", "wang")]
    assert ledger[0]["reason"].startswith("补货建议 20")
    code, output = await office.at_terminal("verify")
    assert code == 0, output


async def test_an_alarm_is_told_once_when_available_crosses_the_safety_stock(
    office: Office,
) -> None:
    await past(office, "A", lambda day: 10 + 4 * (day % 2), on_hand=300)
    watching = planner(office)
    assert await watching.plan_due() == 1
    assert await watching.watch() == 0
    await office.house.publish([placed("o1", [("A", 299)])])
    await office.house.drained()
    # Two processes look at once.
    assert sum(await asyncio.gather(watching.watch(), planner(office).watch())) == 1
    assert await watching.watch() == 0
    below = (await told(office, SafetyStockCrossed))[0]
    assert (below.level_key, below.below, below.available) == ("HZ|A", True, 1)
    assert below.safety_stock > 1
    await office.house.publish([cancelled("o1")])
    await office.house.drained()
    assert await watching.watch() == 1
    crossed = await told(office, SafetyStockCrossed)
    assert [(one.below, one.available, one.version) for one in crossed] == [
        (True, 1, 1),
        (False, 300, 2),
    ]


async def test_several_planners_plan_each_row_once_and_a_lost_telling_is_told_again(
    office: Office,
) -> None:
    for sku in ("A", "B", "C"):
        await past(office, sku, lambda _day: 10, on_hand=10)

    class Away:
        async def publish(self, _records: Sequence[Any]) -> None:
            raise DeliveryFailed("nobody takes it")

    with pytest.raises(DeliveryFailed):
        await planner(office, Away()).plan_due()
    assert await suggested(office) == {}
    planned = await asyncio.gather(*(planner(office).plan_due() for _ in range(3)))
    assert sum(planned) == 3
    events = await told(office, ReplenishmentSuggested)
    assert sorted((one.sku, one.version) for one in events) == [("A", 1), ("B", 1), ("C", 1)]
    # Terms that change are planned by at the next look, and told as the next event of the row.
    rows = [{"sku": "A", "supplier": "S9", "lead_time_days": 30}]
    assert (await office.post("/supply", {"rows": rows, "actor": "li"}))[0] == 200
    before = (await suggested(office))["A"]
    assert await planner(office).plan_due() == 1
    after = (await suggested(office))["A"]
    assert (before["supplier"], after["supplier"]) == ("", "S9")
    assert after["reorder_point"] > before["reorder_point"] + 200
    assert (await told(office, ReplenishmentSuggested))[-1].version == 2
    assert await office.at_terminal("plan") == (0, "accepted\n")
    assert await planner(office).plan_due() == 3


async def test_the_ledger_of_a_sku_is_read_once_for_all_the_warehouses_that_have_it(
    office: Office,
) -> None:
    warehouses = ["HZ", "GZ", "BJ", "CD"]
    for warehouse in warehouses:
        await past(office, "A", lambda _day: 10, on_hand=10, warehouse=warehouse)
    await past(office, "B", lambda _day: 10, on_hand=10)
    today = SystemClock().now().date()
    plan = await office.house.fetch(
        "EXPLAIN (ANALYZE, FORMAT JSON) " + SQL["rows_to_plan"],
        *("A", warehouses, first_moment(today)),
    )
    (read,) = read_of("ledger", json.loads(plan[0][0])[0]["Plan"])
    assert read["Actual Loops"] == 1
    assert read["Actual Rows"] == len(warehouses) * (DAYS + 1)
    # What is planned of each follows from its own entries, in however many warehouses the SKU lies.
    assert await planner(office).plan_due() == len(warehouses) + 1
    plans = await office.house.fetch(
        "SELECT plan->'terms' IS NOT NULL, reorder_point, suggested > 0 FROM inventory.replenishment"
    )
    assert len(plans) == len(warehouses) + 1
    assert len({tuple(one) for one in plans}) == 1


def read_of(table: str, node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes of a query's plan that read this table."""
    below = [one for inner in node.get("Plans", ()) for one in read_of(table, inner)]
    return [node, *below] if node.get("Relation Name") == table else below


async def test_the_day_begins_at_its_hour_and_what_is_new_does_not_wait_for_it(
    office: Office,
) -> None:
    await past(office, "A", lambda _day: 10, on_hand=10)
    midnight = SystemClock().now().astimezone(SHANGHAI).replace(hour=0, minute=0) + timedelta(1)
    clock = ManualClock(midnight.astimezone(UTC) + timedelta(hours=2))
    night = planner(office, clock=clock, from_hour=3)
    assert await night.plan_due() == 1
    await past(office, "B", lambda _day: 10, on_hand=10)
    assert await night.plan_due() == 1
    clock.advance(59 * 60_000)
    assert await night.plan_due() == 0
    clock.advance(60_000)
    assert await night.plan_due() == 2


async def test_goods_on_the_way_from_another_warehouse_count_where_they_arrive(
    office: Office,
) -> None:
    await past(office, "A", lambda _day: 10, on_hand=20)
    await office.house.publish([receipt("r1", "GZ", [("A", 500)])])
    await office.house.drained()
    await planner(office).plan_due()
    assert (await suggested(office, "-w", "HZ"))["A"]["quantity"] > 0
    send = ("transfer", "T1", "--from", "GZ", "--to", "HZ", "-l", "A=400", "-r", "fill up")
    assert (await office.at_terminal(*send))[0] == 0
    assert await suggested(office) == {}
    on_its_way = (await suggested(office, "-w", "HZ", "--all"))["A"]
    assert (on_its_way["in_transit"], on_its_way["position"]) == (400, 420)


async def test_paid_orders_that_wait_are_ordered_for(office: Office) -> None:
    await past(office, "A", lambda _day: 10, on_hand=20)
    await planner(office).plan_due()
    before = (await suggested(office))["A"]
    await office.house.publish([placed("o1", [("A", 70)]), paid("o1"), placed("o2", [("A", 900)])])
    await office.house.drained()
    after = (await suggested(office))["A"]
    # o2 has not paid: it may never come back.
    assert (after["backordered"], after["position"]) == (70, before["position"] - 70)
    assert after["quantity"] == before["quantity"] + 70


async def test_days_without_stock_do_not_lower_what_is_ordered(office: Office) -> None:
    await past(office, "ALWAYS", lambda _day: 10, on_hand=10)
    await past(office, "GAP", lambda day: 0 if 30 <= day < 50 else 10, on_hand=10)
    # What the empty shelf of GAP looked like: everything was taken away for those days.
    today = SystemClock().now()
    left = 10 * 20 + 10
    for at, pieces in ((DAYS - 30, -left), (DAYS - 50, left)):
        await office.house.fetch(
            "INSERT INTO inventory.ledger (at, warehouse, sku, quantity, kind, document_no, order_id, balance_after) "
            "VALUES ($1, 'HZ', 'GAP', $2, 'adjustment', $3, '', 0)",
            *(today - timedelta(days=at), pieces, f"gap-{at}"),
        )
    code, output = await office.at_terminal("demand", "-w", "HZ", "--sku", "GAP")
    days = read_demand(output.encode()).series["GAP"]
    assert code == 0
    assert list(days) == [None, *([10] * 30), *([None] * 21), *([10] * 19)]
    await planner(office).plan_due()
    found = await suggested(office)
    assert found["ALWAYS"]["daily_demand_milli"] == pytest.approx(10_000, rel=0.01)
    assert found["GAP"]["daily_demand_milli"] == pytest.approx(10_000, rel=0.03)


def sold_before(until: date, *, days: int, skus: Sequence[str], pieces: int = 10) -> list[str]:
    """Lines of a back office's export whose last day is the one before `until`."""
    return [
        f"{sku},{until - timedelta(days=ago):%Y/%m/%d},{pieces},是"
        for sku in skus
        for ago in range(days, 0, -1)
    ]


async def test_what_was_sold_before_is_forecast_from_on_the_first_day(
    office: Office, tmp_path: Path
) -> None:
    today = SystemClock().now().astimezone(SHANGHAI).date()
    await office.house.publish([receipt("opening", "HZ", [("A", 30), ("B", 30)])])
    await office.house.drained()
    await planner(office).plan_due()
    assert (await suggested(office, "--all"))["A"]["explanation"].startswith("有货的日子只有 0 天")

    heading = "商家编码,日期,销量,有货"
    export = file(tmp_path, heading, *sold_before(today, days=60, skus=["A", "B", "LATER"]))
    keep = ("sales-history", export, "-w", "HZ", "--actor", "li")
    code, output = await office.at_terminal(*keep, "--dry-run")
    assert (code, "nothing was kept" in output) == (0, True)
    assert await office.at_terminal("sales-history") == (
        0,
        "no sales history is kept (danshu inventory sales-history FILE.csv -w WAREHOUSE)\n",
    )
    code, output = await office.at_terminal(*keep)
    first = today - timedelta(days=60)
    assert (code, output.splitlines()) == (
        0,
        [
            f"3 SKUs from {first} to {today - timedelta(days=1)}, 1800 pieces",
            "3 SKUs kept, 0 unchanged; their plans follow within a minute",
            "1 of them HZ has never had, they count once it has: LATER",
        ],
    )
    assert await planner(office).plan_due() == 2
    a = (await suggested(office))["A"]
    assert (a["daily_demand_milli"], a["demand_class"]) == (
        pytest.approx(10_000, rel=0.01),
        "smooth",
    )
    assert a["quantity"] > 100
    assert "其中 60 天是导入的历史销量" in a["explanation"]

    # The same again changes nothing; another one takes its place; forgotten, only our own books count.
    code, output = await office.at_terminal(*keep[:-1], "wang")
    assert "0 SKUs kept, 3 unchanged" in output
    assert await planner(office).plan_due() == 0
    code, output = await office.at_terminal("sales-history", "--json", "--sku", "A")
    assert [(one["first_day"], one["pieces"], one["changed_by"]) for one in json.loads(output)] == [
        (f"{first}", 600, "li")
    ]
    twice = file(tmp_path, heading, *sold_before(today, days=60, skus=["A"], pieces=20))
    assert (await office.at_terminal("sales-history", twice, "-w", "HZ"))[0] == 0
    assert await planner(office).plan_due() == 1
    assert (await suggested(office))["A"]["daily_demand_milli"] == pytest.approx(20_000, rel=0.01)
    forget = ("sales-history", "--forget", "-w", "HZ", "--sku", "A")
    for forgotten in (1, 0):
        assert await office.at_terminal(*forget) == (0, f"{forgotten} SKUs forgotten\n")
    assert await planner(office).plan_due() == 1
    assert set(await suggested(office)) == {"B"}


async def test_what_our_own_books_know_counts_before_what_another_system_says(
    office: Office, tmp_path: Path
) -> None:
    await past(office, "A", lambda _day: 10, on_hand=40)
    today = SystemClock().now().astimezone(SHANGHAI).date()
    both = file(
        tmp_path,
        "sku,day,pieces",
        *[line.rpartition(",")[0] for line in sold_before(today, days=100, skus=["A"], pieces=99)],
    )
    assert (await office.at_terminal("sales-history", both, "-w", "HZ"))[0] == 0
    code, output = await office.at_terminal("demand", "-w", "HZ")
    assert code == 0
    days = read_demand(output.encode()).series["A"]
    # The day of the first receipt had no stock in the morning: the other system knows what it sold.
    assert days == (*([99] * (100 - DAYS)), *([10] * DAYS))


async def test_history_that_cannot_be_kept_is_refused_and_changes_nothing(
    office: Office, tmp_path: Path
) -> None:
    await office.house.publish([receipt("opening", "HZ", [("A", 30)])])
    await office.house.drained()
    today = SystemClock().now().astimezone(SHANGHAI).date()
    for lines, said in (
        (["sku,day,pieces", f"A,{today + timedelta(days=1)},1"], "is yet to come"),
        (["sku,day,pieces", f"A,{today},1"], "which is not over"),
        (["sku,day,pieces", "A,yesterday,1"], "line 2: day 'yesterday' is no day"),
    ):
        code, output = await office.at_terminal("sales-history", file(tmp_path, *lines), "-w", "HZ")
        assert (code, said in output) == (2, True), output
    good = file(tmp_path, "sku,day,pieces", f"A,{today - timedelta(days=1)},1", f"A,{today},1")
    code, output = await office.at_terminal("sales-history", good, "-w", "XX")
    assert (code, "XX (#/warehouse)" in output) == (1, True), output
    code, output = await office.at_terminal("sales-history", good)
    assert code == 2
    sold = [{"sku": "A", "first_day": today.isoformat(), "pieces": [1]}]
    body = {"warehouse": "HZ", "sold": sold, "actor": "li"}
    status, answer = await office.post("/sales-history", body)
    assert (status, answer["code"]) == (422, "day_not_over")
    assert await office.house.fetch("SELECT 1 FROM inventory.sales_history") == []
    code, output = await office.at_terminal("sales-history", good, "-w", "HZ")
    assert (code, f"{today} is not over: left out" in output) == (0, True)


async def test_bad_input_is_refused_precisely_and_changes_nothing(
    office: Office, tmp_path: Path
) -> None:
    status, answer = await office.post("/supply", {"rows": [{"sku": "A", "pack_pieces": -1}]})
    assert status == 422
    status, answer = await office.post("/replenishment-plans", {"skus": ["a|b"]})
    assert (status, answer["code"]) == (422, "malformed_text")
    answered = await get(office, "/suggestions?sku=%00")
    assert (answered.status_code, answered.json()["code"]) == (400, "malformed_code")
    for lines, said in (
        (("supplier", "S1"), "no column sku"),
        (("sku,colour", "A,red"), "unknown columns colour"),
        (("sku,pack_pieces", "A,dozen"), "line 2: pack_pieces 'dozen' is no whole number"),
        (("sku,supplier", "A,S1,S2"), "line 2: more cells than titles"),
        (("sku,supplier",), "no line of terms"),
    ):
        code, output = await office.at_terminal("supply", file(tmp_path, *lines))
        assert (code, said in " ".join(output.split())) == (2, True), output
    code, output = await office.at_terminal("purchase", "P1", "-l", "A=1")
    assert code == 2
    assert "--warehouse, --supplier, --reason missing" in " ".join(output.split())
    assert await office.house.fetch("SELECT 1 FROM inventory.supply") == []
    assert await office.house.fetch("SELECT 1 FROM inventory.reservations") == []
