"""快团团: pages read backwards, errors in good answers, parcels and requests for money back."""

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
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.groupbuy import CHANNEL
from services.ingest.domain.model import (
    LineRefundState,
    ProblemCode,
)
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    encoded,
)
from tests.unit.ingest.channels.natives import ktt_order

P = ProblemCode
R = LineRefundState


def page(
    *rows: object, total: int | None = 1, key: str = "ktt_increment_order_query_response"
) -> Any:
    return {key: {"order_list": list(rows), "total_count": total}}


def test_a_page_gives_the_newest_snapshot_of_each_order_once() -> None:
    newer = ktt_order(updated_at=1779250000000, buyer_memo="second")
    found = CHANNEL.normalise(encoded(page(newer, ktt_order(), ktt_order(order_sn="2"), 5)))
    assert [n.order.buyer_memo if n.order else None for n in found] == ["second", "", None]
    assert CHANNEL.normalise(encoded(page())) == ()


def test_pages_are_read_from_the_last_to_the_first() -> None:
    first = CHANNEL.read_page(answer(page(ktt_order(), total=201)), None)
    assert isinstance(first, Page)
    assert first.next_page == PageToken(number=3)
    last = CHANNEL.read_page(answer(page(ktt_order(), total=201)), PageToken(number=1))
    assert isinstance(last, Page)
    assert last.next_page is None
    empty = CHANNEL.read_page(answer(page(total=0)), None)
    assert isinstance(empty, Page)
    assert empty.orders == ()


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (10019, "access_token已过期", "token"),
        ("10019", "", "token"),
        (70031, "调用过于频繁", "throttled"),
        (52103, "", "throttled"),
        (1, "当前接口被限流", "throttled"),
        (50000, "系统内部错误", "retry"),
        (20004, "签名错误", "refused"),
        (None, "?", "refused"),
    ],
)
def test_an_error_inside_http_200_is_sorted_and_no_order(
    code: object, words: str, kind: str
) -> None:
    native = {"error_response": {"error_code": code, "error_msg": words, "request_id": "r"}}
    told = CHANNEL.read_page(answer(native), None)
    assert isinstance(told, ChannelError)
    assert told.kind == kind
    (found,) = CHANNEL.normalise(encoded(native))
    nasty.assert_refused(found, P.CHANNEL_ERROR)


PARCEL = Shipment(
    order_no="250000-1",
    lines=(
        ShippedLine(line_id="250000-1-1", qty=2),
        ShippedLine(line_id="250000-1-1-gift-1", qty=1),
    ),
    whole=False,
    carrier="SF",
    waybill_no="SF1",
    request_id="r1",
)


def test_a_parcel_names_its_lines_but_not_its_gifts() -> None:
    made = CHANNEL.shipment_request(CREDENTIALS, PARCEL, NOW)
    assert isinstance(made, HttpRequest)
    assert b"subOrderSnList=%5B%22250000-1-1%22%5D" in made.body
    whole = CHANNEL.shipment_request(CREDENTIALS, msgspec.structs.replace(PARCEL, whole=True), NOW)
    assert isinstance(whole, HttpRequest)
    assert b"subOrderSnList" not in whole.body
    gift = msgspec.structs.replace(PARCEL, lines=PARCEL.lines[1:])
    assert isinstance(CHANNEL.shipment_request(CREDENTIALS, gift, NOW), Unsupported)


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ({"ktt_order_logistic_create_response": {"success": True}}, Applied),
        ({"response": {"is_success": True}}, Applied),
        ({"response": True}, Applied),
        ({"response": False}, Refused),
        ({"ktt_order_logistic_create_response": {"success": False}}, Refused),
        ({"ktt_order_logistic_create_response": {}}, Retry),
        ({"error_response": {"error_code": 50001, "error_msg": "x"}}, Retry),
        ({"error_response": {"error_code": 70031, "error_msg": "x"}}, Retry),
        ({"error_response": {"error_code": 20005, "sub_msg": "订单已发货"}}, Applied),
        ({"error_response": {"error_code": 20005, "sub_msg": "订单不存在"}}, Refused),
    ],
)
def test_a_shipment_answer_is_read(native: Native, kind: type) -> None:
    assert isinstance(CHANNEL.read_shipment_answer(answer(native)), kind)


def asked(**changed: Any) -> Native:
    part = {"sub_order_sn": "250000-1-1", "refund_amount": 2490}
    return {
        "after_sales_biz_sn": "A1", "after_sales_status": 3, "apply_type": 1,
        "order_sn": "250000-1", "updated_at": "1779240701000",
        "apply_extension": {"reason": "坏果", "refund_amount": 2490, "sub_extensions": [part]},
        **changed,
    }  # fmt: skip


def asked_page(*rows: object, has_next: bool = False) -> AftersalePage:
    assert CHANNEL.aftersales is not None
    native = {"ktt_after_sales_incermet_list_response": {"list": list(rows), "has_next": has_next}}
    found = CHANNEL.aftersales.read_page(answer(native), None)
    assert isinstance(found, AftersalePage)
    return found


def test_an_after_sales_request_is_read() -> None:
    found = asked_page(asked(), has_next=True)
    (one,) = found.aftersales
    assert (one.refund_no, one.order_no, one.line_id) == ("A1", "250000-1", "250000-1-1")
    assert (one.state, one.amount_fen, one.goods_come_back) == (R.REQUESTED, 2490, True)
    assert found.next_page == PageToken(number=2)
    assert CHANNEL.aftersales is not None
    assert isinstance(CHANNEL.aftersales.agree_request(CREDENTIALS, one, NOW), Unsupported)


@pytest.mark.parametrize(
    "changed",
    [
        {"after_sales_biz_sn": ""},
        {"order_sn": None},
        {"updated_at": "soon"},
        {"apply_extension": {"refund_amount": "24.90"}},
        {"apply_extension": {"refund_amount": -1}},
        {"apply_type": []},
    ],
)
def test_a_request_which_cannot_be_read_is_counted(changed: Native) -> None:
    found = asked_page(asked(**changed), asked())
    assert (len(found.aftersales), found.unreadable) == (1, 1)


def test_a_request_for_several_lines_names_none() -> None:
    parts = [{"sub_order_sn": "1"}, {"sub_order_sn": "2"}]
    (one,) = asked_page(asked(apply_extension={"sub_extensions": parts})).aftersales
    assert one.line_id == ""
