import base64
import json
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Aftersale,
    AftersalePage,
    Applied,
    ChannelError,
    Hint,
    HintKind,
    HttpRequest,
    Page,
    PageToken,
    PollWindow,
    PushRequest,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.channels.wechat_channels import CHANNEL
from services.ingest.channels.wechat_channels.pushes import sign
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
from tests.unit.ingest.channels.marketplace_natives import wechat_order

P = ProblemCode
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
SHOP = msgspec.structs.replace(CREDENTIALS, push_secret=AES_KEY, push_token="demotoken")


def listed(*order_nos: Any, **changed: Any) -> Native:
    return {"errcode": 0, "order_id_list": list(order_nos), "has_more": False, **changed}


@pytest.mark.parametrize("numbers", [("37", "38"), (37, 38), ("37", 38, "37")])
def test_a_page_only_names_its_orders(numbers: tuple[Any, ...]) -> None:
    page = CHANNEL.read_page(answer(listed(*numbers)), None)
    assert isinstance(page, Page)
    assert page.orders == ()
    assert [row.order_no for row in page.detail_needed] == ["37", "38"]
    found = CHANNEL.normalise(encoded(listed(*numbers)))
    assert [order_of(one).order_no for one in found] == ["37", "38"]
    assert all(P.DETAIL_NEEDED in codes(one) for one in found)


def test_an_empty_page_is_no_error() -> None:
    empty = Page(orders=(), detail_needed=(), next_page=None)
    assert CHANNEL.read_page(answer(listed()), None) == empty
    assert CHANNEL.normalise(encoded(listed())) == ()


@pytest.mark.parametrize(
    ("asked", "key", "following"),
    [
        (None, "k1", PageToken(number=2, cursor="k1")),
        (PageToken(number=2, cursor="k1"), "k2", PageToken(number=3, cursor="k2")),
    ],
)
def test_the_next_page_is_asked_for_by_its_key(
    asked: PageToken | None, key: str, following: PageToken
) -> None:
    page = CHANNEL.read_page(answer(listed("37", has_more=True, next_key=key)), asked)
    assert isinstance(page, Page)
    assert page.next_page == following
    window = PollWindow(since=NOW, until=NOW)
    assert CHANNEL.poll_request is not None
    first = json.loads(CHANNEL.poll_request(SHOP, window, None, NOW).body)
    later = json.loads(CHANNEL.poll_request(SHOP, window, following, NOW).body)
    assert later == first | {"next_key": key}


@pytest.mark.parametrize("key", [None, "", "k1"])
def test_more_without_a_new_key_is_an_error(key: str | None) -> None:
    told = answer(listed("37", has_more=True, next_key=key))
    assert isinstance(CHANNEL.read_page(told, PageToken(number=2, cursor="k1")), ChannelError)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (45009, "throttled"), (45011, "throttled"), (40001, "token"), (42001, "token"),
        (40014, "token"), ("40001", "token"), (-1, "retry"), (606006, "refused"), (1, "refused"),
    ],
)  # fmt: skip
def test_an_error_is_sorted_by_its_code(code: Any, kind: str) -> None:
    native = listed("37") | {"errcode": code, "errmsg": "例"}
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind
    (found,) = CHANNEL.normalise(encoded(native))
    assert codes(found) == {P.CHANNEL_ERROR}


def test_a_bare_order_means_the_same_as_its_answer() -> None:
    (bare,) = CHANNEL.normalise(encoded(wechat_order()))
    (whole,) = CHANNEL.normalise(encoded({"errcode": 0, "order": wechat_order()}))
    assert bare == whole


def shipment(*lines: ShippedLine, **changed: Any) -> Shipment:
    whole = Shipment(
        order_no="37",
        lines=lines or (ShippedLine(line_id="100-200-1", qty=2),),
        whole=True,
        carrier="SF",
        waybill_no="SF1",
        request_id="r",
    )
    return msgspec.structs.replace(whole, **changed)


@pytest.mark.parametrize("whole", [True, False])
def test_a_shipment_names_pieces_by_product_and_sku(whole: bool) -> None:
    request = CHANNEL.shipment_request(SHOP, shipment(whole=whole), NOW)
    assert isinstance(request, HttpRequest)
    (parcel,) = json.loads(request.body)["delivery_list"]
    assert parcel == {
        "delivery_id": "SF",
        "waybill_id": "SF1",
        "deliver_type": 1,
        "product_infos": [{"product_id": "100", "sku_id": "200", "product_cnt": 2}],
    }


@pytest.mark.parametrize("line_id", ["", "100", "100-", "-200-1"])
def test_a_line_that_names_no_sku_cannot_be_told(line_id: str) -> None:
    told = CHANNEL.shipment_request(SHOP, shipment(ShippedLine(line_id=line_id, qty=1)), NOW)
    assert isinstance(told, Unsupported)


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer({"errcode": 0})) == Applied()
    assert read(answer({"errcode": 10020, "errmsg": "订单已发货"})) == Applied(repeated=True)
    assert isinstance(read(answer({"errcode": 10020, "errmsg": "参数错误"})), Refused)
    assert isinstance(read(answer({"errcode": 45009})), Retry)
    assert isinstance(read(answer({"errcode": 40001})), Retry)


