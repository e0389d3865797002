import pytest

from services.ingest.channels import (
    AftersalePage,
    Applied,
    ChannelError,
    ErrorKind,
    HttpRequest,
    Page,
    PageToken,
    Refused,
    Retry,
)
from services.ingest.channels.taobao import CHANNEL, gateway
from services.ingest.channels.taobao.extension import TaobaoExtension
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    OrderSnapshotState,
    PiiKind,
    ProblemCode,
)
from tests.unit.ingest.channels.builders import (
    CREDENTIALS,
    NOW,
    answer,
    codes,
    encoded,
    only_item,
    order_of,
    taobao,
    taobao_line,
    taobao_trade,
)

P = ProblemCode
PAID = "2026-05-20 09:31:38"


@pytest.mark.parametrize(
    ("status", "paid_at", "state", "paid_fen"),
    [
        ("TRADE_NO_CREATE_PAY", "", "unpaid", 0),
        ("WAIT_BUYER_PAY", "", "unpaid", 0),
        ("PAY_PENDING", "", "unpaid", 0),
        ("WAIT_PRE_AUTH_CONFIRM", "", "unpaid", 0),
        ("PAID_FORBID_CONSIGN", PAID, "paid_on_hold", 10000),
        ("WAIT_SELLER_SEND_GOODS", PAID, "awaiting_shipment", 10000),
        ("SELLER_CONSIGNED_PART", PAID, "partly_shipped", 10000),
        ("WAIT_BUYER_CONFIRM_GOODS", PAID, "shipped", 10000),
        ("TRADE_BUYER_SIGNED", PAID, "completed", 10000),
        ("TRADE_FINISHED", PAID, "completed", 10000),
        ("TRADE_CLOSED", PAID, "closed_refunded", 10000),
        ("TRADE_CLOSED_BY_TAOBAO", "", "cancelled", 0),
        ("WAIT_FOR_THE_MOON", PAID, "unknown", 10000),
        ("", PAID, "unknown", 10000),
    ],
)
def test_a_status_means_a_state(status: str, paid_at: str, state: str, paid_fen: int) -> None:
    found = taobao(status=status, pay_time=paid_at)
    order = order_of(found)
    assert (order.state, order.paid_fen, order.raw_state) == (state, paid_fen, status)
    assert not found.blocked
    assert (P.STATE_UNKNOWN in codes(found)) == (state == "unknown")


@pytest.mark.parametrize(
    ("step", "status", "state", "paid_fen"),
    [
        ("FRONT_NOPAID_FINAL_NOPAID", "WAIT_BUYER_PAY", "unpaid", 0),
        ("FRONT_PAID_FINAL_NOPAID", "WAIT_BUYER_PAY", "deposit_paid", 2000),
        ("FRONT_PAID_FINAL_NOPAID", "WAIT_SELLER_SEND_GOODS", "deposit_paid", 2000),
        ("FRONT_PAID_FINAL_NOPAID", "TRADE_CLOSED_BY_TAOBAO", "cancelled", 2000),
        ("FRONT_PAID_FINAL_PAID", "WAIT_SELLER_SEND_GOODS", "awaiting_shipment", 10000),
    ],
)
def test_a_presale_ships_only_after_its_balance(
    step: str, status: str, state: str, paid_fen: int
) -> None:
    found = taobao(status=status, type="step", step_trade_status=step, step_paid_fee="20.00")
    order = order_of(found)
    assert (order.state, order.paid_fen) == (state, paid_fen)
    assert only_item(found).paid_fen == paid_fen
    assert bool(order.hold) == (state == "deposit_paid")


@pytest.mark.parametrize(
    ("status", "refund"),
    [
        ("NO_REFUND", LineRefundState.NONE),
        ("WAIT_SELLER_AGREE", LineRefundState.REQUESTED),
        ("WAIT_BUYER_RETURN_GOODS", LineRefundState.RETURNING),
        ("WAIT_SELLER_CONFIRM_GOODS", LineRefundState.RETURNING),
        ("SELLER_REFUSE_BUYER", LineRefundState.REFUSED),
        ("CLOSED", LineRefundState.WITHDRAWN),
        ("SUCCESS", LineRefundState.REFUNDED),
        ("SOMETHING_NEW", LineRefundState.UNKNOWN),
    ],
)
def test_a_refund_status_is_read_per_line(status: str, refund: LineRefundState) -> None:
    assert only_item(taobao(taobao_line(refund_status=status))).refund_state is refund


