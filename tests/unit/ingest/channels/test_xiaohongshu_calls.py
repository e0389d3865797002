import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.channels import (
    AftersalePage,
    Applied,
    ChannelError,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.xiaohongshu import CHANNEL
from services.ingest.domain.model import ProblemCode
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    codes,
    encoded,
    order_of,
)
from tests.unit.ingest.channels.marketplace_natives import xiaohongshu_order

P = ProblemCode


def well(data: Any) -> Native:
    return {"success": True, "error_code": 0, "error_msg": "", "data": data}


def row(**changed: Any) -> Native:
    return {
        "orderId": "P1",
        "orderStatus": 4,
        "paidTime": 1779240700000,
        "updateTime": 1779240701000,
        **changed,
    }


def listed(*rows: Any, **changed: Any) -> Native:
    return well({"orderList": list(rows), "total": len(rows)} | changed)


def test_a_pages_rows_ask_for_the_detail() -> None:
    native = listed(row(), row(orderId="P2"), row())
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, Page)
    assert [needed.order_no for needed in page.detail_needed] == ["P1", "P2"]
    found = CHANNEL.normalise(encoded(native))
    assert [order_of(one).order_no for one in found] == ["P1", "P2"]
    assert all(codes(one) == {P.DETAIL_NEEDED} for one in found)


def test_one_bad_row_of_a_page_does_not_lose_the_others() -> None:
    page = CHANNEL.read_page(answer(listed(row(), {"orderId": []}, xiaohongshu_order())), None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["", "P700000000000000001"]
    assert len(page.detail_needed) == 1
    (bad,) = CHANNEL.normalise(page.orders[0].body)
    assert codes(bad) == {P.BAD_SHAPE}


def test_a_lone_row_where_a_list_is_usual_is_a_page_of_one() -> None:
    page = CHANNEL.read_page(answer(listed(orderList=row(), total=1)), None)
    assert isinstance(page, Page)
    assert len(page.detail_needed) == 1


def test_an_empty_page_is_no_error_and_pages_are_read_backwards() -> None:
    empty = Page(orders=(), detail_needed=(), next_page=None)
    assert CHANNEL.read_page(answer(listed()), None) == empty
    assert CHANNEL.normalise(encoded(listed())) == ()
    first = CHANNEL.read_page(answer(listed(total=250)), None)
    assert isinstance(first, Page)
    assert first.next_page == PageToken(number=3)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"success": False, "error_code": -1, "error_msg": "调用过于频繁"}, "throttled"),
        ({"success": False, "error_code": 401, "error_msg": "accessToken已过期"}, "token"),
        ({"success": False, "error_code": 500, "error_msg": "系统繁忙"}, "retry"),
        ({"success": False, "error_code": 1, "error_msg": "参数错误"}, "refused"),
        ({"success": True, "error_code": 7, "error_msg": "参数错误"}, "refused"),
        ({"success": False}, "refused"),
        ({"success": None, "error_code": "7"}, "refused"),
    ],
)
def test_an_error_is_sorted_by_its_words(changed: Native, kind: str) -> None:
    native = listed(row()) | changed
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind
    (found,) = CHANNEL.normalise(encoded(native))
    assert codes(found) == {P.CHANNEL_ERROR}


def message(data: Any, tag: str = "msg_fulfillment_status_change") -> Native:
    return {"msgTag": tag, "sellerId": "seller-1", "data": data}


def test_a_push_gives_the_orders_it_names_the_newest_each() -> None:
    old = json.dumps(row(updateTime=1779240000000, orderStatus=1))
    (found,) = CHANNEL.normalise(encoded([message(json.dumps(row())), message(old)]))
    order = order_of(found)
    assert (order.order_no, order.shop, order.raw_state) == ("P1", "seller-1", "4")
    assert codes(found) == {P.DETAIL_NEEDED}


@pytest.mark.parametrize(
    "sent",
    [[], [message("{}")], [message("no json")], [message(None)], [message('{"spuId":"1"}')]],
)
def test_a_push_about_no_order_is_none(sent: Any) -> None:
    (found,) = CHANNEL.normalise(encoded(sent))
    assert codes(found) == {P.NOT_AN_ORDER}


def test_receivers_belong_to_the_orders_they_name() -> None:
    info = {
        "orderId": "P1",
        "receiverProvinceName": "浙江省",
        "receiverName": "#a#b#1#",
        "receiverPhone": "$a$b$1$",
        "receiverAddress": "~a~b~1~",
    }
    (found,) = CHANNEL.normalise(encoded(well({"receiverInfos": [info]})))
    assert order_of(found).receiver.pii == "encrypted"
    assert P.DETAIL_NEEDED in codes(found)


