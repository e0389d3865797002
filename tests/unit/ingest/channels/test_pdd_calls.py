import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

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
from services.ingest.channels.pdd import CHANNEL
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
from tests.unit.ingest.channels.marketplace_natives import pdd_order

P = ProblemCode


def listed(*rows: Any, **changed: Any) -> Native:
    found = {"order_sn_list": list(rows), "total_count": len(rows)} | changed
    return {"order_sn_increment_get_response": found}


def test_one_bad_row_of_a_page_does_not_lose_the_others() -> None:
    page = CHANNEL.read_page(
        answer(listed(pdd_order(), {"order_sn": {}}, pdd_order(order_sn="260520-2"))), None
    )
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["260520-000000000000001", "", "260520-2"]
    (bad,) = CHANNEL.normalise(page.orders[1].body)
    assert codes(bad) == {P.BAD_SHAPE}


def test_a_row_that_only_names_its_order_asks_for_the_detail() -> None:
    row = {"order_sn": "260520-3", "updated_at": "2026-05-20 09:31:46", "order_status": 1}
    page = CHANNEL.read_page(answer(listed(row)), None)
    assert isinstance(page, Page)
    assert [needed.order_no for needed in page.detail_needed] == ["260520-3"]
    (found,) = CHANNEL.normalise(encoded(listed(row)))
    assert P.DETAIL_NEEDED in codes(found)


def test_a_lone_order_where_a_list_is_usual_is_a_page_of_one() -> None:
    page = CHANNEL.read_page(answer(listed(order_sn_list=pdd_order(), total_count=1)), None)
    assert isinstance(page, Page)
    assert len(page.orders) == 1


def test_of_several_snapshots_the_newest_counts() -> None:
    older = pdd_order(updated_at="2026-05-20 08:00:00", remark="older")
    (found,) = CHANNEL.normalise(encoded(listed(pdd_order(), older)))
    assert order_of(found).seller_memo == "加急"


def test_an_empty_page_is_no_error_and_pages_are_read_backwards() -> None:
    empty = CHANNEL.read_page(answer(listed(order_sn_list=None)), None)
    assert empty == Page(orders=(), detail_needed=(), next_page=None)
    first = CHANNEL.read_page(answer(listed(total_count=250)), None)
    assert isinstance(first, Page)
    assert first.next_page == PageToken(number=3)


def test_what_the_platform_has_not_settled_is_not_asked_for() -> None:
    assert CHANNEL.poll_request is not None
    request = CHANNEL.poll_request(CREDENTIALS, PollWindow(since=NOW, until=NOW), None, NOW)
    fields = dict(parse_qsl(request.body.decode()))
    assert fields["start_updated_at"] == fields["end_updated_at"]


