import pytest

from services.ingest.channels import (
    AftersalePage,
    Applied,
    ChannelError,
    Hint,
    HintKind,
    HttpRequest,
    Page,
    Refused,
    Unsupported,
)
from services.ingest.channels.douyin import CHANNEL, gateway
from services.ingest.channels.douyin.extension import DouyinExtension
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
    Native,
    answer,
    codes,
    douyin,
    douyin_line,
    douyin_order,
    encoded,
    only_item,
    order_of,
    pushed,
)

P = ProblemCode
R = LineRefundState


@pytest.mark.parametrize(
    ("status", "main", "pay_time", "state", "paid_fen"),
    [
        (1, 1, 0, "unpaid", 0),
        (1, 103, 0, "deposit_paid", 0),
        (105, 105, 1779240700, "paid_on_hold", 10000),
        (2, 2, 1779240700, "awaiting_shipment", 10000),
        (2, 0, 1779240700, "awaiting_shipment", 10000),
        (2, None, 1779240700, "awaiting_shipment", 10000),
        ("2", "2", 1779240700, "awaiting_shipment", 10000),
        (None, 2, 1779240700, "awaiting_shipment", 10000),
        (101, 101, 1779240700, "partly_shipped", 10000),
        (3, 3, 1779240700, "shipped", 10000),
        (5, 5, 1779240700, "completed", 10000),
        (4, 4, 0, "cancelled", 0),
        (4, 21, 1779240700, "closed_refunded", 10000),
        (4, 22, 1779240700, "closed_refunded", 10000),
        (5, 39, 1779240700, "closed_refunded", 10000),
        (2, 777, 1779240700, "unknown", 10000),
        (999, 2, 1779240700, "unknown", 10000),
        (999, 103, 1779240700, "unknown", 10000),
        (0, 0, 1779240700, "unknown", 10000),
        (None, None, 1779240700, "unknown", 10000),
    ],
)
def test_two_statuses_mean_one_state(
    status: object, main: object, pay_time: int, state: str, paid_fen: int
) -> None:
    found = douyin(order_status=status, main_status=main, pay_time=pay_time)
    order = order_of(found)
    assert (order.state, order.paid_fen) == (state, paid_fen)
    assert not found.blocked
    if state == "unknown":
        assert order.hold == "unknown_state"


def test_an_unknown_status_keeps_its_raw_value() -> None:
    assert order_of(douyin(order_status=999)).raw_state == "999/2"


def test_a_paid_deposit_is_the_sum_of_the_phases_which_succeeded() -> None:
    found = douyin(
        order_status=1,
        main_status=103,
        pay_time=0,
        order_phase_list=[
            {"pay_success": True, "phase_pay_amount": 3000},
            {"pay_success": False, "phase_pay_amount": 7000},
        ],
    )
    order = order_of(found)
    assert (order.paid_fen, order.payable_fen, order.hold) == (3000, 10000, "presale_balance_open")
    assert only_item(found).paid_fen == 3000


@pytest.mark.parametrize(
    ("status", "kind", "refund"),
    [
        (0, 0, R.NONE),
        (6, 2, R.REQUESTED),
        (6, 0, R.REQUESTED),
        (7, 0, R.RETURNING),
        (11, 0, R.RETURNING),
        (12, 2, R.REFUNDED),
        (27, 1, R.REFUSED),
        (28, 1, R.WITHDRAWN),
        (29, 0, R.REFUSED),
        (99, 0, R.UNKNOWN),
        (6, 3, R.EXCHANGING),
        (13, 3, R.EXCHANGING),
        (12, 3, R.EXCHANGED),
        (14, 7, R.EXCHANGED),
        (27, 3, R.REFUSED),
        (6, 6, R.NONE),
        (12, 6, R.NONE),
    ],
)
def test_after_sales_are_read_by_status_and_type(
    status: int, kind: int, refund: LineRefundState
) -> None:
    info = {"after_sale_status": status, "after_sale_type": kind, "refund_status": 0}
    assert only_item(douyin(douyin_line(after_sale_info=info))).refund_state is refund


def test_an_open_refund_of_the_only_line_holds_the_order() -> None:
    info = {"after_sale_status": 6, "after_sale_type": 2}
    order = order_of(douyin(douyin_line(after_sale_info=info)))
    assert (order.state, order.hold) == (OrderSnapshotState.PAID_ON_HOLD, "refund_open")


