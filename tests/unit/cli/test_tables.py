"""Tables at a terminal and in a pipe: names that are copied from them are whole."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from rich.table import Table
from typer.testing import CliRunner

from chassis.positions import Position
from cli import (
    batches,
    campaigns,
    groupbuy,
    ingest,
    ingest_listing,
    ingest_map,
    offsets,
    orders,
    printing,
)
from services.ingest.domain.shop_health import ShopHealth
from services.ingest.group_buys.staff import Listed
from services.orders.views import EntryView, OrderView

NAME = "fulfillment-parcels-of-the-big-warehouse-in-HZ-2"
WHY = "because-of-a-reason-that-has-no-space-in-it-and-is-longer-than-a-terminal-is-wide-at-most"
NOW = datetime(2026, 11, 11, 16, 30, tzinfo=UTC)
AT = "2026-11-11T16:30:00Z"
SGR = re.compile(r"\x1b\[[0-9;]*m")

SKU = {"channel": "taobao", "shop": NAME, "channel_sku_id": NAME, "merchant_code": NAME}
LISTING = {
    **SKU,
    "item_id": "6001",
    "actor": "lin",
    "set_at": AT,
    "wanted": 3,
    "wanted_at": AT,
    "due": True,
    "told": 2,
    "told_at": AT,
    "outcome": "refused",
    "reason": WHY,
    "attempts": 1,
}
MAPPING = {
    **SKU,
    "mapping_id": 1,
    "components": [{"sku": NAME}],
    "revision": 1,
    "actor": "lin",
    "set_at": AT,
}
UNMATCHED = {**SKU, "title": WHY, "reason": "unknown_sku", "orders": 1, "pieces": 1, "since": AT}
CAMPAIGN = {
    "document_no": NAME,
    "name": WHY,
    "state": "running",
    "channels": ["taobao", "jd"],
    "begins_at": AT,
    "ends_at": AT,
    "lines": [],
}
GROUP_BUY = Listed(
    campaign_id=NAME,
    title=WHY,
    opens_at=NOW,
    ends_on=date(2026, 11, 12),
    cut_off="20:00",
    closed_at=None,
    orders=3,
    total_fen=2990,
)
SHELF = {
    "warehouse": NAME,
    "sku": NAME,
    "expires_on": None,
    "on_hand": 9,
    "standing": "for_sale",
    "promised_beyond": 0,
}
SENT = {
    "order_id": NAME,
    "reference": NAME,
    "sku": NAME,
    "pieces": 1,
    "parcels": [NAME, NAME],
    "at": NOW,
}
ENTRY = EntryView(
    seq=1,
    at=NOW,
    actor="cli:lin",
    action="hold",
    from_state="placed",
    to_state="placed",
    basis=NAME,
    rule=NAME,
    detail=WHY,
    hash="",
)
ORDER = OrderView(
    order_id=NAME,
    state="placed",
    state_title="已下单",
    waiting_for=(),
    held=(),
    after_sale=False,
    interception_asked=False,
    channel="taobao",
    shop="s1",
    channel_order_no=NAME,
    placed_at=NOW,
    paid_at=NOW,
    paid_fen=2990,
    currency="CNY",
    ship_by=None,
    ship_by_rule="",
    stock="",
    warehouse="",
    parcel="",
    verdict=None,
    lines=(),
    audit=(ENTRY,),
    audit_fault="",
)
POSITION = Position(processor=NAME, topic=NAME, partition=0, next=1, first=2, end=3)


@pytest.fixture(params=["pipe", "terminal"])
def printed_to(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """80 columns either way."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    if request.param == "terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
    return str(request.param)


async def _fetched(found: object) -> object:
    return found


@pytest.mark.usefixtures("printed_to")
@pytest.mark.parametrize(
    ("module", "words", "asks", "answer", "names"),
    [
        (ingest_listing, "list", "call", {"listings": [LISTING], "next": ""}, 3),
        (ingest_map, "list", "call", {"mappings": [MAPPING], "next": ""}, 3),
        (ingest_map, "unmatched", "call", {"unmatched": [UNMATCHED]}, 3),
        (campaigns, "campaigns", "call", {"campaigns": [CAMPAIGN]}, 1),
        (groupbuy, "list", "_done", [GROUP_BUY], 1),
        (batches, "batch B1", "_found", ([SHELF], [SENT]), 7),
        (orders, f"explain {NAME}", "_read", ORDER, 4),
        (offsets, "list", "_positions", (POSITION,), 2),
        (ingest, "shops", "_shops", ((NAME, NAME, ShopHealth(since=NOW)),), 2),
    ],
)
def test_names_are_whole_however_narrow_it_is(
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    words: str,
    asks: str,
    answer: object,
    names: int,
) -> None:
    awaited = module in {offsets, ingest}
    monkeypatch.setattr(module, asks, lambda *_, **__: _fetched(answer) if awaited else answer)
    done = CliRunner().invoke(module.app, words.split())
    shown = SGR.sub("", done.output)
    assert (done.exit_code, shown.count(NAME) >= names) == (0, True), done.output
    assert "…" not in shown


def test_a_long_reason_is_folded_at_a_terminal_and_one_line_in_a_pipe(
    printed_to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = Table(*printing.keys("entry"), "why", "count", title=f"{NAME} {NAME}", box=None)
    table.add_row(NAME, WHY, "1")
    printing.show(table)
    title, _, *rows = SGR.sub("", capsys.readouterr().out).splitlines()
    assert title == f"{NAME} {NAME}"
    assert NAME in rows[0]
    assert "".join(row.removeprefix(f" {NAME}").strip(" 1") for row in rows) == WHY
    assert (len(rows) == 1) is (printed_to == "pipe")
    assert printed_to == "pipe" or max(map(len, rows)) <= 80


def test_names_wider_than_the_terminal_leave_the_others_eight_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    table = Table(*printing.keys("a", "b"), "why", box=None)
    table.add_row(NAME, NAME, "茶" * 9)
    printing.show(table)
    _, first, *rows = SGR.sub("", capsys.readouterr().out).splitlines()
    assert first.split() == [NAME, NAME, "茶" * 4]
    assert [row.strip() for row in rows] == ["茶" * 4, "茶"]
