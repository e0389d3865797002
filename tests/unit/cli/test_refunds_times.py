"""`danshu refunds show` says when things happened as the clock on the wall says it."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from cli.refunds import app

MIDNIGHT = "2026-11-11T16:30:00Z"
CASE = {
    "refund_id": "R1",
    "state": "paying",
    "payout_stage": "needs_person",
    "payout_note": "",
    "payout_gave_up": "no_answer",
    "payout_sends": 2,
    "payout_given_up_at": MIDNIGHT,
    "requested_at": MIDNIGHT,
    "tier": "auto",
    "amount_fen": 2990,
    "currency": "CNY",
    "approvals_given": [],
    "approvals_needed": [],
    "goods": "good",
    "goods_check": {"checked_at": MIDNIGHT, "actor": "仓管", "reason": ""},
    "resumptions": [
        {"resumed_at": MIDNIGHT, "actor": "财务", "reason": "已恢复", "last_heard": ""}
    ],
    "heard_there": [],
}


def test_times_are_shanghais_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(_kind: object, _method: str, path: str, *_: Any, **__: Any) -> dict[str, Any]:
        return {"refunds": [CASE]} if path == "/refunds" else {"double_refunds": []}

    monkeypatch.setattr("cli.refunds.call", answered)
    monkeypatch.setenv("COLUMNS", "200")
    told = CliRunner().invoke(app, ["show", "DS1"])
    assert told.exit_code == 0, told.output
    lines = [line for line in told.output.splitlines() if "R1" in line]
    assert len(lines) == 4
    assert all("2026-11-12 00:30 北京时间" in line for line in lines), told.output
    assert "16:30" not in told.output