def asked(**changed: Any) -> Native:
    request = {
        "after_sale_order_id": 2000000000000002,
        "order_id": "37",
        "status": "MERCHANT_PROCESSING",
        "type": "REFUND",
        "reason_text": "不想要了",
        "update_time": 1779240701,
        "product_info": {"product_id": 100, "sku_id": "200"},
        "refund_info": {"amount": 990},
        **changed,
    }
    return {"errcode": 0, "after_sale_order": request}


def test_after_sales_are_named_by_a_page_and_fetched_one_by_one() -> None:
    calls = CHANNEL.aftersales
    assert calls is not None
    assert calls.detail_request is not None
    assert calls.read_detail is not None
    native = {"errcode": 0, "after_sale_order_id_list": ["1", 2], "has_more": False}
    page = calls.read_page(answer(native), None)
    assert isinstance(page, AftersalePage)
    assert page.detail_needed == ("1", "2")
    request = calls.detail_request(SHOP, "1", NOW)
    assert json.loads(request.body) == {"after_sale_order_id": "1"}
    found = calls.read_detail(answer(asked()))
    assert isinstance(found, Aftersale)
    assert (found.refund_no, found.amount_fen, found.line_id, found.state) == (
        "2000000000000002",
        990,
        "100-200-1",
        "requested",
    )
    assert isinstance(calls.agree_request(SHOP, found, NOW), HttpRequest)
    assert calls.read_agree_answer(answer({"errcode": 0})) == Applied()


@pytest.mark.parametrize(
    ("status", "kind", "expected", "agreeable"),
    [
        ("USER_CANCELD", "REFUND", "withdrawn", False),
        ("MERCHANT_REFUND_SUCCESS", "REFUND", "refunded", False),
        ("MERCHANT_RETURN_SUCCESS", "RETURN", "refunded", False),
        ("MERCHANT_EXCHANGE_SUCCESS", "EXCHANGE", "exchanged", False),
        ("USER_WAIT_RETURN", "RETURN", "returning", False),
        ("MERCHANT_REJECT_REFUND", "REFUND", "refused", False),
        ("MERCHANT_PROCESSING", "RETURN", "requested", False),
        ("MERCHANT_PROCESSING", "REFUND", "requested", True),
        ("SOMETHING_NEW", "REFUND", "unknown", False),
        (None, None, "unknown", False),
    ],
)
def test_a_word_is_a_state_and_only_a_plain_refund_is_agreed_to(
    status: str | None, kind: str | None, expected: str, agreeable: bool
) -> None:
    calls = CHANNEL.aftersales
    assert calls is not None
    assert calls.read_detail is not None
    found = calls.read_detail(answer(asked(status=status, type=kind)))
    assert isinstance(found, Aftersale)
    assert found.state == expected
    assert found.goods_come_back is (kind == "RETURN")
    assert isinstance(calls.agree_request(SHOP, found, NOW), HttpRequest) is agreeable


@pytest.mark.parametrize(
    "native",
    [
        asked(order_id=None),
        asked(refund_info={"amount": "?"}),
        asked(refund_info={"amount": -1}),
        {"errcode": 0},
        {"errcode": 40001},
    ],
)
def test_a_request_that_cannot_be_read_is_an_error(native: Native) -> None:
    calls = CHANNEL.aftersales
    assert calls is not None
    assert calls.read_detail is not None
    assert isinstance(calls.read_detail(answer(native)), ChannelError)


def cipher_of(text: bytes, app_id: str = CREDENTIALS.app_key) -> str:
    plain = bytes(16) + len(text).to_bytes(4, "big") + text + app_id.encode()
    added = 32 - len(plain) % 32
    key = bytes(range(32))
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    sealed = encryptor.update(plain + bytes([added]) * added) + encryptor.finalize()
    return base64.b64encode(sealed).decode()


def signed(body: bytes, cipher: str, **changed: str) -> PushRequest:
    signature = sign("demotoken", "1779243072", "nonce01", cipher)
    query = {"timestamp": "1779243072", "nonce": "nonce01", "msg_signature": signature}
    return msgspec.structs.replace(pushed(body), query=query | changed)


EVENT = {
    "ToUserName": "gh_demo",
    "CreateTime": 1779240701,
    "Event": "channels_ec_order_pay",
    "order_info": {"order_id": "37", "pay_time": 1779240700},
}


@pytest.mark.parametrize("as_xml", [False, True])
def test_a_genuine_push_is_verified_and_opened(as_xml: bool) -> None:
    push = CHANNEL.push
    assert push is not None
    assert push.opened is not None
    cipher = cipher_of(encoded(EVENT))
    body = f"<xml><Encrypt><![CDATA[{cipher}]]></Encrypt></xml>".encode()
    if not as_xml:
        body = encoded({"ToUserName": "gh_demo", "Encrypt": cipher})
    assert push.verify(SHOP, signed(body, cipher))
    assert push.opened(SHOP, pushed(body)) == encoded(EVENT)


