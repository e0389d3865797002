from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from schemas.events.refunds import RefundApproved, RefundRequested
from services.refunds.domain.model import CaseState
from services.refunds.store import tier_table
from tests.unit.refunds.desk import NOON, RULES, RefundDesk, delivered, line, paid, placed, shipped

AUTO, SUPERVISOR, FINANCE, RISK = (
    ("auto", ()),
    ("supervisor", ("supervisor",)),
    ("finance", ("finance",)),
    ("risk", ("finance", "risk")),
)


@pytest.mark.parametrize(
    ("amount_fen", "signed_days", "damaged", "expected"),
    [
        pytest.param(14_999, None, False, AUTO, id="unshipped below 150"),
        pytest.param(15_000, None, False, SUPERVISOR, id="unshipped 150"),
        pytest.param(14_999, 0, False, AUTO, id="signed today"),
        pytest.param(14_999, 7, False, AUTO, id="signed 7 days ago"),
        pytest.param(14_999, 8, False, SUPERVISOR, id="signed 8 days ago"),
        pytest.param(14_999, 1, True, SUPERVISOR, id="damaged"),
        pytest.param(100, -1, False, SUPERVISOR, id="on its way"),
        pytest.param(20_000, 1, False, SUPERVISOR, id="200"),
        pytest.param(20_001, 1, False, FINANCE, id="above 200"),
        pytest.param(100_000, 1, False, FINANCE, id="1000"),
        pytest.param(100_001, 1, False, RISK, id="above 1000"),
    ],
)
def test_the_tier_follows_from_amount_signing_and_damage(
    amount_fen: int,
    signed_days: int | None,
    damaged: bool,
    expected: tuple[str, tuple[str, ...]],
) -> None:
    desk = RefundDesk(placed(line(1, 1, amount_fen), line(2, 1, 5)), paid(amount_fen + 5))
    if signed_days is not None:
        desk.give(shipped())
    if signed_days is not None and signed_days >= 0:
        desk.give(delivered(NOON))
        desk.pass_days(signed_days)
    desk.request("refund-1", (1, 1), damaged=damaged)
    requested = desk.of(RefundRequested)[0]
    assert (requested.tier, requested.approvals_needed) == expected
    assert requested.rule.startswith("refund-tier/default@2.")
    if expected == AUTO:
        approved = desk.of(RefundApproved)[0]
        assert approved.complete
        assert approved.actor == requested.rule
        assert desk.stands() is CaseState.PAYING
    else:
        assert not desk.of(RefundApproved)
        assert desk.stands() is CaseState.AWAITING_APPROVAL


@pytest.mark.parametrize("amount_fen", [1, 9_000, 50_000])
@pytest.mark.parametrize("currency", ["USD", "JPY", "usd"])
def test_a_refund_in_another_currency_passes_by_no_amount(currency: str, amount_fen: int) -> None:
    desk = RefundDesk(replace(placed(line(1, 1, amount_fen)), currency=currency), paid(amount_fen))
    desk.request("refund-1")
    [requested] = desk.of(RefundRequested)
    assert (requested.tier, requested.approvals_needed) == RISK
    assert (requested.currency, requested.amount_fen) == (currency, amount_fen)
    assert requested.rule.endswith("#foreign-currency")
    assert not desk.of(RefundApproved)


def test_a_table_that_does_not_know_of_currencies_is_not_asked_about_other_amounts(
    tmp_path: Path,
) -> None:
    older = (RULES / "refund-tier" / "default.yaml").read_text(encoding="utf-8")
    table = yaml.safe_load(older)
    del table["facts"]["currency"]
    table["rows"] = [row for row in table["rows"] if row["id"] != "foreign-currency"]
    table["samples"] = []
    (tmp_path / "refund-tier").mkdir()
    (tmp_path / "refund-tier" / "default.yaml").write_text(yaml.safe_dump(table))
    for currency, tier in (("CNY", AUTO), ("USD", RISK)):
        order = replace(placed(line(1, 1, 9_000)), currency=currency)
        desk = RefundDesk(order, paid(9_000), table=tier_table(tmp_path))
        desk.request("refund-1")
        [requested] = desk.of(RefundRequested)
        assert (requested.tier, requested.approvals_needed) == tier


def test_two_roles_must_agree_and_the_last_one_lets_the_money_go() -> None:
    desk = RefundDesk(placed(line(1, 2, 300_000)), paid(300_000))
    desk.request("refund-1", (1, 1))
    assert not desk.approve("risk", "checker-1").refusal
    assert desk.stands() is CaseState.AWAITING_APPROVAL
    assert not desk.approve("finance", "checker-2").refusal
    assert desk.stands() is CaseState.PAYING
    assert [(event.role, event.complete) for event in desk.of(RefundApproved)] == [
        ("risk", False),
        ("finance", True),
    ]


@pytest.mark.parametrize(
    ("role", "actor", "reason"),
    [
        pytest.param("finance", "agent-1", "maker_is_checker", id="the maker"),
        pytest.param("finance", "checker-1", "actor_already_approved", id="one actor, two roles"),
        pytest.param("risk", "checker-2", "already_decided", id="a second actor of a role"),
        pytest.param("supervisor", "checker-2", "role_not_needed", id="a role nobody asked"),
    ],
)
def test_an_approval_that_does_not_count_is_refused(role: str, actor: str, reason: str) -> None:
    desk = RefundDesk(placed(line(1, 2, 300_000)), paid(300_000))
    desk.request("refund-1", (1, 1), actor="agent-1")
    desk.approve("risk", "checker-1")
    assert desk.approve(role, actor).refusal == reason
    assert desk.stands() is CaseState.AWAITING_APPROVAL


def test_the_same_approval_again_is_done_and_changes_nothing() -> None:
    desk = RefundDesk(placed(line(1, 2, 300_000)), paid(300_000))
    desk.request("refund-1", (1, 1))
    desk.approve("risk")
    again = desk.approve("risk")
    assert (again.refusal, again.events, again.effects) == ("", (), ())
