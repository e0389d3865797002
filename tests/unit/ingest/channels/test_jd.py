import pytest

from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Applied,
    ChannelError,
    ErrorKind,
    Page,
    Refused,
    Retry,
)
from services.ingest.channels.jd import CHANNEL
from services.ingest.channels.jd.extension import JdExtension
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    OrderSnapshotState,
    PiiKind,
    ProblemCode,
)
from tests.unit.ingest.channels.builders import (
    answer,
    codes,
    encoded,
    jd,
    jd_item,
    jd_order,
    only_item,
    order_of,
)

P = ProblemCode
PAID = "2026-05-20 09:31:40"


@pytest.mark.parametrize(
    ("status", "paid_at", "state", "paid_fen", "hold"),
    [
        ("NOT_PAY", "", "unpaid", 0, ""),
        ("WAIT_PAY", "", "unpaid", 0, ""),
        ("WAIT_SELLER_STOCK_OUT", PAID, "awaiting_shipment", 10000, ""),
        ("WAIT_SELLER_DELIVERY", PAID, "awaiting_shipment", 10000, ""),
        ("WAIT_GOODS_RECEIVE_CONFIRM", PAID, "shipped", 10000, ""),
        ("FINISHED_L", PAID, "completed", 10000, ""),
        ("TRADE_CANCELED", "", "cancelled", 0, ""),
        ("TRADE_CANCELED", PAID, "closed_refunded", 10000, ""),
        ("PARENT_TRADE_CANCELED", PAID, "cancelled", 0, ""),
        ("LOCKED", PAID, "paid_on_hold", 10000, "cancellation_asked"),
        ("PAUSE", PAID, "paid_on_hold", 10000, "paused_by_channel"),
        ("POP_ORDER_PAUSE", PAID, "paid_on_hold", 10000, "paused_by_channel"),
        ("DengDaiFaHuo", PAID, "unknown", 10000, "unknown_state"),
    ],
)
def test_a_status_means_a_state(
    status: str, paid_at: str, state: str, paid_fen: int, hold: str
) -> None:
    found = jd(orderState=status, paymentConfirmTime=paid_at)
    order = order_of(found)
    assert (order.state, order.paid_fen, order.hold) == (state, paid_fen, hold)
    assert order.raw_state == status
    assert not found.blocked


def test_a_split_parent_counts_nothing_and_its_children_name_it() -> None:
    parent = order_of(jd(orderState="PARENT_TRADE_CANCELED"))
    assert isinstance(parent.extensions, JdExtension)
    assert parent.extensions.split_parent
    assert sum(item.paid_fen for item in parent.items) == 0
    child = order_of(jd(parentOrderId="290000000000000", directParentOrderId="290000000000000"))
    assert isinstance(child.extensions, JdExtension)
    assert child.extensions.parent_order_no == "290000000000000"
    alone = order_of(jd(parentOrderId="0"))
    assert isinstance(alone.extensions, JdExtension)
    assert alone.extensions.parent_order_no == ""


def test_a_sku_coupon_lowers_its_line_and_an_order_coupon_all_in_proportion() -> None:
    found = jd(
        jd_item(skuId="1", jdPrice="60.00", itemTotal="1"),
        jd_item(skuId="2", jdPrice="40.00", itemTotal="1"),
        couponDetailList=[
            {"couponType": "30-单品促销优惠", "couponPrice": "10.00", "skuId": "1"},
            {"couponType": "41-京东券优惠", "couponPrice": "9.00", "skuId": ""},
        ],
        sellerDiscount="10.00",
        orderPayment="87.00",
        freightPrice="6.00",
    )
    order = order_of(found)
    assert codes(found) == set()
    # 50.00 and 40.00 share 9.00 as 5.00 and 4.00
    assert [item.paid_fen for item in order.items] == [4500, 3600]
    assert [(p.name, p.fen, p.borne_by) for p in order.promotions] == [
        ("单品促销优惠", 1000, Bearer.SELLER),
        ("京东券优惠", 900, Bearer.PLATFORM),
    ]


def test_a_seller_discount_without_a_coupon_is_shared_too() -> None:
    found = jd(sellerDiscount="10.00", orderPayment="90.00")
    assert codes(found) == set()
    assert only_item(found).paid_fen == 9000


def test_a_coupon_of_unknown_kind_is_borne_by_unknown() -> None:
    coupons = [{"couponType": "77-新优惠", "couponPrice": "5.00", "skuId": ""}]
    found = jd(couponDetailList=coupons, orderPayment="95.00")
    assert [p.borne_by for p in order_of(found).promotions] == [Bearer.UNKNOWN]


