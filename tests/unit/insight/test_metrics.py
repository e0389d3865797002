from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from services.insight.domain.windows import WINDOW, Accepted, Closed, Silent, Totals, Windows
from services.insight.metrics import Board

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def closed(start: datetime, orders: int) -> Closed:
    totals = Totals(orders=orders, sync_delay_sum_ms=3000, sync_delay_max_ms=2000)
    return Closed(channel="样", start=start, end=start + WINDOW, totals=totals)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"channel": "样", **labels})


def test_a_channel_shows_its_newest_minute() -> None:
    board = Board()
    board.show(closed(NOON, 2))
    assert shown("danshu_insight_channel_orders") == 2
    assert shown("danshu_insight_sync_delay_seconds", of="mean") == 1.5
    assert shown("danshu_insight_sync_delay_seconds", of="max") == 2
    board.show(closed(NOON - timedelta(minutes=5), 9))
    assert shown("danshu_insight_channel_orders") == 2
    board.show(closed(NOON, 4))
    assert shown("danshu_insight_channel_orders") == 4


def test_one_order_at_noon_shows_none_at_five_past() -> None:
    windows = Windows(
        grace=timedelta(seconds=10), windows_max=100, orders_remembered=100, horizon=NOON
    )
    order = Accepted(order_id="o1", channel="样", occurred_at=NOON, accepted_at=NOON)
    windows.add(order, NOON)
    board = Board()
    for minutes, orders in ((1.5, 1), (5, 0)):
        now = NOON + timedelta(minutes=minutes)
        for one in windows.close(now):
            board.show(one)
        for silent in windows.silent(now):
            board.silence(silent)
        assert shown("danshu_insight_channel_orders") == orders
    for name in ("sync", "consumer"):
        assert shown(f"danshu_insight_{name}_delay_seconds", of="mean") is None
        assert shown(f"danshu_insight_{name}_delay_seconds", of="max") is None


def test_an_order_that_comes_late_for_a_silent_minute_is_shown_and_an_older_silence_is_not() -> (
    None
):
    board = Board()
    board.silence(Silent(channel="样", start=NOON))
    board.show(closed(NOON, 2))
    board.silence(Silent(channel="样", start=NOON - WINDOW))
    assert shown("danshu_insight_channel_orders") == 2
    assert shown("danshu_insight_sync_delay_seconds", of="max") == 2