def test_all_pages_of_a_window_end_at_the_same_time() -> None:
    window = PollWindow(since=NOW - timedelta(minutes=10), until=NOW, opened_at=NOW)
    assert CHANNEL.poll_request is not None
    ends = {
        dict(parse_qsl(CHANNEL.poll_request(CREDENTIALS, window, page, at).body.decode()))[
            "end_updated_at"
        ]
        for page, at in ((None, NOW), (PageToken(number=3), NOW + timedelta(seconds=90)))
    }
    assert ends == {str(int((NOW - timedelta(minutes=3)).timestamp()))}


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        (70031, "70031", "throttled"),
        (70034, None, "throttled"),
        (10016, None, "token"),
        (52001, None, "retry"),
        (52002, None, "retry"),
        (52101, None, "throttled"),
        (10019, "10019", "token"),
        (50001, None, "retry"),
        (20004, None, "refused"),
        (50000, "70031", "throttled"),
        (None, None, "refused"),
    ],
)
def test_a_gateway_error_is_sorted_by_its_numbers(
    code: int | None, sub_code: str | None, kind: str
) -> None:
    native_error = {"error_response": {"error_code": code, "sub_code": sub_code}}
    page = CHANNEL.read_page(answer(native_error), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind
    (found,) = CHANNEL.normalise(encoded(native_error))
    assert codes(found) == {P.CHANNEL_ERROR}


def shipment(**changed: Any) -> Shipment:
    whole = Shipment(
        order_no="260520-1",
        lines=(ShippedLine(line_id="1-1", qty=1),),
        whole=True,
        carrier="ZTO",
        waybill_no="ZT1",
        request_id="r",
    )
    return msgspec.structs.replace(whole, **changed)


def test_the_first_parcel_is_told_as_the_whole_order_and_the_others_beside_it() -> None:
    request = CHANNEL.shipment_request(CREDENTIALS, shipment(), NOW)
    assert isinstance(request, HttpRequest)
    fields = dict(parse_qsl(request.body.decode()))
    assert (fields["logistics_id"], fields["tracking_number"]) == ("115", "ZT1")
    assert CHANNEL.shipment_request(CREDENTIALS, shipment(whole=False), NOW) == request
    more = CHANNEL.shipment_request(CREDENTIALS, shipment(whole=False, additional=True), NOW)
    assert isinstance(more, HttpRequest)
    beside = dict(parse_qsl(more.body.decode()))
    assert beside["type"] == "pdd.order.upload.extra.logistics"
    extra = [{"shipping_id": 115, "tracking_number": "ZT1"}]
    assert json.loads(beside["extra_track_list"]) == extra
    read = CHANNEL.read_shipment_answer
    assert read(answer({"upload_extra_logistics_response": {"success": True}})) == Applied()
    refused = read(answer({"upload_extra_logistics_response": {"success": False}}))
    assert isinstance(refused, Refused)


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer({"logistics_online_send_response": {"is_success": True}})) == Applied()
    refused = read(answer({"logistics_online_send_response": {"is_success": False}}))
    assert isinstance(refused, Refused)
    again = {"error_response": {"error_code": 50002, "sub_msg": "订单已发货,请勿重复发货"}}
    assert read(answer(again)) == Applied(repeated=True)
    assert isinstance(read(answer({"error_response": {"error_code": 70031}})), Retry)


def aftersales(**changed: Any) -> AftersalePage:
    row = {
        "id": 9000000001,
        "order_sn": "260520-1",
        "after_sales_status": 2,
        "after_sales_type": 2,
        "refund_amount": "24.90",
        "updated_time": "2026-05-21 10:00:10",
        **changed,
    }
    assert CHANNEL.aftersales is not None
    found = {"refund_increment_get_response": {"refund_list": [row], "total_count": 1}}
    page = CHANNEL.aftersales.read_page(answer(found), None)
    assert isinstance(page, AftersalePage)
    return page


def test_an_after_sales_request_is_read_and_agreed_to() -> None:
    assert CHANNEL.aftersales is not None
    (asked,) = aftersales().aftersales
    assert (asked.refund_no, asked.amount_fen, asked.state) == ("9000000001", 2490, "requested")
    request = CHANNEL.aftersales.agree_request(CREDENTIALS, asked, NOW)
    assert isinstance(request, HttpRequest)
    (returning,) = aftersales(after_sales_type=3, after_sales_status=3).aftersales
    assert returning.goods_come_back
    refused = CHANNEL.aftersales.agree_request(CREDENTIALS, returning, NOW)
    assert isinstance(refused, Unsupported)
    read = CHANNEL.aftersales.read_agree_answer
    assert read(answer({"response": {"result": {"succ": True}}})) == Applied()
    failed = read(answer({"response": {"result": {"succ": False, "message": "已关闭"}}}))
    assert failed == Refused(code="succ", reason="已关闭")


@pytest.mark.parametrize("changed", [{"id": None}, {"refund_amount": "?"}, {"order_sn": {}}])
def test_an_unreadable_request_is_counted(changed: Native) -> None:
    page = aftersales(**changed)
    assert (page.aftersales, page.unreadable) == ((), 1)


def test_no_more_than_half_an_hour_of_requests_is_asked_for() -> None:
    assert CHANNEL.aftersales is not None
    window = PollWindow(since=NOW - timedelta(hours=1), until=NOW)
    request = CHANNEL.aftersales.poll_request(CREDENTIALS, window, None, NOW)
    fields = dict(parse_qsl(request.body.decode()))
    assert int(fields["end_updated_at"]) - int(fields["start_updated_at"]) == 1800
