import base64
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

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
    PollWindow,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.kuaishou import CHANNEL
from services.ingest.domain.model import ProblemCode
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    Native,
    answer,
    codes,
    encoded,
    order_of,
    pushed,
)
from tests.unit.ingest.channels.marketplace_natives import kuaishou_base, kuaishou_order

P = ProblemCode
KEY = base64.b64encode(bytes(range(16))).decode()
SHOP = msgspec.structs.replace(CREDENTIALS, push_secret=KEY)


def listed(*rows: Any, cursor: str | None = "nomore", **changed: Any) -> Native:
    return {"result": 1, "data": {"cursor": cursor, "orderList": list(rows), **changed}}


def test_one_bad_row_of_a_page_does_not_lose_the_others() -> None:
    native = listed(kuaishou_order(), {"orderBaseInfo": 1}, kuaishou_order(oid=26059))
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == ["2605900000001", "", "26059"]
    (bad,) = CHANNEL.normalise(page.orders[1].body)
    assert P.BAD_SHAPE in codes(bad)


def test_a_lone_order_where_a_list_is_usual_is_a_page_of_one() -> None:
    page = CHANNEL.read_page(answer(listed(orderList=kuaishou_order())), None)
    assert isinstance(page, Page)
    assert len(page.orders) == 1


def test_of_several_snapshots_the_newest_counts() -> None:
    older = kuaishou_order(updateTime=1779240700000, remark="older")
    (found,) = CHANNEL.normalise(encoded(listed(kuaishou_order(), older)))
    assert order_of(found).buyer_memo == "不要辣"


@pytest.mark.parametrize(
    ("cursor", "following"),
    [
        ("nomore", None),
        ("no_more", None),
        ("", None),
        ("no", PageToken(number=2, cursor="no")),
        ("abc", PageToken(number=2, cursor="abc")),
    ],
)
def test_only_the_word_for_the_end_ends_a_list(cursor: str, following: PageToken | None) -> None:
    page = CHANNEL.read_page(answer(listed(cursor=cursor)), None)
    assert page == Page(orders=(), detail_needed=(), next_page=following)


def test_a_cursor_that_stands_still_and_a_missing_one_are_errors() -> None:
    again = CHANNEL.read_page(answer(listed(cursor="abc")), PageToken(number=2, cursor="abc"))
    assert isinstance(again, ChannelError)
    assert isinstance(CHANNEL.read_page(answer(listed(cursor=None)), None), ChannelError)


def test_a_next_page_is_asked_for_by_its_cursor() -> None:
    token = PageToken(number=2, cursor="abc")
    assert CHANNEL.poll_request is not None
    request = CHANNEL.poll_request(CREDENTIALS, PollWindow(since=NOW, until=NOW), token, NOW)
    fields = dict(parse_qsl(urlsplit(request.url).query))
    assert request.method == "GET"
    assert json.loads(fields["param"])["cursor"] == "abc"


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (1017, "throttled"),
        ("16", "throttled"),
        (802000, "throttled"),
        (21, "token"),
        (24, "token"),
        (28, "refused"),
        (11, "refused"),
        (0, "refused"),
    ],
)
def test_an_error_is_sorted_by_its_result(result: int | str, kind: str) -> None:
    native = {"result": result, "error_msg": "例", "data": {"cursor": "nomore", "orderList": []}}
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind
    (found,) = CHANNEL.normalise(encoded(native))
    assert codes(found) == {P.CHANNEL_ERROR}


def shipment(**changed: Any) -> Shipment:
    whole = Shipment(
        order_no="2605900000001",
        lines=(ShippedLine(line_id="1", qty=1),),
        whole=True,
        carrier="SF",
        waybill_no="SF1",
        request_id="r",
    )
    return msgspec.structs.replace(whole, **changed)


def test_the_first_parcel_is_told_as_the_whole_order_and_the_others_beside_it() -> None:
    request = CHANNEL.shipment_request(CREDENTIALS, shipment(), NOW)
    assert isinstance(request, HttpRequest)
    assert request.url.endswith("/open/seller/order/goods/deliver")
    fields = dict(parse_qsl(request.body.decode()))
    expected = {"orderId": 2605900000001, "expressNo": "SF1", "expressCode": 4}
    assert json.loads(fields["param"]) == expected
    assert CHANNEL.shipment_request(CREDENTIALS, shipment(whole=False), NOW) == request
    more = CHANNEL.shipment_request(CREDENTIALS, shipment(whole=False, additional=True), NOW)
    assert isinstance(more, HttpRequest)
    assert more.url.endswith("/open/seller/order/goods/logistics/append")
    beside = json.loads(dict(parse_qsl(more.body.decode()))["param"])
    assert beside == {"oid": 2605900000001, "expressNo": "SF1", "expressCode": 4}


def test_a_carrier_without_a_public_number_is_told_by_the_one_the_shop_was_given() -> None:
    unknown = CHANNEL.shipment_request(CREDENTIALS, shipment(carrier="ZTO"), NOW)
    assert unknown == Unsupported(reason="carrier ZTO has no code here")
    request = CHANNEL.shipment_request(CREDENTIALS, shipment(carrier="ZTO", carrier_code="5"), NOW)
    assert isinstance(request, HttpRequest)
    fields = dict(parse_qsl(request.body.decode()))
    assert json.loads(fields["param"])["expressCode"] == 5


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer({"result": 1})) == Applied()
    assert read(answer({"result": 11, "error_msg": "订单已发货"})) == Applied(repeated=True)
    assert read(answer({"result": 11, "error_msg": "地址被清洗"})) == Refused(
        code="11", reason="地址被清洗"
    )
    assert isinstance(read(answer({"result": 1017})), Retry)