@pytest.mark.parametrize(
    "changed",
    [
        {"msg_signature": ""},
        {"msg_signature": "签名"},
        {"timestamp": "1779243073"},
        {"nonce": "another"},
        {"msg_signature": sign("another", "1779243072", "nonce01", cipher_of(encoded(EVENT)))},
    ],
)
def test_a_push_signed_otherwise_is_refused(changed: dict[str, str]) -> None:
    cipher = cipher_of(encoded(EVENT))
    assert CHANNEL.push is not None
    sent = signed(encoded({"Encrypt": cipher}), cipher, **changed)
    assert not CHANNEL.push.verify(SHOP, sent)


def test_a_plain_push_and_a_shop_without_a_token_are_refused() -> None:
    push = CHANNEL.push
    assert push is not None
    assert not push.verify(SHOP, signed(encoded(EVENT), ""))
    tokenless = msgspec.structs.replace(SHOP, push_token="")
    cipher = cipher_of(encoded(EVENT))
    forged = sign("", "1779243072", "nonce01", cipher)
    sent = signed(encoded({"Encrypt": cipher}), cipher, msg_signature=forged)
    assert not push.verify(tokenless, sent)


@pytest.mark.parametrize(
    "cipher",
    [
        "", "AAAA", "=", "签名", cipher_of(encoded(EVENT), app_id="another"),
        cipher_of(encoded(EVENT))[:-4] + "AAAA", base64.b64encode(bytes(32)).decode(),
    ],
)  # fmt: skip
def test_a_cipher_that_is_not_for_this_app_cannot_be_opened(cipher: str) -> None:
    push = CHANNEL.push
    assert push is not None
    assert push.opened is not None
    assert push.opened(SHOP, pushed(encoded({"Encrypt": cipher}))) is None


def test_the_platforms_check_of_the_door_is_answered() -> None:
    push = CHANNEL.push
    assert push is not None
    assert push.greeting is not None
    query = {
        "timestamp": "1",
        "nonce": "2",
        "echostr": "hello",
        "signature": sign("demotoken", "1", "2"),
    }
    check = msgspec.structs.replace(pushed(b""), query=query)
    assert push.greeting(SHOP, check) == b"hello"
    forged = msgspec.structs.replace(check, query=query | {"signature": "0"})
    assert push.greeting(SHOP, forged) is None
    assert push.greeting(SHOP, pushed(b"")) is None
    assert push.greeting(CREDENTIALS, check) is None


XML_EVENT = (
    b"<xml><ToUserName><![CDATA[gh_demo]]></ToUserName><CreateTime>1779240701</CreateTime>"
    b"<Event><![CDATA[channels_ec_order_pay]]></Event>"
    b"<order_info><order_id>37</order_id><pay_time>1779240700</pay_time></order_info></xml>"
)


@pytest.mark.parametrize(
    ("sent", "kind", "order_no"),
    [
        (encoded(EVENT), HintKind.ORDER, "37"),
        (XML_EVENT, HintKind.ORDER, "37"),
        (
            encoded(
                {"Event": "e", "finder_shop_aftersale_status_update": {"order_id": 37,
                 "after_sale_order_id": 2}}
            ),
            HintKind.AFTERSALE,
            "37",
        ),
        (encoded({"Event": "e", "product_order_status_update": {"order_id": 37}}),
         HintKind.ORDER, "37"),
        (encoded({"Event": "channels_ec_coupon_receive"}), HintKind.OTHER, ""),
        (b"<xml></xml>", HintKind.OTHER, ""),
    ],
)  # fmt: skip
def test_an_event_is_a_hint(sent: bytes, kind: HintKind, order_no: str) -> None:
    assert CHANNEL.push is not None
    hints = CHANNEL.push.read(SHOP, pushed(sent))
    assert isinstance(hints, tuple)
    (hint,) = hints
    assert isinstance(hint, Hint)
    assert (hint.kind, hint.order_no) == (kind, order_no)
    (found,) = CHANNEL.normalise(sent)
    expected = P.DETAIL_NEEDED if order_no else P.NOT_AN_ORDER
    assert expected in codes(found)


def test_a_vector_to_verify_gives_a_verdict() -> None:
    given = sign("demotoken", "1", "2")
    fields = {"timestamp": "1", "nonce": "2"}
    for signature, verdict in ((given, "ACCEPT"), ("0", "REJECT")):
        vector = SignatureVector(kind="webhook", secret="demotoken", fields=fields, given=signature)
        assert CHANNEL.recompute(vector) == verdict
    broken = {"appid": "x", "encrypt": "AAAA"}
    vector = SignatureVector(kind="webhook", secret=AES_KEY, fields=broken)
    assert CHANNEL.recompute(vector) == "REJECT"
