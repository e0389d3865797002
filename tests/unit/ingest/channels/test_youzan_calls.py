"""Youzan: errors of two shapes inside HTTP 200, messages signed as received, agreements by version."""

import hashlib
import json
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    AftersalePage,
    Applied,
    ChannelError,
    Hint,
    HintKind,
    HttpRequest,
    Page,
    PageToken,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.youzan import CHANNEL
from services.ingest.domain.model import LineRefundState, ProblemCode
from tests.unit.ingest.channels import nasty
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    encoded,
    order_of,
    pushed,
)
from tests.unit.ingest.channels.natives import youzan_trade

P = ProblemCode
R = LineRefundState


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ({"gw_err_resp": {"err_code": 4201, "err_msg": "非法的请求凭证"}}, "token"),
        ({"gw_err_resp": {"err_code": 4202, "err_msg": "x"}}, "token"),
        ({"gw_err_resp": {"err_code": "4203", "err_msg": "Token 不存在"}}, "token"),
        ({"gw_err_resp": {"err_code": 4005, "err_msg": "非法的API"}}, "refused"),
        ({"gw_err_resp": {"err_code": 5001, "err_msg": "x"}}, "retry"),
        ({"gw_err_resp": {"err_code": 4301, "err_msg": "调用频率超限"}}, "throttled"),
        ({"gw_err_resp": {}}, "refused"),
        ({"code": 102010003, "success": False, "message": "操作太快"}, "throttled"),
        ({"code": 50000, "success": False, "message": "系统异常"}, "retry"),
        ({"code": 101305002, "success": False, "message": "订单不存在"}, "refused"),
        ({"code": "101305002", "message": "订单不存在"}, "refused"),
        ({"code": 200, "success": False, "message": "?"}, "refused"),
        ({"success": False}, "refused"),
    ],
)
def test_an_error_inside_http_200_is_sorted_and_no_order(native: Native, kind: str) -> None:
    found = CHANNEL.read_page(answer(native), None)
    assert isinstance(found, ChannelError)
    assert found.kind == kind
    assert isinstance(CHANNEL.read_detail(answer(native)), ChannelError)
    (normalised,) = CHANNEL.normalise(encoded(native))
    nasty.assert_refused(normalised, P.CHANNEL_ERROR)


@pytest.mark.parametrize("native", [{"code": 200, "success": True}, {"code": 200, "data": {}}])
def test_an_answer_without_what_was_asked_is_an_error(native: Native) -> None:
    assert isinstance(CHANNEL.read_page(answer(native), None), ChannelError)
    assert isinstance(CHANNEL.read_detail(answer(native)), ChannelError)
    (normalised,) = CHANNEL.normalise(encoded(native))
    nasty.assert_refused(normalised, P.NOT_AN_ORDER)


@pytest.mark.parametrize("counted", [{"total_results": 201}, {"paginator": {"total_count": 201}}])
def test_pages_are_read_from_the_last_to_the_first(counted: Native) -> None:
    native = {"code": 200, "data": {"full_order_info_list": [youzan_trade()], **counted}}
    first = CHANNEL.read_page(answer(native), None)
    assert isinstance(first, Page)
    assert first.next_page == PageToken(number=3)
    assert [raw.order_no for raw in first.orders] == ["E20260520093102000100001"]
    last = CHANNEL.read_page(answer(native), PageToken(number=1))
    assert isinstance(last, Page)
    assert last.next_page is None