@pytest.mark.parametrize("changed", [{"order_status": 4}, {"main_status": 21}])
def test_a_line_which_left_the_order_is_refunded(changed: dict[str, int]) -> None:
    other = douyin_line(order_id="6900000000000000012", pay_amount=5000, item_num=1)
    found = douyin(douyin_line(**changed), other, pay_amount=15000)
    assert [item.refund_state for item in order_of(found).items] == [R.REFUNDED, R.NONE]


@pytest.mark.parametrize(
    ("changed", "gift"),
    [
        ({"given_product_type": "FREE"}, True),
        ({"origin_amount": 0, "pay_amount": 0}, True),
        ({"pay_amount": 0}, False),
    ],
)
def test_a_gift_is_flagged_or_free_but_a_coupon_makes_none(
    changed: dict[str, object], *, gift: bool
) -> None:
    line = douyin_line(order_id="6900000000000000012", **changed)
    found = douyin(douyin_line(), line)
    assert order_of(found).items[1].is_gift is gift


def test_freight_inside_the_lines_is_taken_out_of_them() -> None:
    found = douyin(
        douyin_line(pay_amount=10600, post_amount=600), pay_amount=10600, post_amount=600
    )
    assert codes(found) == set()
    assert only_item(found).paid_fen == 10000
    assert order_of(found).freight_fen == 600


def test_packing_and_insurance_count_as_freight_where_that_makes_the_sums_meet() -> None:
    found = douyin(pay_amount=10850, post_amount=600, packing_amount=200, post_insurance_amount=50)
    assert codes(found) == set()
    assert order_of(found).freight_fen == 850
    extension = order_of(found).extensions
    assert isinstance(extension, DouyinExtension)
    assert (extension.packing_fen, extension.insurance_fen) == (200, 50)


def test_a_difference_nothing_explains_is_named_and_the_header_stands() -> None:
    found = douyin(pay_amount=9900)
    assert codes(found) == {P.LINES_DIFFER_FROM_TOTAL}
    assert only_item(found).paid_fen == 9900


def test_a_discount_is_split_by_who_pays_for_it() -> None:
    detail = {
        "platform_discount_detail": {
            "total_amount": 1300,
            "full_discount_info": [
                {
                    "campaign_name": "平台满减",
                    "campaign_amount": 1000,
                    "share_discount_cost": {
                        "platform_cost": 600,
                        "shop_cost": 300,
                        "author_cost": 100,
                    },
                }
            ],
            "redpack_info": [{"redpack_amount": 200, "share_discount_cost": None}],
        },
        "kol_discount_detail": {"total_amount": 50, "coupon_info": [
            {"coupon_name": "达人券", "coupon_amount": 50}]},
    }  # fmt: skip
    line = douyin_line(pay_amount=8650)
    found = douyin(line, promotion_detail=detail, pay_amount=8650)
    assert codes(found) == set()
    assert [(p.name, p.fen, p.borne_by) for p in order_of(found).promotions] == [
        ("平台满减", 300, Bearer.SELLER),
        ("平台满减", 600, Bearer.PLATFORM),
        ("平台满减", 100, Bearer.INFLUENCER),
        ("红包", 200, Bearer.PLATFORM),
        ("其他优惠", 100, Bearer.PLATFORM),
        ("达人券", 50, Bearer.INFLUENCER),
    ]


def test_parcels_count_the_pieces_of_each_line() -> None:
    found = douyin(
        douyin_line(order_status=101),
        order_status=101,
        main_status=101,
        logistics_info=[
            {
                "tracking_no": "SF1",
                "company": "shunfeng",
                "ship_time": 1779250000,
                "product_info": [{"sku_order_id": "6900000000000000011", "product_count": 1}],
            }
        ],
    )
    assert only_item(found).shipped_qty == 1
    (parcel,) = order_of(found).parcels
    assert (parcel.waybill_no, parcel.line_ids) == ("SF1", ("6900000000000000011",))


def test_ciphers_masks_and_clear_texts_never_share_a_field() -> None:
    receiver = order_of(douyin(post_receiver="测试收货人")).receiver
    assert receiver.pii is PiiKind.ENCRYPTED
    assert (receiver.name, receiver.name_cipher) == ("测*", "#nameIdx#nameCipher*1*1##")
    bare = {"encrypt_post_receiver": "", "encrypt_post_tel": "",
            "post_addr": {"province": {"name": "广东省"}, "detail": "示例路1号"}}  # fmt: skip
    clear = order_of(douyin(post_receiver="测试收货人", post_tel="13000000001", **bare)).receiver
    assert (clear.pii, clear.name, clear.name_cipher) == (PiiKind.PLAIN, "测试收货人", "")
    masked = order_of(douyin(**(bare | {"post_addr": {"province": {"name": "广东省"}}}))).receiver
    assert (masked.pii, masked.name) == (PiiKind.MASKED, "测*")


