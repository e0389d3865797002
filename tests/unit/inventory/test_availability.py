"""What a channel may offer, and the table that says how much of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import StartRefused
from services.inventory.domain.availability import Level, Quota, for_sale, offered
from services.inventory.quotas import read_quotas

RULES = Path(__file__).parents[3] / "rules"
PIECES = st.integers(0, 10_000)
QUOTAS = st.builds(
    Quota,
    share_percent=st.integers(0, 100),
    buffer=st.integers(0, 50),
    close_at=st.integers(0, 50),
    rule=st.just(""),
)


def level(on_hand: int, reserved: int = 0, safety: int = 0) -> Level:
    return Level(on_hand=on_hand, reserved=reserved, safety=safety)


def quota(share_percent: int, buffer: int = 0, close_at: int = 0) -> Quota:
    return Quota(share_percent=share_percent, buffer=buffer, close_at=close_at, rule="")


@pytest.mark.parametrize(
    ("levels", "pieces"),
    [
        ([], 0),
        ([level(10)], 10),
        ([level(10, reserved=4)], 6),
        ([level(10, reserved=4, safety=5)], 1),
        ([level(10, reserved=4, safety=6)], 0),
        ([level(10, reserved=4, safety=9), level(5)], 5),
        ([level(10, reserved=10), level(7, safety=2)], 5),
    ],
)
def test_what_is_for_sale_is_above_the_safety_stock_of_each_warehouse(
    levels: list[Level], pieces: int
) -> None:
    assert for_sale(levels) == pieces


@pytest.mark.parametrize(
    ("pieces", "its_quota", "number"),
    [
        (10, quota(100), 10),
        (10, quota(70), 7),
        (9, quota(70), 6),
        (10, quota(70, buffer=2), 5),
        (1, quota(100, buffer=2), 0),
        (10, quota(100, close_at=10), 0),
        (11, quota(100, close_at=10), 11),
        (10, quota(70, buffer=2, close_at=5), 0),
        (10, quota(70, buffer=2, close_at=4), 5),
        (10, quota(0), 0),
        (0, quota(100), 0),
    ],
)
def test_a_channel_is_offered_its_share_less_the_buffer_and_closes_at_the_threshold(
    pieces: int, its_quota: Quota, number: int
) -> None:
    assert offered(pieces, its_quota) == number


@given(PIECES, PIECES, QUOTAS)
def test_more_goods_never_make_a_smaller_number_and_none_is_more_than_there_is(
    pieces: int, more: int, its_quota: Quota
) -> None:
    number = offered(pieces, its_quota)
    assert 0 <= number <= pieces
    assert number == 0 or number > its_quota.close_at
    assert offered(pieces + more, its_quota) >= number


def test_the_shipped_table_gives_stores_three_tenths_and_closes_platforms_at_three() -> None:
    quotas = read_quotas(RULES)
    assert {"taobao", "jd", "pos"} <= set(quotas.channels)
    assert offered(100, quotas.of("pos", "TEA")) == 30
    assert offered(100, quotas.of("taobao", "TEA")) == 68
    assert offered(7, quotas.of("taobao", "TEA")) == 0
    assert offered(9, quotas.of("taobao", "TEA")) == 4
    assert quotas.of("taobao", "TEA").rule.startswith("channel-quota/default@")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("share_percent: 70, buffer: 2", "share_percent: 101, buffer: 2", "share_percent is 101"),
        ("buffer: 2, close_at: 3", "buffer: -1, close_at: 3", "buffer is -1"),
        ("\n    one_of:", "\n    #", "one_of names the channels"),
        ("outputs:\n  share_percent", "outputs:\n  share", "share_percent"),
    ],
)
def test_a_table_that_makes_no_sense_stops_the_start_with_the_reason(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    text = (RULES / "channel-quota" / "default.yaml").read_text(encoding="utf-8")
    assert written in text
    (tmp_path / "channel-quota").mkdir()
    table = tmp_path / "channel-quota" / "default.yaml"
    table.write_text(text.replace(written, instead), encoding="utf-8")
    with pytest.raises(StartRefused, match=said):
        read_quotas(tmp_path)


def test_a_rule_may_ask_for_the_sku(tmp_path: Path) -> None:
    text = (RULES / "channel-quota" / "default.yaml").read_text(encoding="utf-8")
    (tmp_path / "channel-quota").mkdir()
    table = tmp_path / "channel-quota" / "default.yaml"
    table.write_text(
        text.replace("when: {channel: pos}", "when: {channel: pos, sku: [TEA]}"), encoding="utf-8"
    )
    quotas = read_quotas(tmp_path)
    assert quotas.of("pos", "TEA").share_percent == 30
    assert quotas.of("pos", "CUP").share_percent == 70
