"""Facts of rules from the records that channels tell."""

from datetime import UTC, datetime

import pytest

from chassis.extension_facts import (
    EXTENSION_FACTS,
    facts_of,
    kinds_of,
    promised_ship_at,
    records,
    told_of,
)
from schemas.events.orders import ChannelExtension
from tests.support.extensions import pdd

PROMISED = datetime(2026, 11, 11, 15, 59, 59, tzinfo=UTC)


TOLD = pdd(tags=("vip",), seller_flag=1, wholesale=True, promised_ship_at=PROMISED)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("ext.wholesale", True),
        ("ext.seller_flag", 1),
        ("ext.group_status", "1"),
        ("ext.tags", ("vip",)),
        ("ext.promised_ship_at", "2026-11-11 23:59:59"),
    ],
)
def test_a_fact_is_what_the_channel_told(fact: str, value: object) -> None:
    assert facts_of((fact,), "pdd", TOLD) == {fact: value}


@pytest.mark.parametrize(
    ("channel", "extension"),
    [
        ("pdd", None),
        ("jd", TOLD),
        ("pdd", pdd()),
        ("nowhere", TOLD),
    ],
)
def test_what_was_not_told_is_left_out(channel: str, extension: ChannelExtension | None) -> None:
    assert facts_of(("ext.promised_ship_at", "ext.split_parent"), channel, extension) == {}
    assert promised_ship_at(channel, extension) is None


def test_every_fact_has_one_kind_and_some_channel() -> None:
    told = {f"ext.{field}" for record in records().values() for field in kinds_of(record)}
    assert told == set(EXTENSION_FACTS)
    assert EXTENSION_FACTS["ext.pre_sale"] == "bool"
    assert EXTENSION_FACTS["ext.promised_ship_at"] == "text"
    assert "ext.payments" not in EXTENSION_FACTS


def test_the_latest_time_to_ship_is_the_channels_own() -> None:
    assert promised_ship_at("pdd", TOLD) == PROMISED


def test_people_read_what_was_told_by_its_label() -> None:
    told = pdd(tags=("a", "b"), wholesale=True, service_fee_fen=-105, promised_ship_at=PROMISED)
    assert told_of("pdd", told, "CNY") == (
        ("订单标签", "a、b"), ("成团状态", "1"), ("多多批发", "是"), ("支付方式", "WEIXIN"),
        ("服务费", "-¥1.05"), ("承诺发货时间", "2026-11-11 23:59:59"),
    )  # fmt: skip
    assert told_of("pdd", None, "CNY") == ()