def test_parcels_merge_only_by_the_open_address_id() -> None:
    assert order_of(douyin()).receiver.key == ""
    assert order_of(douyin(open_address_id="#addr")).receiver.key == "#addr"


@pytest.mark.parametrize(
    ("count", "each_fen", "changed", "state", "hold"),
    [
        (40, 250, {}, "awaiting_shipment", ""),
        (40, 200, {"post_amount": 2000}, "awaiting_shipment", ""),
        (40, 240, {}, "paid_on_hold", "lines_cut"),
        (41, 240, {}, "paid_on_hold", "lines_cut"),
        (40, 240, {"order_status": 105, "main_status": 105}, "paid_on_hold", "risk_review"),
        (40, 240, {"order_status": 3, "main_status": 3}, "shipped", ""),
    ],
)
def test_as_many_lines_as_the_platform_sends_ship_only_if_they_are_all_that_was_paid(
    count: int, each_fen: int, changed: Native, state: str, hold: str
) -> None:
    line = {"pay_amount": each_fen, "origin_amount": each_fen, "item_num": 1}
    lines = [douyin_line(order_id=str(7 * 10**18 + n), **line) for n in range(count)]
    found = douyin(*lines, **changed)
    assert P.LINES_CUT in codes(found)
    assert not found.blocked
    order = order_of(found)
    assert (order.state, order.hold, order.paid_fen) == (state, hold, 10000)


def test_fewer_lines_are_all_whatever_they_are_worth() -> None:
    found = douyin(*(douyin_line(order_id=str(7 * 10**18 + n)) for n in range(39)))
    assert codes(found) == {P.LINES_DIFFER_FROM_TOTAL}
    assert order_of(found).hold == ""


def test_the_influencer_of_a_line_stands_in_the_extension() -> None:
    line = douyin_line(author_id=88000001, author_name="示例达人", room_id_str="73")
    extension = order_of(douyin(line)).extensions
    assert isinstance(extension, DouyinExtension)
    assert (extension.author_id, extension.room_id) == ("88000001", "73")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"order_id": None}, P.ORDER_NO_MISSING),
        ({"update_time": 0}, P.MODIFIED_MISSING),
        ({"update_time": 99}, P.BAD_TIME),
        ({"pay_amount": None}, P.AMOUNT_MISSING),
        ({"pay_amount": "165.00"}, P.BAD_AMOUNT),
        ({"pay_amount": 165.5}, P.BAD_AMOUNT),
        ({"pay_amount": -1}, P.NEGATIVE_AMOUNT),
        ({"sku_order_list": []}, P.LINES_MISSING),
        ({"post_addr": None}, P.RECEIVER_MISSING),
        ({"sku_order_list": 5}, P.BAD_SHAPE),
    ],
)
def test_what_cannot_be_shipped_or_paid_right_is_quarantined(
    changed: dict[str, object], code: ProblemCode
) -> None:
    found = douyin(**changed)
    assert found.blocked
    assert code in codes(found)


def test_a_push_is_read_into_hints_whatever_its_messages_hold() -> None:
    assert CHANNEL.push is not None
    messages = [
        {"tag": "101", "msg_id": "m1", "data": '{"p_id":6900000000000000001,"shop_id":100001,'
         '"pay_time":1779240700}'},
        {"tag": 206, "msg_id": "m2", "data": '{"p_id":69,"aftersale_id":71,"shop_id":1}'},
        {"tag": "0", "msg_id": "m3", "data": "hello"},
        {"tag": "999", "msg_id": "m4", "data": "[]"},
    ]  # fmt: skip
    hints = CHANNEL.push.read(CREDENTIALS, pushed(encoded(messages)))
    assert isinstance(hints, tuple)
    read = [(hint.kind, hint.order_no, hint.message_id) for hint in hints if isinstance(hint, Hint)]
    assert read == [
        (HintKind.ORDER, "6900000000000000001", "m1"),
        (HintKind.AFTERSALE, "69", "m2"),
        (HintKind.PROBE, "", "m3"),
        (HintKind.OTHER, "", "m4"),
    ]
    first = hints[0]
    assert isinstance(first, Hint)
    assert (first.shop, first.kind_code) == ("100001", "101")
    assert first.at is not None


