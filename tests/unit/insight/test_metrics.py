from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from services.insight.domain.windows import WINDOW, Closed, Totals
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