def refunds(*rows: Any, pcursor: str = "nomore") -> Native:
    return {"result": 1, "data": {"pcursor": pcursor, "refundOrderInfoList": list(rows)}}


def refund(**changed: Any) -> Native:
    return {
        "refundId": 900,
        "oid": 2605900000001,
        "status": 10,
        "handlingWay": 10,
        "refundFee": 990,
        "refundReasonDesc": "不想要了",
        "updateTime": 1779240701000,
        "negotiateStatus": 1,
        **changed,
    }


def test_an_after_sales_request_is_read_and_agreed_to() -> None:
    calls = CHANNEL.aftersales
    assert calls is not None
    page = calls.read_page(answer(refunds(refund(), refund(refundFee="?"))), None)
    assert isinstance(page, AftersalePage)
    (asked,) = page.aftersales
    assert (asked.refund_no, asked.amount_fen, asked.state) == ("900", 990, "requested")
    assert page.unreadable == 1
    request = calls.agree_request(CREDENTIALS, asked, NOW)
    assert isinstance(request, HttpRequest)
    parameters = json.loads(dict(parse_qsl(request.body.decode()))["param"])
    assert (parameters["refundId"], parameters["refundAmount"], parameters["status"]) == (
        900,
        990,
        10,
    )
    back = calls.read_page(answer(refunds(refund(handlingWay=1, status=11))), None)
    assert isinstance(back, AftersalePage)
    assert back.aftersales[0].goods_come_back
    assert isinstance(calls.agree_request(CREDENTIALS, back.aftersales[0], NOW), Unsupported)
    assert calls.read_agree_answer(answer({"result": 1})) == Applied()


def sealed(text: bytes, key: bytes = bytes(range(16))) -> bytes:
    padder = padding.PKCS7(128).padder()
    padded = padder.update(text) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize())


def message(**changed: Any) -> Native:
    return {
        "eventId": "1",
        "event": "kwaishop_order_addOrder",
        "openId": "f18Seller",
        "appKey": CREDENTIALS.app_key,
        "info": '{"oid":2605900000001}',
        "createTime": 1779240662000,
        **changed,
    }


@pytest.mark.parametrize(
    ("sent", "genuine"),
    [
        (message(), True),
        ([message(), message(eventId="2")], True),
        ({"test": True}, True),
        (message(appKey="another"), False),
        (message(appKey=None), False),
        (message(event=None), False),
        ([], False),
        ([message(), message(appKey="another")], False),
        ("text", False),
        (kuaishou_base(), False),
    ],
)
def test_an_opened_push_has_to_be_a_message_for_this_app(sent: Any, genuine: bool) -> None:
    push = CHANNEL.push
    assert push is not None
    assert push.opened is not None
    body = sealed(encoded(sent))
    assert push.verify(SHOP, pushed(body)) is genuine
    assert push.opened(SHOP, pushed(body)) == (encoded(sent) if genuine else None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"=", b"AAAA", b"A" * 24, encoded({"test": True}), sealed(b"{}"), sealed(b""),
        sealed(encoded({"test": True}), bytes(16)), sealed(encoded({"test": True})) + b"\n",
        sealed(b'{"test":true\x01}'), sealed(b"\xff" * 16), base64.b64encode(bytes(16)),
        base64.b64encode(bytes(15)),
    ],
)  # fmt: skip
def test_what_was_not_sealed_with_this_key_is_refused(body: bytes) -> None:
    assert CHANNEL.push is not None
    assert not CHANNEL.push.verify(SHOP, pushed(body))


@pytest.mark.parametrize(
    "key", ["", "short", "签名", "A" * 24, base64.b64encode(bytes(5)).decode()]
)
def test_a_shop_without_a_usable_key_takes_no_push(key: str) -> None:
    push = CHANNEL.push
    assert push is not None
    shop = msgspec.structs.replace(CREDENTIALS, push_secret=key)
    assert not push.verify(shop, pushed(sealed(encoded({"test": True}))))


@pytest.mark.parametrize(
    ("changed", "kind", "order_no"),
    [
        ({}, HintKind.ORDER, "2605900000001"),
        ({"info": '{"oid":1,"refundId":2}'}, HintKind.AFTERSALE, "1"),
        ({"info": '{"orderId":1,"refundId":2}'}, HintKind.AFTERSALE, "1"),
        ({"info": '{"bizId":1,"note":"改发顺丰"}'}, HintKind.ORDER, "1"),
        ({"info": "{}"}, HintKind.OTHER, ""),
        ({"info": None}, HintKind.OTHER, ""),
        ({"test": True}, HintKind.PROBE, ""),
    ],
)
def test_a_message_is_a_hint(changed: Native, kind: HintKind, order_no: str) -> None:
    assert CHANNEL.push is not None
    hints = CHANNEL.push.read(SHOP, pushed(encoded(message(**changed))))
    assert isinstance(hints, tuple)
    (hint,) = hints
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no) == (kind, order_no)


def test_a_vector_that_cannot_be_opened_is_rejected() -> None:
    vector = SignatureVector(kind="webhook", secret=KEY, fields={"raw_body": "AAAA"})
    assert CHANNEL.recompute(vector) == "REJECT"