def test_an_entry_which_cannot_be_read_is_kept_without_a_number() -> None:
    rows = {"full_order_info_list": [5, {}], "total_results": 2}
    page = CHANNEL.read_page(answer({"code": 200, "data": rows}), None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["", ""]


def test_a_call_carries_its_token_in_the_query() -> None:
    assert CHANNEL.detail_request is not None
    made = CHANNEL.detail_request(CREDENTIALS, "E1", NOW)
    assert made.url.endswith("/api/youzan.trade.get/4.0.2?access_token=planted-token")
    assert made.body == b'{"tid":"E1"}'


MESSAGE = {"tid": "E1", "status": "WAIT_SELLER_SEND_GOODS", "update_time": "2026-05-20 09:31:41"}


def push(message: object = MESSAGE, *, raw: object = None, **changed: Any) -> Native:
    text = quote(json.dumps(message, ensure_ascii=False)) if raw is None else raw
    signed = f"{CREDENTIALS.app_key}{text}{CREDENTIALS.app_secret}"
    return {
        "client_id": CREDENTIALS.app_key,
        "id": "E-of-the-envelope",
        "kdt_id": 10000001,
        "msg": text,
        "sign": hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest(),
        "type": "trade_TradePaid",
        "test": False,
        "version": 1779240701,
        **changed,
    }


def test_a_message_is_signed_as_it_was_received() -> None:
    assert CHANNEL.push is not None
    verify = CHANNEL.push.verify
    assert verify(CREDENTIALS, pushed(encoded(push())))
    assert not verify(CREDENTIALS, pushed(encoded(push(sign="0" * 32))))
    assert not verify(CREDENTIALS, pushed(encoded(push(sign=None))))
    assert not verify(CREDENTIALS, pushed(encoded(push(msg=quote('{"tid":"E2"}')))))
    assert not verify(CREDENTIALS, pushed(encoded(push(msg=json.dumps(MESSAGE)))))
    assert not verify(CREDENTIALS, pushed(encoded(push(raw="", sign=""))))
    assert not verify(CREDENTIALS, pushed(b"[]"))


def test_a_header_signs_the_whole_body() -> None:
    assert CHANNEL.push is not None
    body = encoded(push(sign=None))
    vector = SignatureVector(
        kind="webhook",
        secret=CREDENTIALS.app_secret,
        fields={"client_id": CREDENTIALS.app_key, "raw_body": body.decode()},
    )
    signature = CHANNEL.recompute(vector)
    assert CHANNEL.push.verify(CREDENTIALS, pushed(body, {"event-sign": signature}))
    assert not CHANNEL.push.verify(CREDENTIALS, pushed(body + b" ", {"event-sign": signature}))
    given = msgspec.structs.replace(vector, given=signature)
    assert CHANNEL.recompute(given) == "ACCEPT"
    assert CHANNEL.recompute(msgspec.structs.replace(vector, given="x")) == "REJECT"


@pytest.mark.parametrize(
    ("native", "kind", "order_no"),
    [
        (push(), HintKind.ORDER, "E1"),
        (push(raw=json.dumps(MESSAGE)), HintKind.ORDER, "E1"),
        (push(msg=MESSAGE), HintKind.ORDER, "E1"),
        (push(youzan_trade()), HintKind.ORDER, "E20260520093102000100001"),
        (push(type="trade_refund_BuyerCreated"), HintKind.AFTERSALE, "E1"),
        (push(type="youzan_trade_RefundCreated"), HintKind.AFTERSALE, "E1"),
        (push(type=None), HintKind.ORDER, "E1"),
        (push(test=True), HintKind.PROBE, ""),
        (push({}), HintKind.OTHER, ""),
        (push([]), HintKind.OTHER, ""),
        (push(raw="%ZZ"), HintKind.OTHER, ""),
        (push(raw="hello"), HintKind.OTHER, ""),
        (push(msg=None), HintKind.OTHER, ""),
        ({}, HintKind.OTHER, ""),
    ],
)
def test_a_push_is_a_hint_at_the_order_which_its_signed_message_names(
    native: Native, kind: HintKind, order_no: str
) -> None:
    assert CHANNEL.push is not None
    found = CHANNEL.push.read(CREDENTIALS, pushed(encoded(native)))
    assert isinstance(found, tuple)
    (hint,) = found
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no) == (kind, order_no)


def test_a_repeated_push_has_the_same_message_id() -> None:
    assert CHANNEL.push is not None
    ids = set()
    for count in (0, 3):
        found = CHANNEL.push.read(CREDENTIALS, pushed(encoded(push(sendCount=count))))
        assert isinstance(found, tuple)
        (hint,) = found
        assert isinstance(hint, Hint)
        ids.add(hint.message_id)
    assert ids == {"trade_TradePaid:E-of-the-envelope:1779240701"}
    assert isinstance(CHANNEL.push.read(CREDENTIALS, pushed(b"[]")), ChannelError)


def test_a_push_means_what_it_carries() -> None:
    (hinted,) = CHANNEL.normalise(encoded(push()))
    nasty.assert_refused(hinted, P.DETAIL_NEEDED)
    order = order_of(hinted)
    assert (order.order_no, order.state, order.shop) == ("E1", "awaiting_shipment", "10000001")
    (whole,) = CHANNEL.normalise(encoded(push(youzan_trade())))
    nasty.assert_taken(whole)
    for native in (push(test=True), push({}), push(raw="hello")):
        (found,) = CHANNEL.normalise(encoded(native))
        assert found.order is None


PARCEL = Shipment(
    order_no="E1",
    lines=(ShippedLine(line_id="1", qty=1), ShippedLine(line_id="2", qty=1)),
    whole=False,
    carrier="SF",
    waybill_no="SF1",
    request_id="r1",
)