@pytest.mark.parametrize("status", ["WAIT_SELLER_AGREE", "SOMETHING_NEW"])
def test_an_order_whose_every_line_has_an_open_refund_is_on_hold(status: str) -> None:
    order = order_of(taobao(taobao_line(refund_status=status)))
    assert (order.state, order.hold) == (OrderSnapshotState.PAID_ON_HOLD, "refund_open")


def test_an_open_refund_of_one_line_is_named_while_the_other_may_ship() -> None:
    order = order_of(
        taobao(
            taobao_line(refund_status="WAIT_SELLER_AGREE", divide_order_fee="40.00"),
            taobao_line(oid_str="4000000000000000012", divide_order_fee="60.00"),
            total_fee="200.00",
        )
    )
    assert (order.state, order.hold) == (OrderSnapshotState.AWAITING_SHIPMENT, "refund_open")


def test_an_open_refund_after_shipping_holds_nothing() -> None:
    line = taobao_line(refund_status="WAIT_SELLER_AGREE", status="WAIT_BUYER_CONFIRM_GOODS")
    order = order_of(taobao(line, status="WAIT_BUYER_CONFIRM_GOODS"))
    assert (order.state, order.hold) == (OrderSnapshotState.SHIPPED, "")


def test_a_closed_line_is_refunded_while_the_trade_goes_on() -> None:
    found = taobao(
        taobao_line(status="TRADE_CLOSED", divide_order_fee="40.00"),
        taobao_line(oid_str="4000000000000000012", divide_order_fee="60.00"),
        total_fee="200.00",
    )
    states = [item.refund_state for item in order_of(found).items]
    assert states == [LineRefundState.REFUNDED, LineRefundState.NONE]


def test_a_partly_shipped_trade_counts_pieces_and_groups_parcels() -> None:
    found = taobao(
        taobao_line(
            status="WAIT_BUYER_CONFIRM_GOODS",
            consign_time="2026-05-21 08:00:00",
            invoice_no="SF1",
            logistics_company="顺丰速运",
            divide_order_fee="40.00",
        ),
        taobao_line(oid_str="4000000000000000012", divide_order_fee="60.00"),
        status="SELLER_CONSIGNED_PART",
        total_fee="200.00",
    )
    order = order_of(found)
    assert [item.shipped_qty for item in order.items] == [2, 0]
    (parcel,) = order.parcels
    assert (parcel.waybill_no, parcel.line_ids) == ("SF1", ("4000000000000000011",))


def test_header_and_lines_which_differ_are_taken_in_with_the_header_shared_exactly() -> None:
    found = taobao(
        taobao_line(divide_order_fee="33.33"),
        taobao_line(oid_str="4000000000000000012", divide_order_fee="66.66"),
        payment="108.00",
        post_fee="8.00",
        total_fee="200.00",
    )
    order = order_of(found)
    assert codes(found) == {P.LINES_DIFFER_FROM_TOTAL}
    assert not found.blocked
    assert [item.paid_fen for item in order.items] == [3333, 6667]
    assert order.paid_fen == 10800


def test_before_payment_the_line_total_less_its_share_of_order_discounts_counts() -> None:
    line = taobao_line(divide_order_fee=None, part_mjz_discount="10.00", payment="98.00")
    found = taobao(line, status="WAIT_BUYER_PAY", pay_time=None, payment="98.00", post_fee="8.00")
    assert codes(found) == set()
    assert only_item(found).payable_fen == 9000
    assert only_item(found).paid_fen == 0


def test_a_price_raised_by_hand_is_a_negative_discount() -> None:
    line = taobao_line(divide_order_fee="105.00", total_fee="105.00")
    found = taobao(line, payment="105.00", adjust_fee="5.00")
    assert codes(found) == set()
    assert order_of(found).discount_total_fen == -500