def test_a_bare_order_means_the_same_as_its_answer() -> None:
    (bare,) = CHANNEL.normalise(encoded(xiaohongshu_order()))
    (whole,) = CHANNEL.normalise(encoded(well(xiaohongshu_order())))
    assert bare == whole


def shipment(*line_ids: str, **changed: Any) -> Shipment:
    whole = Shipment(
        order_no="P1",
        lines=tuple(ShippedLine(line_id=one, qty=1) for one in line_ids or ("65f1-1",)),
        whole=True,
        carrier="SF",
        waybill_no="SF1",
        request_id="r",
    )
    return msgspec.structs.replace(whole, **changed)


def test_a_shipment_is_told_as_a_whole_or_by_its_skus() -> None:
    request = CHANNEL.shipment_request(CREDENTIALS, shipment(), NOW)
    assert isinstance(request, HttpRequest)
    told = json.loads(request.body)
    assert (told["expressCompanyCode"], told["unpack"]) == ("shunfeng", False)
    assert "skuIdList" not in told
    part = shipment("65f1-1", "65f1-2", "65f2-1", whole=False)
    request = CHANNEL.shipment_request(CREDENTIALS, part, NOW)
    assert isinstance(request, HttpRequest)
    assert json.loads(request.body)["skuIdList"] == ["65f1", "65f2"]
    nameless = CHANNEL.shipment_request(CREDENTIALS, shipment("1", whole=False), NOW)
    assert isinstance(nameless, Unsupported)


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer(well("success"))) == Applied()
    failed = {"success": False, "error_code": 9, "error_msg": "订单已发货"}
    assert read(answer(failed)) == Applied(repeated=True)
    assert isinstance(read(answer(failed | {"error_msg": "地址变更"})), Refused)
    assert isinstance(read(answer(failed | {"error_msg": "调用频繁"})), Retry)


def asked(**changed: Any) -> Native:
    return {
        "returnsId": "R1",
        "orderId": "P1",
        "returnType": 4,
        "status": 1,
        "reasonNameZh": "不想要了",
        "updatedAt": 1779240701000,
        "expectedRefundAmountYuan": 79.9,
        **changed,
    }


@pytest.mark.parametrize(("asked_for", "given"), [(60, 30), (30, 30), (10, 10)])
def test_after_sales_are_asked_for_by_half_an_hour_at_most(asked_for: int, given: int) -> None:
    assert CHANNEL.aftersales is not None
    window = PollWindow(since=NOW - timedelta(minutes=asked_for), until=NOW)
    request = CHANNEL.aftersales.poll_request(CREDENTIALS, window, None, NOW)
    told = json.loads(request.body)
    assert told["endTime"] == int(NOW.timestamp()) * 1_000
    assert told["endTime"] - told["startTime"] == given * 60_000


def aftersales(*rows: Native) -> AftersalePage:
    assert CHANNEL.aftersales is not None
    native = well({"afterSaleBasicInfos": list(rows), "totalCount": len(rows)})
    page = CHANNEL.aftersales.read_page(answer(native), None)
    assert isinstance(page, AftersalePage)
    return page


@pytest.mark.parametrize(
    ("kind", "status", "expected", "agreeable"),
    [
        (4, 1, "requested", True), (5, 1, "requested", True), (3, 1, "requested", True),
        (1, 1, "requested", False), (1, 2, "returning", False), (1, 3, "returning", False),
        (1, 4, "refunded", False), (4, 4, "refunded", False), (2, 1, "exchanging", False),
        (2, 4, "exchanged", False), (2, 12, "exchanging", False), (4, 5, "withdrawn", False),
        (4, 6, "withdrawn", False), (4, 9, "refused", False), (4, 9001, "refused", False),
        (4, 14, "requested", False), (4, 77, "unknown", False), (2, 77, "unknown", False),
    ],
)  # fmt: skip
def test_a_request_is_read_and_only_a_plain_refund_agreed_to(
    kind: int, status: int, expected: str, agreeable: bool
) -> None:
    calls = CHANNEL.aftersales
    assert calls is not None
    (found,) = aftersales(asked(returnType=kind, status=status)).aftersales
    assert (found.amount_fen, found.state, found.goods_come_back) == (7990, expected, kind == 1)
    assert isinstance(calls.agree_request(CREDENTIALS, found, NOW), HttpRequest) is agreeable
    assert calls.read_agree_answer(answer(well(None))) == Applied()


@pytest.mark.parametrize(
    "changed", [{"returnsId": None}, {"orderId": {}}, {"expectedRefundAmountYuan": "?"}]
)
def test_an_unreadable_request_is_counted(changed: Native) -> None:
    page = aftersales(asked(), asked(**changed))
    assert (len(page.aftersales), page.unreadable) == (1, 1)