def test_a_parcel_names_its_lines_unless_it_is_the_whole_order() -> None:
    made = CHANNEL.shipment_request(CREDENTIALS, PARCEL, NOW)
    assert isinstance(made, HttpRequest)
    told = msgspec.json.decode(made.body)
    assert (told["oids"], told["out_stype"], told["out_sid"]) == ("1,2", "7", "SF1")
    whole = CHANNEL.shipment_request(CREDENTIALS, msgspec.structs.replace(PARCEL, whole=True), NOW)
    assert isinstance(whole, HttpRequest)
    assert "oids" not in msgspec.json.decode(whole.body)


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ({"code": 200, "success": True, "data": {"is_success": True}}, Applied),
        ({"code": 200, "success": True, "data": True}, Applied),
        ({"code": "200", "data": {"is_success": True}}, Applied),
        ({"code": 200, "data": {"is_success": False}}, Refused),
        ({"code": 200, "data": {}}, Retry),
        ({"code": 200}, Retry),
        ({"code": 102510001, "success": False, "message": "订单已发货"}, Applied),
        ({"code": 102570007, "success": False, "message": "订单状态错误"}, Refused),
        ({"gw_err_resp": {"err_code": 4203}}, Retry),
    ],
)
def test_a_shipment_answer_is_read(native: Native, kind: type) -> None:
    assert isinstance(CHANNEL.read_shipment_answer(answer(native)), kind)


def asked(**changed: Any) -> Native:
    return {
        "refund_id": "2019", "tid": "E1", "oid": "1", "status": "WAIT_SELLER_AGREE", "demand": 1,
        "return_goods": False, "refund_fee": "12.50", "modified": "2026-05-20 09:31:41",
        "reason": 3, "version": 1553482678792, **changed,
    }  # fmt: skip


def asked_page(*rows: object, total: int = 1) -> AftersalePage:
    assert CHANNEL.aftersales is not None
    native = {"code": 200, "data": {"refunds": list(rows), "total": total}}
    found = CHANNEL.aftersales.read_page(answer(native), None)
    assert isinstance(found, AftersalePage)
    return found


@pytest.mark.parametrize(
    ("status", "demand", "state"),
    [
        ("WAIT_SELLER_AGREE", 1, R.REQUESTED),
        ("WAIT_BUYER_RETURN_GOODS", 2, R.RETURNING),
        ("WAIT_SELLER_CONFIRM_GOODS", 2, R.RETURNING),
        ("SELLER_REFUSE_BUYER", 1, R.REFUSED),
        ("SELLER_REFUSE_BUYER_RETURN_GOODS", 2, R.REFUSED),
        ("CLOSED", 1, R.WITHDRAWN),
        ("SUCCESS", 1, R.REFUNDED),
        ("SUCCESS", 3, R.EXCHANGED),
        ("WAIT_SELLER_AGREE", 3, R.EXCHANGING),
        ("SOMETHING", 1, R.UNKNOWN),
        (None, 1, R.UNKNOWN),
    ],
)
def test_an_after_sales_request_is_read(
    status: object, demand: int, state: LineRefundState
) -> None:
    (one,) = asked_page(asked(status=status, demand=demand)).aftersales
    assert (one.state, one.amount_fen, one.line_id) == (state, 1250, "1")


@pytest.mark.parametrize(
    "changed",
    [{"refund_id": None}, {"tid": ""}, {"refund_fee": "abc"}, {"refund_fee": "-1.00"},
     {"modified": "soon"}, {"version": []}],
)  # fmt: skip
def test_a_request_which_cannot_be_read_is_counted(changed: Native) -> None:
    found = asked_page(asked(**changed), asked())
    assert (len(found.aftersales), found.unreadable) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "made"),
    [
        ({}, True),
        ({"version": None}, False),
        ({"return_goods": True}, False),
        ({"return_goods": True, "status": "WAIT_SELLER_CONFIRM_GOODS"}, True),
    ],
)
def test_an_agreement_repeats_the_version(changed: Native, *, made: bool) -> None:
    assert CHANNEL.aftersales is not None
    (one,) = asked_page(asked(**changed)).aftersales
    request = CHANNEL.aftersales.agree_request(CREDENTIALS, one, NOW)
    if not made:
        assert isinstance(request, Unsupported)
        return
    assert isinstance(request, HttpRequest)
    assert request.body == b'{"refund_id":"2019","version":1553482678792}'


@pytest.mark.parametrize(
    ("native", "kind"),
    [
        ({"code": "200", "success": True, "data": {"is_success": True}}, Applied),
        ({"code": 200, "data": {"is_success": False}}, Refused),
        ({"code": 103010039, "success": False, "message": "退款版本号错误"}, Refused),
        ({"code": 102010002, "success": False, "message": "操作过期"}, Refused),
        ({"code": 102010003, "success": False, "message": "操作太快"}, Retry),
        ({"code": 200}, Retry),
    ],
)
def test_an_agreements_answer_is_read(native: Native, kind: type) -> None:
    assert CHANNEL.aftersales is not None
    assert isinstance(CHANNEL.aftersales.read_agree_answer(answer(native)), kind)