def test_an_empty_coupon_price_is_no_discount() -> None:
    coupons = [{"couponType": "39-京豆优惠", "couponPrice": "", "skuId": ""}]
    found = jd(couponDetailList=coupons)
    assert order_of(found).promotions == ()
    assert codes(found) == set()


def test_a_coupon_worth_more_than_the_goods_is_a_named_contradiction() -> None:
    coupons = [{"couponType": "35-满返满送", "couponPrice": "500.00", "skuId": ""}]
    found = jd(couponDetailList=coupons, orderPayment="0.00")
    assert not found.blocked
    assert only_item(found).paid_fen == 0


def test_the_same_sku_on_two_lines_stays_two_lines() -> None:
    found = jd(jd_item(itemTotal="1"), jd_item(itemTotal="1", jdPrice="50.00"))
    assert [i.line_id for i in order_of(found).items] == ["100000000001-1", "100000000001-2"]
    assert codes(found) == set()


def test_a_line_keeps_its_id_when_other_lines_change_their_order() -> None:
    one, two = jd_item(skuId="1", itemTotal="1"), jd_item(skuId="2", itemTotal="1")
    ids = {i.line_id for i in order_of(jd(one, two)).items}
    assert ids == {i.line_id for i in order_of(jd(two, one)).items} == {"1-1", "2-1"}


def test_a_price_of_zero_is_a_gift_which_takes_no_share() -> None:
    found = jd(jd_item(), jd_item(skuId="9", jdPrice="0.00", itemTotal="1"), orderPayment="97.00")
    paid = [(item.is_gift, item.paid_fen) for item in order_of(found).items]
    assert paid == [(False, 9700), (True, 0)]
    assert codes(found) == {P.LINES_DIFFER_FROM_TOTAL}


def test_ciphers_stand_in_cipher_fields_only() -> None:
    receiver = order_of(jd()).receiver
    assert receiver.pii is PiiKind.ENCRYPTED
    assert (receiver.name, receiver.phone, receiver.address) == ("", "", "")
    assert receiver.name_cipher == "AwAAdemoEncryptedName=="
    assert receiver.province == "江苏"


def test_a_municipality_written_one_level_short_is_its_own_city() -> None:
    person = {"fullname": "测**", "province": "北京", "city": "朝阳区", "county": "三环以内"}
    receiver = order_of(jd(consigneeInfo=person)).receiver
    assert (receiver.province, receiver.city, receiver.district) == ("北京", "北京", "朝阳区")


def test_own_delivery_is_no_waybill() -> None:
    assert order_of(jd(waybill="-10000")).parcels == ()
    parcels = order_of(jd(waybill="JD1,JD2", logisticsId="2087")).parcels
    assert [(p.waybill_no, p.carrier) for p in parcels] == [("JD1", "2087"), ("JD2", "2087")]


@pytest.mark.parametrize(
    ("state", "paid_fen"), [("WAIT_SELLER_STOCK_OUT", 0), ("FINISHED_L", 10000)]
)
def test_cash_on_delivery_is_paid_when_it_is_done(state: str, paid_fen: int) -> None:
    found = jd(payType="1-货到付款", paymentConfirmTime="", orderState=state)
    assert order_of(found).paid_fen == paid_fen
    assert codes(found) == set()


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"orderId": None}, P.ORDER_NO_MISSING),
        ({"modified": None}, P.MODIFIED_MISSING),
        ({"orderPayment": ""}, P.AMOUNT_MISSING),
        ({"orderPayment": "¥100"}, P.BAD_AMOUNT),
        ({"itemInfoList": []}, P.LINES_MISSING),
        ({"itemInfoList": [{"skuId": "", "jdPrice": "1", "itemTotal": "1"}]}, P.LINE_ID_MISSING),
        ({"itemInfoList": [{"skuId": "1", "jdPrice": "1", "itemTotal": "0"}]}, P.BAD_QUANTITY),
        ({"consigneeInfo": None}, P.RECEIVER_MISSING),
        ({"itemInfoList": "none"}, P.BAD_SHAPE),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: dict[str, object], code: ProblemCode
) -> None:
    found = jd(**changed)
    assert found.blocked
    assert code in codes(found)


def test_goods_which_do_not_add_up_are_named() -> None:
    assert codes(jd(orderTotalPrice="101.00")) == {P.GOODS_DIFFER_FROM_TOTAL}


