"""What each channel is told of a refused request, and what cannot be told."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from chassis.plugins import load
from services.ingest.channels import (
    Aftersale,
    Applied,
    Channel,
    Credentials,
    HttpAnswer,
    HttpRequest,
    Refused,
    Retry,
    Unsupported,
)
from services.ingest.domain.model import LineRefundState

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
NOW = datetime(2026, 5, 20, 2, 0, tzinfo=UTC)
SHOP = Credentials(
    app_key="k", app_secret="s", access_token="t", base_url="http://127.0.0.1:1", refusal_code="77"
)
ASKED = Aftersale(
    refund_no="71001",
    order_no="4001",
    line_id="5001",
    state=LineRefundState.REQUESTED,
    raw_state="1",
    amount_fen=990,
    goods_come_back=False,
    reason="",
    modified_at=NOW,
    version="1779328800000",
    phase="1",
)
REASON = "商品已拆封"


def refusal(name: str, shop: Credentials = SHOP, **changed: object) -> HttpRequest | Unsupported:
    calls = CHANNELS[name].aftersales
    assert calls is not None
    return calls.refuse_request(shop, msgspec.structs.replace(ASKED, **changed), REASON, NOW)


def fields(request: HttpRequest | Unsupported) -> dict[str, object]:
    assert isinstance(request, HttpRequest)
    text = request.body.decode()
    if text.startswith("{"):
        return json.loads(text)  # type: ignore[no-any-return]
    return {name: values[0] for name, values in parse_qs(text).items()}


def test_taobao_is_told_the_request_with_its_version_and_phase() -> None:
    told = fields(refusal("taobao", phase="aftersale"))
    assert told["method"] == "taobao.refund.refuse"
    wanted = {
        "refund_id": "71001",
        "refuse_message": REASON,
        "tid": "4001",
        "oid": "5001",
        "refund_phase": "aftersale",
        "refund_version": "1779328800000",
        "refuse_reason_id": "77",
    }
    assert {name: told[name] for name in wanted} == wanted
    bare = fields(refusal("taobao", msgspec.structs.replace(SHOP, refusal_code=""), line_id=""))
    assert {"oid", "refuse_reason_id"} & set(bare) == set()


def test_jd_is_told_a_disapproval() -> None:
    told = json.loads(str(fields(refusal("jd"))["360buy_param_json"]))
    assert (told["id"], told["status"], told["remark"]) == ("71001", "2", REASON)


def test_pinduoduo_is_told_the_order_too() -> None:
    told = fields(refusal("pdd"))
    assert told["type"] == "pdd.refund.refuse"
    assert json.loads(str(told["request"])) == {
        "after_sales_id": "71001",
        "order_sn": "4001",
        "refuse_reason": REASON,
    }


@pytest.mark.parametrize(
    ("kind", "status", "operation"),
    [("1", "6", 202), ("2", "6", 202), ("0", "6", 102), ("0", "11", 112), ("3", "6", None)],
)
def test_douyins_refusal_depends_on_the_kind_of_request_and_how_far_it_is(
    kind: str, status: str, operation: int | None
) -> None:
    request = refusal("douyin", phase=kind, raw_state=status)
    if operation is None:
        assert isinstance(request, Unsupported)
        return
    told = fields(request)
    assert told["type"] == operation
    assert told["items"] == [
        {"aftersale_id": "71001", "reason": REASON, "remark": REASON, "reject_reason_code": 77}
    ]


def test_kuaishou_is_told_a_reason_of_its_list_and_words() -> None:
    request = refusal("kuaishou")
    assert isinstance(request, HttpRequest)
    assert urlsplit(request.url).path == "/open/refund/reject"
    told = json.loads(str(fields(request)["param"]))
    assert told == {"refundId": 71001, "reasonCode": 77, "rejectDesc": REASON}


def test_wechat_is_told_what_waits_for_the_seller_only() -> None:
    told = fields(refusal("wechat_channels", raw_state="MERCHANT_PROCESSING"))
    assert told == {
        "after_sale_order_id": "71001",
        "reject_reason": REASON,
        "reject_reason_type": 77,
    }
    assert isinstance(refusal("wechat_channels", raw_state="USER_WAIT_RETURN"), Unsupported)


def test_xiaohongshu_is_told_what_waits_for_the_seller_only() -> None:
    told = fields(refusal("xiaohongshu"))
    assert (told["returnsId"], told["action"], told["reason"]) == ("71001", 3, 77)
    assert told["description"] == REASON
    assert isinstance(refusal("xiaohongshu", raw_state="2"), Unsupported)


def test_youzan_is_told_the_version_last_seen() -> None:
    told = fields(refusal("youzan"))
    assert told == {"refund_id": "71001", "version": 1779328800000, "remark": REASON}
    assert isinstance(refusal("youzan", version=""), Unsupported)


@pytest.mark.parametrize("name", ["douyin", "kuaishou", "xiaohongshu"])
@pytest.mark.parametrize("code", ["", "other", "七", "9" * 40])
def test_without_a_reason_of_the_platforms_list_nothing_is_guessed(name: str, code: str) -> None:
    answer = refusal(name, msgspec.structs.replace(SHOP, refusal_code=code))
    assert isinstance(answer, Unsupported)
    assert "refusal_code" in answer.reason


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"refund_refuse_response": {"is_success": True}}, Applied),
        ({"refund_refuse_response": {"refund": {"refund_id": 71001}}}, Applied),
        ({"refund_refuse_response": {"is_success": False}}, Refused),
        ({"refund_refuse_response": {}}, Retry),
        ({"error_response": {"code": 15, "sub_code": "isv.refund-refuse-error"}}, Refused),
        ({"error_response": {"code": 7, "msg": "App Call Limited"}}, Retry),
    ],
)
def test_taobaos_answer_is_read(body: object, kind: type) -> None:
    calls = CHANNELS["taobao"].aftersales
    assert calls is not None
    answer = HttpAnswer(status=200, headers={}, body=msgspec.json.encode(body))
    assert isinstance(calls.read_refuse_answer(answer), kind)
