import pytest

from simulators.bulk import bulk_orders, bulk_payloads
from simulators.orders import CHANNELS, Channel
from tests.unit.simulators.calls import as_json


@pytest.mark.parametrize("channel", CHANNELS)
def test_bulk_payloads_are_the_same_bytes_for_the_same_seed(channel: Channel) -> None:
    assert bulk_payloads(channel, 50, 7) == bulk_payloads(channel, 50, 7)
    assert bulk_payloads(channel, 5, 7) != bulk_payloads(channel, 5, 8)


@pytest.mark.parametrize("channel", CHANNELS)
def test_bulk_orders_are_paid_distinct_and_without_contradiction(channel: Channel) -> None:
    orders = list(bulk_orders(channel, 500, 7))
    assert len({order.order_no for order in orders}) == 500
    assert {order.state for order in orders} == {"paid"}
    assert {order.contradiction for order in orders} == {""}
    assert {order.shop for order in orders} == {f"{channel}-1"}


def test_each_channel_wraps_one_order_as_its_own_answer() -> None:
    ((tid, taobao),) = bulk_payloads("taobao", 1, 7)
    assert as_json(taobao)["trade_fullinfo_get_response"]["trade"]["tid_str"] == tid
    ((order_id, jd),) = bulk_payloads("jd", 1, 7)
    search = as_json(jd)["jingdong_pop_order_search_responce"]["searchorderinfo_result"]
    assert [row["orderId"] for row in search["orderInfoList"]] == [order_id]
    ((order_no, douyin),) = bulk_payloads("douyin", 1, 7)
    assert as_json(douyin)["data"]["shop_order_detail"]["order_id"] == order_no