def search(*rows: object, **result: object) -> dict[str, object]:
    found = {"apiResult": {"success": True}, "orderInfoList": list(rows), "orderTotal": len(rows)}
    return {
        "jingdong_pop_order_search_responce": {
            "code": "0",
            "searchorderinfo_result": found | result,
        }
    }


def test_one_bad_row_of_a_page_does_not_lose_the_others() -> None:
    native = search(jd_order(), {"orderId": {"odd": 1}}, jd_order(orderId="290000000000009"))
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, Page)
    numbers = [raw.order_no for raw in page.orders]
    assert numbers == ["290000000000001", "", "290000000000009"]
    (bad,) = CHANNEL.normalise(page.orders[1].body)
    assert codes(bad) == {P.BAD_SHAPE}
    assert len(CHANNEL.normalise(encoded(native))) == 3


def test_code_zero_without_success_is_an_error() -> None:
    native = search(apiResult={"success": False, "numberCode": 5, "chineseErrCode": "系统忙"})
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert (page.kind, page.code) == (ErrorKind.RETRY, "5")
    (found,) = CHANNEL.normalise(encoded(native))
    assert codes(found) == {P.CHANNEL_ERROR}


def test_a_throttle_told_in_words_only_is_a_throttle() -> None:
    native = search(apiResult={"success": False, "chineseErrCode": "调用频率超过上限"})
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert page.kind is ErrorKind.THROTTLED


@pytest.mark.parametrize(
    ("code", "kind"), [("2", "throttled"), ("19", "token"), ("12", "refused"), ("65", "retry")]
)
def test_a_gateway_error_is_sorted_by_its_number(code: str, kind: str) -> None:
    page = CHANNEL.read_page(answer({"error_response": {"code": code}}), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind


def shipped(**result: object) -> dict[str, object]:
    return {"jingdong_pop_order_shipment_responce": {"code": "0", "sopjosshipment_result": result}}


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer(shipped(success=True))) == Applied()
    assert read(answer(shipped(success=False, chineseErrCode="订单已出库"))) == Applied(
        repeated=True
    )
    refused = shipped(success=False, errorCode="1", chineseErrCode="订单已锁定")
    assert read(answer(refused)) == Refused(code="1", reason="订单已锁定")
    for words in ("限流", "系统繁忙，请稍后再试", "接口超时"):
        assert isinstance(read(answer(shipped(success=False, chineseErrCode=words))), Retry)
    # Over for good, and another order's waybill: nothing of it was done.
    for words in ("订单已超时关闭", "运单号重复，已被其他订单使用"):
        assert read(answer(shipped(success=False, chineseErrCode=words))) == Refused(
            code="unsuccessful", reason=words
        )


def listed(**changes: object) -> Aftersale:
    """A request as JD's list tells it."""
    row = {"id": 77, "orderId": "290000000000001", "status": 0, "applyRefundSum": 2490,
           "applyTime": "2026-05-21 10:00:00"} | changes  # fmt: skip
    result = {"success": True, "totalCount": 1, "result": [row]}
    native = {"jingdong_pop_afs_soa_refundapply_queryPageList_responce": {"queryResult": result}}
    assert CHANNEL.aftersales is not None
    page = CHANNEL.aftersales.read_page(answer(native), None)
    assert isinstance(page, AftersalePage)
    (asked,) = page.aftersales
    return asked


@pytest.mark.parametrize(
    ("status", "state"),
    [(0, "requested"), (2, "refused"), (11, "withdrawn"), (18, "withdrawn"), (99, "unknown")],
)
def test_where_a_request_stands(status: int, state: str) -> None:
    assert listed(status=status).state == state


def test_a_number_that_jd_does_not_know_is_no_request() -> None:
    assert CHANNEL.aftersales is not None
    assert CHANNEL.aftersales.read_detail is not None
    result = {"success": True, "totalCount": 0, "result": []}
    native = {"jingdong_pop_afs_soa_refundapply_queryPageList_responce": {"queryResult": result}}
    assert isinstance(CHANNEL.aftersales.read_detail(answer(native)), ChannelError)


@pytest.mark.parametrize(("money", "amount_fen"), [("2490", 2490), (2490, 2490), ("24.90", 2490)])
def test_a_refund_request_is_in_fen_unless_it_has_a_point(money: object, amount_fen: int) -> None:
    asked = listed(applyRefundSum=money)
    assert (asked.refund_no, asked.amount_fen, asked.state) == (
        "77",
        amount_fen,
        LineRefundState.REQUESTED,
    )


def test_a_locked_order_never_counts_as_ready() -> None:
    assert order_of(jd(orderState="LOCKED")).state is not OrderSnapshotState.AWAITING_SHIPMENT
