"""What commands print of other people's words and names."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from cli import availability, campaigns, ingest_listing, inventory, refunds

WORDS = "bad [/sku] [red]x :tea:"
AT = "2026-11-11T16:30:00Z"
LISTING = {
    "channel": "taobao",
    "shop": "s1",
    "channel_sku_id": "5001",
    "item_id": "6001",
    "merchant_code": "TEA",
    "actor": "lin",
    "set_at": AT,
    "wanted": 3,
    "wanted_at": AT,
    "due": True,
    "told": 2,
    "told_at": AT,
    "outcome": "refused",
    "reason": WORDS,
    "attempts": 1,
}
CASE: dict[str, Any] = {
    "refund_id": "R1",
    "state": "paying",
    "payout_stage": "needs_person",
    "payout_note": WORDS,
    "payout_given_up_at": None,
    "requested_at": AT,
    "tier": "auto",
    "amount_fen": 2990,
    "currency": "CNY",
    "approvals_given": [],
    "approvals_needed": [],
    "goods_check": None,
    "resumptions": [],
    "heard_there": None,
}
LINE = {
    "warehouse": "HZ",
    "sku": WORDS,
    "pieces": 9,
    "kept": 1,
    "held": 2,
    "sent": 3,
    "left": 4,
    "given_back": 0,
}
CAMPAIGN = {
    "document_no": "C1",
    "name": WORDS,
    "state": "running",
    "channels": ["taobao"],
    "begins_at": AT,
    "ends_at": AT,
    "exclusive": False,
    "lines": [LINE],
    "left_out": [],
}
TOLD = {
    "for_sale": 9,
    "stock_changed_at": AT,
    "offers": [{"channel": "taobao", "quantity": 3, "rule": WORDS}],
}
SAFETY = {"warehouse": "HZ", "pieces": 3, "actor": WORDS, "changed_at": AT}
QUOTA = {"quota": WORDS, "percent": 10, "held": 1, "sent": 2, "kept": 3, "left": 4}
REFUNDS = {"refunds": [CASE], "double_refunds": []}


@pytest.mark.parametrize(
    ("module", "words", "answer"),
    [
        (ingest_listing, ["list"], {"listings": [LISTING], "next": ""}),
        (refunds, ["show", "O1"], REFUNDS),
        (campaigns, ["campaigns"], {"campaigns": [CAMPAIGN]}),
        (campaigns, ["campaign", "C1"], CAMPAIGN),
        (availability, ["offers", "TEA"], {"told": [TOLD]}),
        (availability, ["offers", WORDS], {"told": [TOLD]}),
        (availability, ["safety", "TEA"], {"stocks": [SAFETY]}),
        (availability, ["quotas", "TEA"], {"rows": [{"warehouse": "HZ", "shares": [QUOTA]}]}),
    ],
)
def test_other_peoples_words_are_no_markup(
    monkeypatch: pytest.MonkeyPatch, module: Any, words: list[str], answer: object
) -> None:
    monkeypatch.setattr(module, "call", lambda *_, **__: answer)
    monkeypatch.setenv("COLUMNS", "300")
    done = CliRunner().invoke(module.app, words)
    assert (done.exit_code, WORDS in done.output) == (0, True), done.output


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One level and one entry of a SKU, without a database."""

    async def fetched(*_: object) -> tuple[Any, ...]:
        level = {"warehouse": WORDS, "on_hand": 9, "reserved": 1, "withheld": 0, "available": 8}
        return [{**level, "kept": 0}], [], [], [], [], [], []

    monkeypatch.setattr(inventory, "_settings", lambda: None)
    monkeypatch.setattr(inventory, "_fetch", fetched)


@pytest.mark.usefixtures("stock")
def test_a_warehouses_name_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    done = CliRunner().invoke(inventory.app, ["show", WORDS])
    assert (done.exit_code, done.output.count(WORDS)) == (0, 2), done.output