def test_cash_on_delivery_ships_unpaid_without_contradiction() -> None:
    found = taobao(type="cod", pay_time=None)
    assert codes(found) == set()
    assert order_of(found).paid_fen == 0
    assert order_of(found).state is OrderSnapshotState.AWAITING_SHIPMENT


def test_a_shipped_state_without_a_payment_time_is_named() -> None:
    found = taobao(pay_time="")
    assert codes(found) == {P.STATE_CONTRADICTS_PAYMENT}
    assert not found.blocked


def test_numbers_above_two_to_the_53_stay_exact() -> None:
    native = taobao_trade(taobao_line(oid=4012345678900010003, oid_str=None))
    native |= {"tid": 4012345678900010001, "tid_str": None}
    (found,) = CHANNEL.normalise(encoded(native))
    assert order_of(found).order_no == "4012345678900010001"
    assert only_item(found).line_id == "4012345678900010003"


def test_a_lone_object_stands_for_a_list() -> None:
    found = taobao(
        orders={"order": taobao_line()},
        promotion_details={
            "promotion_detail": {"promotion_name": "天猫红包", "discount_fee": "3.00"}
        },
    )
    assert len(order_of(found).items) == 1
    (promotion,) = order_of(found).promotions
    assert (promotion.fen, promotion.borne_by) == (300, Bearer.PLATFORM)
    assert codes(found) == {P.PROMOTIONS_DIFFER}


def test_a_place_without_a_city_takes_its_district() -> None:
    receiver = order_of(taobao(receiver_city="", receiver_district="济源市")).receiver
    assert (receiver.city, receiver.district) == ("济源市", "济源市")


@pytest.mark.parametrize(
    ("name", "phone", "address", "kind"),
    [
        ("测**", "*******0001", "样*路*号", PiiKind.MASKED),
        ("测试收货人", "13000000001", "示例路1号", PiiKind.PLAIN),
        ("~AbCdEf==~1~", "~XyZ==~1~", "~QwErTy==~1~", PiiKind.ENCRYPTED),
        ("", "", "", PiiKind.ABSENT),
    ],
)
def test_the_form_of_personal_data_is_told(
    name: str, phone: str, address: str, kind: PiiKind
) -> None:
    found = taobao(receiver_name=name, receiver_mobile=phone, receiver_address=address)
    receiver = order_of(found).receiver
    assert receiver.pii is kind
    if kind is PiiKind.ENCRYPTED:
        assert (receiver.name, receiver.name_cipher) == ("", name)
    else:
        assert (receiver.name, receiver.name_cipher) == (name, "")


def test_ciphers_beside_masks_are_named_and_kept_apart() -> None:
    found = taobao(receiver_name="~AbCdEf==~1~")
    receiver = order_of(found).receiver
    assert codes(found) == {P.RECEIVER_MIXED}
    assert (receiver.name, receiver.phone) == ("", "*******0001")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tid_str": None}, P.ORDER_NO_MISSING),
        ({"tid_str": "12 34;"}, P.ORDER_NO_MALFORMED),
        ({"modified": ""}, P.MODIFIED_MISSING),
        ({"modified": "gestern"}, P.MODIFIED_MISSING),
        ({"payment": None}, P.AMOUNT_MISSING),
        ({"payment": "12,30"}, P.BAD_AMOUNT),
        ({"payment": "0.001"}, P.BAD_AMOUNT),
        ({"payment": "-1.00"}, P.NEGATIVE_AMOUNT),
        ({"orders": None}, P.LINES_MISSING),
        ({"orders": {"order": []}}, P.LINES_MISSING),
        ({"receiver_state": ""}, P.RECEIVER_MISSING),
        ({"payment": {}}, P.BAD_SHAPE),
        ({"tid_str": 7}, P.BAD_SHAPE),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: dict[str, object], code: ProblemCode
) -> None:
    found = taobao(**changed)
    assert found.blocked
    assert code in codes(found)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"num": 0}, P.BAD_QUANTITY),
        ({"num": -1}, P.BAD_QUANTITY),
        ({"num": 1.5}, P.BAD_QUANTITY),
        ({"num": "viele"}, P.BAD_QUANTITY),
        ({"num": 10**9}, P.BAD_QUANTITY),
        ({"price": "abc"}, P.BAD_AMOUNT),
        ({"price": "-5.00"}, P.NEGATIVE_AMOUNT),
        ({"oid_str": None}, P.LINE_ID_MISSING),
    ],
)
def test_an_impossible_line_is_quarantined(changed: dict[str, object], code: ProblemCode) -> None:
    found = taobao(taobao_line(**changed))
    assert found.blocked
    assert code in codes(found)


