"""What only a channel tells decides who must agree where the table asks for it, and is kept nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chassis.errors import StartRefused
from chassis.rules import Table
from schemas.events.orders import ChannelExtension, OrderAmended, OrderPlaced
from services.refunds.app import processor
from services.refunds.store import tier_table
from tests.support.extensions import pdd, rules_asking
from tests.unit.orders.life import amended
from tests.unit.refunds.desk import RefundDesk, line, paid, placed, tiers

LOTTERY = {
    "id": "lottery",
    "when": {"channel": "pdd", "ext.lottery": True},
    "then": {"tier": "finance", "approvals": ["finance"], "reason": "抽奖订单由财务审批"},
}


@pytest.fixture
def table(tmp_path: Path) -> Table:
    facts = {"channel": "text", "ext.lottery": "bool"}
    return tier_table(rules_asking(tmp_path, "refund-tier", facts, LOTTERY))


def order(extension: ChannelExtension | None, channel: str = "pdd") -> OrderPlaced:
    return replace(placed(line(1, 1, 9_900)), channel=channel, extension=extension)


@pytest.mark.parametrize(
    ("channel", "extension", "tier"),
    [
        ("pdd", pdd(lottery=True), "finance"),
        ("pdd", pdd(lottery=False), "auto"),
        ("pdd", None, "risk"),
        ("taobao", pdd(lottery=True), "auto"),
    ],
)
def test_the_tier_follows_from_it_and_what_was_not_told_gets_the_strictest(
    table: Table, channel: str, extension: ChannelExtension | None, tier: str
) -> None:
    desk = RefundDesk(order(extension, channel), paid(9_900), table=table)
    desk.request()
    assert desk.case().tier == tier


def test_what_is_told_later_counts_for_the_cases_after_it(table: Table) -> None:
    desk = RefundDesk(order(pdd(lottery=False)), paid(9_900), table=table)
    desk.give(amended("extension.lottery", extension=pdd(lottery=True)))
    desk.give(amended("hold"))
    desk.request()
    assert desk.case().tier == "finance"
    desk.give(amended("extension.lottery", extension=pdd(lottery=False)))
    assert desk.case().tier == "finance"


def test_a_table_that_asks_for_none_keeps_none_and_listens_to_no_amendments(table: Table) -> None:
    desk = RefundDesk(order(pdd(lottery=True)), paid(9_900))
    assert desk.state is not None
    assert desk.state.told == ()
    assert OrderAmended not in processor(tiers()).handlers
    assert OrderAmended in processor(table).handlers


def test_a_fact_that_no_channel_tells_is_refused_with_those_that_are_told(tmp_path: Path) -> None:
    row = LOTTERY | {"when": {"ext.loterie": True}}
    rules = rules_asking(tmp_path, "refund-tier", {"ext.loterie": "bool"}, row)
    with pytest.raises(StartRefused, match=r"ext\.loterie: .* it gives .*ext\.lottery"):
        tier_table(rules)
