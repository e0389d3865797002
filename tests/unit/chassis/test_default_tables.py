"""The tables that ship: clean, complete, and what they promise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.rules import lint, load_tables

FOLDER = Path(__file__).parents[3] / "rules"
TABLES = load_tables(FOLDER)


@pytest.mark.parametrize("key", list(TABLES))
def test_a_default_table_is_clean_and_its_samples_reach_every_row(key: str) -> None:
    table = TABLES[key]
    assert lint(table) == ()
    reached = {row_id for sample in table.samples for row_id in sample.rows}
    wanted = {row.row_id for row in table.rows} | ({"default"} if table.default else set())
    assert reached - {"error"} == wanted
    assert all(row.note for row in table.rows)


def test_the_default_tables_cover_every_purpose() -> None:
    purposes = (
        *("risk", "sourcing", "carrier", "refund-tier", "sla"),
        *("stock-adjustment", "stock-reconciliation", "backorder", "hold", "replenishment"),
        *("batch-selling", "batch-return", "channel-quota", "presale"),
    )
    assert set(TABLES) == {f"{purpose}/default" for purpose in purposes}


@given(
    st.integers(min_value=1, max_value=500_000),
    st.booleans(),
    st.integers(min_value=-1, max_value=60),
    st.booleans(),
)
def test_the_refund_tiers_are_those_promised(
    amount_fen: int, shipped: bool, signed_days: int, damaged: bool
) -> None:
    harmless = not shipped or (0 <= signed_days <= 7 and not damaged)
    if harmless and amount_fen < 15_000:
        tier = "auto"
    elif amount_fen <= 20_000:
        tier = "supervisor"
    else:
        tier = "finance" if amount_fen <= 100_000 else "risk"
    decision = TABLES["refund-tier/default"].decide(
        {
            "amount_fen": amount_fen,
            "currency": "CNY",
            "shipped": shipped,
            "signed_days": signed_days,
            "damaged": damaged,
        }
    )
    approvals = {"auto": (), "risk": ("finance", "risk")}.get(tier, (tier,))
    assert (decision.text("tier"), decision.texts("approvals")) == (tier, approvals)


def test_undecidable_orders_go_to_people_and_undecidable_refunds_to_the_strictest() -> None:
    assert TABLES["risk/default"].decide({}).text("verdict") == "review"
    assert TABLES["refund-tier/default"].decide({}).text("tier") == "risk"