def test_the_same_line_twice_is_quarantined() -> None:
    found = taobao(taobao_line(), taobao_line(), payment="200.00", total_fee="200.00")
    assert codes(found) == {P.LINE_ID_REPEATED}


def test_half_an_emoji_in_a_memo_does_not_lose_the_order() -> None:
    body = encoded(taobao_trade(buyer_message="MEMO")).replace(b"MEMO", b"hi \\ud83d!")
    (found,) = CHANNEL.normalise(body)
    assert order_of(found).buyer_memo == "hi \ufffd!"
    body = encoded(taobao_trade(buyer_message="MEMO")).replace(b"MEMO", b"\\ud83d\\ude00 \\ud83d")
    (found,) = CHANNEL.normalise(body)
    assert order_of(found).buyer_memo == "\U0001f600 \ufffd"


def test_a_nul_in_a_text_is_left_out_since_no_database_takes_it() -> None:
    assert order_of(taobao(buyer_message="a\x00b")).buyer_memo == "ab"


def rows(count: int, **header: object) -> dict[str, object]:
    listed = [
        {"tid": 4012345678900010000 + n, "modified": "2026-05-20 09:31:40"} for n in range(count)
    ]
    return {"trades_sold_increment_get_response": {"trades": {"trade": listed}, **header}}


@pytest.mark.parametrize(
    ("asked", "total", "next_number"),
    [
        (None, 0, None),
        (None, 100, None),
        (None, 101, 2),
        (None, 350, 4),
        (4, 350, 3),
        (1, 350, None),
    ],
)
def test_pages_are_read_from_the_last_to_the_first(
    asked: int | None, total: int, next_number: int | None
) -> None:
    token = PageToken(number=asked) if asked else None
    page = CHANNEL.read_page(answer(rows(2, total_results=total)), token)
    assert isinstance(page, Page)
    assert page.next_page == (PageToken(number=next_number) if next_number else None)


def test_a_window_with_too_many_rows_is_an_error_instead_of_a_silent_gap() -> None:
    page = CHANNEL.read_page(answer(rows(1, total_results=10**6)), None)
    assert isinstance(page, ChannelError)
    assert page.code == "window_too_wide"


def test_a_row_without_a_number_is_kept_as_evidence() -> None:
    native = {
        "trades_sold_increment_get_response": {
            "total_results": 1,
            "trades": {"trade": [{"tid": {}}]},
        }
    }
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, Page)
    assert [raw.order_no for raw in page.orders] == [""]


def test_several_snapshots_of_one_order_give_the_newest() -> None:
    old = taobao_trade(modified="2026-05-20 09:00:00", status="WAIT_BUYER_PAY", pay_time="")
    new = taobao_trade()
    native = {"trades_sold_get_response": {"trades": {"trade": [new, old]}}}
    (found,) = CHANNEL.normalise(encoded(native))
    assert order_of(found).state is OrderSnapshotState.AWAITING_SHIPMENT


