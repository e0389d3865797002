"""How long unpaid goods are kept, by the shipped table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

import chassis
from services.inventory.leases import Leases, read_leases

RULES = Path(chassis.__path__[0]).parent / "rules"
LONGEST = timedelta(minutes=30)


@pytest.fixture(scope="module")
def leases() -> Leases:
    return read_leases(RULES, LONGEST)


def test_scarce_goods_are_kept_shorter_and_the_rule_is_named(leases: Leases) -> None:
    plenty, scarce = leases.lease("taobao", 1, 0, 500), leases.lease("taobao", 1, 0, 9)
    assert plenty.time == LONGEST
    assert scarce.time < plenty.time
    assert scarce.rule.endswith("#nearly-sold-out")


def test_who_has_much_unpaid_gets_nothing_more_kept(leases: Leases) -> None:
    assert leases.lease("taobao", 1, 4, 500).time > timedelta(0)
    assert leases.lease("taobao", 1, 5, 500).time == timedelta(0)


def test_a_payment_in_progress_keeps_scarce_goods_shorter_and_less_often(leases: Leases) -> None:
    plenty, scarce = leases.lease("taobao", 1, 0, 500), leases.lease("taobao", 1, 0, 9)
    assert timedelta() < scarce.extension < plenty.extension
    assert 0 < scarce.extensions_max < plenty.extensions_max


def test_nobody_keeps_goods_longer_than_the_setting() -> None:
    short = read_leases(RULES, timedelta(seconds=2))
    lease = short.lease("taobao", 1, 0, 500)
    assert (lease.time, lease.extension) == (timedelta(seconds=2), timedelta(seconds=2))
