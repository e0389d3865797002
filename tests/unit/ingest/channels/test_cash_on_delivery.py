"""What is to be collected at the door, by channel: money that the channel collects itself later is not."""

import pytest

from services.ingest.channels.wechat_channels.orders import PAY_LATER
from services.ingest.domain.model import Normalised, to_collect_fen
from tests.unit.ingest.channels.builders import Native, codes, douyin, jd, order_of, taobao
from tests.unit.ingest.channels.natives import shopify, woo
from tests.unit.ingest.channels.test_wechat_channels import wechat

SHOPIFY_COD: Native = {
    "financial_status": "pending",
    "payment_gateway_names": ["Cash on Delivery (COD)"],
}


@pytest.mark.parametrize(
    ("found", "collect_fen"),
    [
        (taobao(), 0),
        (taobao(type="cod", pay_time=None), 10000),
        (taobao(type="cod", status="TRADE_FINISHED"), 0),
        (jd(), 0),
        (jd(payType="1-货到付款", paymentConfirmTime=""), 10000),
        (jd(payType="1-货到付款", paymentConfirmTime="", orderState="FINISHED_L"), 0),
        (douyin(), 0),
        (douyin(pay_type=0, pay_time=0), 10000),
        (woo(), 0),
        (woo(payment_method="cod", date_paid_gmt=None), 10000),
        (shopify(), 0),
        (shopify(**SHOPIFY_COD), 10000),
        (
            wechat(detail={"pay_info": {"pay_time": 1779240700, "payment_method": int(PAY_LATER)}}),
            0,
        ),
    ],
)
def test_what_is_not_paid_yet_is_collected_at_the_door(found: Normalised, collect_fen: int) -> None:
    assert to_collect_fen(order_of(found)) == collect_fen
    assert codes(found) == set()