@pytest.mark.parametrize(
    ("native", "kind", "retry_after_ms"),
    [
        ({"code": 7, "sub_msg": "This ban will last for 3 more seconds"}, "throttled", 3000),
        ({"code": 7}, "throttled", 0),
        ({"code": 27, "msg": "Invalid session"}, "token", 0),
        ({"code": 15, "sub_code": "isp.remote-service-error"}, "retry", 0),
        ({"code": 15}, "retry", 0),
        ({"code": 15, "sub_code": "isv.trade-not-exist"}, "refused", 0),
        ({"code": 25, "msg": "Invalid signature"}, "refused", 0),
    ],
)
def test_an_error_is_sorted_by_what_to_do_about_it(
    native: dict[str, object], kind: str, retry_after_ms: int
) -> None:
    page = CHANNEL.read_page(answer({"error_response": native}), None)
    assert isinstance(page, ChannelError)
    assert (page.kind, page.retry_after_ms) == (kind, retry_after_ms)


@pytest.mark.parametrize(
    ("native", "result"),
    [
        ({"logistics_online_send_response": {"shipping": {"is_success": True}}}, Applied()),
        (
            {
                "error_response": {
                    "code": 15,
                    "sub_code": "isv.logistics-offline-service-error:B04",
                    "sub_msg": "订单已经发货",
                }
            },
            Applied(repeated=True),
        ),
        (
            {"logistics_online_send_response": {"shipping": {"is_success": False}}},
            Refused(code="is_success", reason="false"),
        ),
        (
            {"error_response": {"code": 15, "sub_code": "isv.x", "sub_msg": "运单号不合法"}},
            Refused(code="15", reason="isv.x 运单号不合法"),
        ),
    ],
)
def test_a_shipment_answer_is_read(native: object, result: object) -> None:
    assert CHANNEL.read_shipment_answer(answer(native)) == result


@pytest.mark.parametrize(
    ("code", "kind"),
    [*((limit, ErrorKind.THROTTLED) for limit in (4, 5, 6, 7, 8)), (10, ErrorKind.RETRY)],
)
def test_a_shipment_that_meets_a_limit_or_nobody_is_told_again(code: int, kind: ErrorKind) -> None:
    native = {"error_response": {"code": code, "msg": "Service Currently Unavailable"}}
    result = CHANNEL.read_shipment_answer(answer(native))
    assert isinstance(result, Retry)
    assert result.error.kind is kind


def test_a_refund_request_is_read_and_its_agreement_repeats_its_version() -> None:
    refund = {
        "refund_id": "1001", "tid": 4000000000000000010, "oid": 4000000000000000011,
        "status": "WAIT_SELLER_AGREE", "refund_fee": "24.90", "has_good_return": False,
        "modified": "2026-05-21 10:00:05", "refund_phase": "onsale",
        "refund_version": 1779328800000,
    }  # fmt: skip
    native = {
        "refunds_receive_get_response": {
            "total_results": 2,
            "refunds": {"refund": [refund, {"status": "?"}]},
        }
    }
    assert CHANNEL.aftersales is not None
    page = CHANNEL.aftersales.read_page(answer(native), None)
    assert isinstance(page, AftersalePage)
    assert page.unreadable == 1
    (asked,) = page.aftersales
    assert (asked.refund_no, asked.order_no, asked.line_id, asked.amount_fen, asked.state) == (
        "1001",
        "4000000000000000010",
        "4000000000000000011",
        2490,
        LineRefundState.REQUESTED,
    )
    request = CHANNEL.aftersales.agree_request(
        CREDENTIALS,
        asked,
        NOW,
    )
    assert isinstance(request, HttpRequest)
    assert b"refund_infos=1001%7C2490%7C1779328800000%7Consale" in request.body


def test_empty_parameters_are_not_signed() -> None:
    fields = {"b": "2", "a": "1", "empty": "", "sign": "x"}
    assert gateway.sign("s", fields) == gateway.sign("s", {"a": "1", "b": "2"})


@pytest.mark.parametrize(
    ("promise", "minutes"),
    [
        ("付款后24小时内", 1440),
        ("付款后 7 天内发货", 10080),
        ("付款后15日内", 21600),
        ("2026-05-22 09:30:00", None),
        ("尽快发货", None),
        ("付款后99999小时内", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_after_the_payment_is_promised_in_minutes(
    promise: str | None, minutes: int | None
) -> None:
    extension = order_of(taobao(est_con_time=promise)).extensions
    assert isinstance(extension, TaobaoExtension)
    assert extension.promised_ship_minutes == minutes