def test_a_push_means_orders_which_still_need_their_detail() -> None:
    data = '{"p_id":6900000000000000001,"pay_amount":100,"order_status":2,"pay_time":1779240700}'
    (found,) = CHANNEL.normalise(encoded([{"tag": "101", "msg_id": "m", "data": data}]))
    assert order_of(found).order_no == "6900000000000000001"
    assert codes(found) == {P.DETAIL_NEEDED}


def test_a_page_counts_from_zero_and_is_read_backwards() -> None:
    native = {"code": 10000, "data": {"shop_order_list": [douyin_order()], "total": 201}}
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, Page)
    assert page.next_page is not None
    assert page.next_page.number == 2
    middle = CHANNEL.read_page(answer(native), page.next_page)
    assert isinstance(middle, Page)
    assert middle.next_page is not None
    assert middle.next_page.number == 1


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        (60000, "isv.flow-limited:0", "throttled"),
        (20000, "isp.service-error:1", "retry"),
        (20001, "", "retry"),
        (30001, "", "token"),
        (30002, "", "token"),
        (40002, "isv.parameter", "refused"),
        (50002, "isv.business-failed:60040", "refused"),
        (50002, "isp.timeout", "retry"),
        (80000, "", "refused"),
    ],
)
def test_an_error_is_sorted_by_what_to_do_about_it(code: int, sub_code: str, kind: str) -> None:
    native = {"code": code, "sub_code": sub_code, "data": None}
    page = CHANNEL.read_page(answer(native), None)
    assert isinstance(page, ChannelError)
    assert page.kind == kind


def test_a_shipment_answer_is_read() -> None:
    read = CHANNEL.read_shipment_answer
    assert read(answer({"code": 10000, "data": {}})) == Applied()
    pending = {"code": 50002, "sub_code": "isv.business-failed:60040", "sub_msg": "有退款申请"}
    assert isinstance(read(answer(pending)), Refused)
    again = {"code": 50002, "sub_code": "isv.business-failed:1", "sub_msg": "订单已发货"}
    assert read(answer(again)) == Applied(repeated=True)


def asked(kind: int, status: int) -> dict[str, object]:
    item = {
        "aftersale_info": {
            "aftersale_id": "71", "aftersale_type": kind, "aftersale_status": status,
            "refund_amount": 2490, "update_time": 1779250000,
        },
        "order_info": {"shop_order_id": "69", "related_order_info": [{"sku_order_id": "70"}]},
    }  # fmt: skip
    return {"code": 10000, "data": {"items": [item], "total": 1}}


@pytest.mark.parametrize(
    ("kind", "status", "operation"),
    [(2, 6, 201), (1, 6, 201), (0, 6, 101), (0, 11, 111), (3, 6, 0)],
)
def test_agreeing_depends_on_the_kind_of_request_and_how_far_it_is(
    kind: int, status: int, operation: int
) -> None:
    aftersales = CHANNEL.aftersales
    assert aftersales is not None
    page = aftersales.read_page(answer(asked(kind, status)), None)
    assert isinstance(page, AftersalePage)
    (request,) = page.aftersales
    assert (request.order_no, request.line_id, request.amount_fen) == ("69", "70", 2490)
    assert request.modified_at is not None
    made = aftersales.agree_request(CREDENTIALS, request, NOW)
    if not operation:
        assert isinstance(made, Unsupported)
        return
    assert isinstance(made, HttpRequest)
    assert made.body == b'{"items":[{"aftersale_id":"71"}],"type":%d}' % operation


def test_an_agreement_refused_inside_a_good_answer_is_refused() -> None:
    aftersales = CHANNEL.aftersales
    assert aftersales is not None
    operated = {"aftersale_id": 71, "status_code": 50002, "status_msg": "售后状态错误"}
    native = {"code": 10000, "data": {"items": [operated]}}
    assert aftersales.read_agree_answer(answer(native)) == Refused(
        code="50002", reason="售后状态错误"
    )
    operated["status_code"] = 10000
    assert aftersales.read_agree_answer(answer(native)) == Applied()


def test_parameters_are_sorted_at_every_depth_and_nothing_is_escaped() -> None:
    text = gateway.sorted_json({"b": [{"z": "<&>", "a": "中"}], "a": True})
    assert text == '{"a":true,"b":[{"a":"中","z":"<&>"}]}'
