"""SF Express: orders, their waybills, cancelling and routes, against worked examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest

from services.fulfillment.carriers import (
    Account,
    Address,
    Ask,
    CallFailed,
    Discarded,
    FailureKind,
    GivenBefore,
    HttpAnswer,
    HttpRequest,
    Item,
    Label,
    PushRefused,
    Recipient,
    Seen,
    Sender,
    TrackingPush,
    WaybillsGiven,
    sf,
)
from services.fulfillment.carriers._trace import BEIJING

EXAMPLES = Path(__file__).parent / "examples" / "carriers"
NOW = datetime.fromtimestamp(1779243072, UTC)
ACCOUNT = Account(
    url="http://127.0.0.1:1/std/service",
    partner_id="PARTNER",
    secret="demoCheckWord",
    user_id=1,
    template_url="",
    monthly_card="7551234567",
    digest="standard_md5",
)
SENDER = Sender(
    name="示例仓",
    mobile="13000000002",
    address=Address(province="浙江省", city="杭州市", district="余杭区", detail="示例仓 1 号"),
)
ASK = Ask(
    parcel_id="OMS-20260520-001",
    channel="youzan",
    channel_order_no="E20260520",
    recipient=Recipient(
        name="测试收货人",
        mobile="13000000001",
        address=Address(province="福建省", city="厦门市", district="思明区", detail="示例路 1 号"),
        receiver_key="",
    ),
    items=(Item(name="T恤", count=2),),
)
LABEL = Label(parcel_id="OMS-20260520-001", carrier="SF", waybill_no="SF0000000000001")


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"sf_{name}.json").read_text("utf-8"))


def form(request: HttpRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))


def answer(result: object, code: str = "A1000", status: int = 200) -> HttpAnswer:
    outer = {"apiResultCode": code, "apiErrorMsg": "", "apiResultData": json.dumps(result)}
    return HttpAnswer(status=status, body=json.dumps(outer).encode())


def done(**data: object) -> HttpAnswer:
    order = {"orderId": "OMS-20260520-001"} | data
    return answer({"success": True, "errorCode": "S0000", "errorMsg": None, "msgData": order})


def refused(code: str) -> HttpAnswer:
    return answer({"success": False, "errorCode": code, "errorMsg": "why", "msgData": None})


def test_an_order_is_the_example() -> None:
    golden = example("create_order")
    sent = form(sf.get_request(ACCOUNT, SENDER, "SF", (ASK,), NOW))
    assert json.loads(sent["msgData"]) == golden["msgData"]
    assert sent["serviceCode"] == golden["serviceCode"]
    assert (sent["partnerID"], sent["timestamp"]) == ("PARTNER", "1779243072000")
    assert sent["msgDigest"] == sf.standard_md5(
        sent["msgData"] + sent["timestamp"], "demoCheckWord"
    )
    assert len(sent["requestID"]) == 32


@pytest.mark.parametrize("way", sf.DIGESTS)
def test_a_call_is_signed_in_the_way_of_the_account(way: str) -> None:
    account = msgspec.structs.replace(ACCOUNT, digest=way)
    sent = form(sf.find_request(account, "OMS-20260520-001", NOW))
    content = sent["msgData"] + sent["timestamp"]
    assert sent["msgDigest"] == sf.DIGESTS[way](content, "demoCheckWord")
    others = [sign(content, "demoCheckWord") for name, sign in sf.DIGESTS.items() if name != way]
    assert sent["msgDigest"] not in others


def test_the_example_answer_names_the_waybill() -> None:
    native = json.dumps(example("create_order")["response"]).encode()
    for read in (sf.read_get_answer, sf.read_find_answer):
        assert read(HttpAnswer(status=200, body=native)) == WaybillsGiven(
            waybills={"OMS-20260520-001": "SF0000000000001"}
        )


@pytest.mark.parametrize(
    ("came", "code", "kind"),
    [
        (refused("1010"), "1010", FailureKind.REFUSED),
        (refused("8114"), "8114", FailureKind.AGAIN),
        (refused("S0001"), "S0001", FailureKind.AGAIN),
        (refused(""), "no_code", FailureKind.AGAIN),
        (answer({}, "A1005"), "A1005", FailureKind.AGAIN),
        (answer({}, "A1006"), "A1006", FailureKind.AGAIN),
        (done(filterResult=3), "not_served", FailureKind.REFUSED),
        (done(filterResult="3"), "not_served", FailureKind.REFUSED),
        (answer({"success": True}), "unreadable", FailureKind.AGAIN),
        (answer({"success": "true"}), "unreadable", FailureKind.AGAIN),
        (answer([]), "unreadable", FailureKind.AGAIN),
        (answer({}, status=502), "http_502", FailureKind.AGAIN),
        (
            HttpAnswer(status=200, body=b'{"apiResultCode":"A1000"}'),
            "unreadable",
            FailureKind.AGAIN,
        ),
        (HttpAnswer(status=200, body=b"[" * 100_000), "unreadable", FailureKind.AGAIN),
    ],
)
def test_an_answer_that_is_no_waybill_is_a_failure_of_its_kind(
    came: HttpAnswer, code: str, kind: FailureKind
) -> None:
    for read in (sf.read_get_answer, sf.read_find_answer):
        failed = read(came)
        assert isinstance(failed, CallFailed)
        assert (failed.code, failed.kind) == (code, kind)


def test_an_order_taken_before_is_looked_up() -> None:
    assert sf.read_get_answer(refused("8016")) == GivenBefore()
    sent = form(sf.find_request(ACCOUNT, "OMS-20260520-001", NOW))
    assert sent["serviceCode"] == "EXP_RECE_SEARCH_ORDER_RESP"
    assert json.loads(sent["msgData"])["orderId"] == "OMS-20260520-001"
    found = sf.read_find_answer(refused("8016"))
    assert isinstance(found, CallFailed)


def test_an_order_that_a_person_looks_at_has_no_waybill_yet() -> None:
    assert sf.read_get_answer(done(filterResult=1)) == WaybillsGiven(waybills={})
    listed = done(filterResult=2, waybillNoInfoList=[{"waybillType": 2, "waybillNo": "SF2"}])
    assert sf.read_get_answer(listed) == WaybillsGiven(waybills={})


def test_an_order_is_cancelled_by_its_number() -> None:
    sent = form(sf.discard_request(ACCOUNT, LABEL, NOW))
    assert sent["serviceCode"] == "EXP_RECE_UPDATE_ORDER"
    content = json.loads(sent["msgData"])
    assert (content["orderId"], content["dealType"]) == ("OMS-20260520-001", 2)
    assert sf.read_discard_answer(done(resStatus=2)) == Discarded()


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        (refused("8037"), Discarded()),
        (refused("8253"), Discarded()),
        (
            refused("8018"),
            CallFailed(kind=FailureKind.REFUSED, code="8018", detail="why"),
        ),
        (
            done(resStatus=1),
            CallFailed(kind=FailureKind.REFUSED, code="res_status_1", detail=""),
        ),
        (refused("S0001"), CallFailed(kind=FailureKind.AGAIN, code="S0001", detail="why")),
    ],
)
def test_what_cancelling_comes_to(came: HttpAnswer, expected: object) -> None:
    assert sf.read_discard_answer(came) == expected


@pytest.mark.parametrize(
    ("carrier", "mobile", "receiver_key", "why"),
    [
        ("SF", "13000000001", "", ""),
        ("SF", "13000000001-1234", "", ""),
        ("SF", "+86 13000000001", "", ""),
        ("ZTO", "13000000001", "", "carrier_unsupported:ZTO"),
        ("SF", "130****0001", "", "receiver_not_clear"),
        ("SF", "$1ExampleCipher==$", "", "receiver_not_clear"),
        ("SF", "", "", "receiver_not_clear"),
        ("SF", "13000000001", "oaid", "receiver_not_clear"),
    ],
)
def test_whom_sf_cannot_serve_is_told_by_a_code(
    carrier: str, mobile: str, receiver_key: str, why: str
) -> None:
    recipient = msgspec.structs.replace(ASK.recipient, mobile=mobile, receiver_key=receiver_key)
    assert sf.unfit(carrier, msgspec.structs.replace(ASK, recipient=recipient)) == why


def seen(waybill_no: str, status: str, day: int, hour: int, minute: int, place: str) -> Seen:
    texts = {"picked_up": "快件已揽收", "in_transit": "运输中", "delivered": "已签收"}
    return Seen(
        waybill_no=waybill_no,
        status=status,
        moved_at=datetime(2026, 5, day, hour, minute, tzinfo=BEIJING),
        place=place,
        text=texts[status],
    )


def test_routes_are_asked_for_with_four_digits_of_a_phone() -> None:
    golden = example("search_routes")
    sent = form(sf.routes_request(ACCOUNT, "SF0000000000001", "13000000001"[:-4] + "0001", NOW))
    assert json.loads(sent["msgData"]) == golden["msgData"]
    assert sent["serviceCode"] == golden["serviceCode"]
    native = json.dumps(golden["response"]).encode()
    assert sf.read_routes_answer(HttpAnswer(status=200, body=native)) == (
        seen("SF0000000000001", "picked_up", 21, 8, 10, "杭州市"),
        seen("SF0000000000001", "delivered", 22, 12, 0, "厦门市"),
    )


def test_a_push_is_read_oldest_first_without_what_the_carrier_wrote_about_people() -> None:
    body = (EXAMPLES / "sf_route_push.json").read_bytes()
    news = sf.read_push(TrackingPush(body=body, key="long-secret"), "long-secret")
    assert news == (
        seen("SF0000000000001", "picked_up", 21, 8, 10, "杭州市"),
        seen("SF0000000000002", "in_transit", 21, 20, 0, "上海市"),
        seen("SF0000000000001", "delivered", 22, 12, 0, "厦门市"),
    )
    assert "13000001234" not in repr(news)


@pytest.mark.parametrize("op_code", [*sf.STATES, "204"])
def test_an_unknown_step_is_on_its_way(op_code: str) -> None:
    (news,) = pushed({"opCode": op_code})
    assert news.status == sf.STATES.get(op_code, "in_transit")


def pushed(step: dict[str, object], key: str = "long-secret") -> Any:
    whole = {"mailno": "SF0001", "acceptTime": "2026-05-21 08:10:00", "opCode": "50"} | step
    body = json.dumps({"Body": {"WaybillRoute": [whole]}}).encode()
    return sf.read_push(TrackingPush(body=body, key=key), "long-secret")


@pytest.mark.parametrize(
    "step",
    [
        {"mailno": ""},
        {"mailno": "7" * 41},
        {"mailno": "SF0001\0"},
        {"acceptTime": "gestern"},
        {"acceptTime": "0001-01-01 00:00:00"},
        {"opCode": 50},
        {"mailno": None},
    ],
)
def test_a_push_that_makes_no_sense_is_refused(step: dict[str, object]) -> None:
    assert isinstance(pushed(step), PushRefused)
    assert pushed(step).status == 400


def test_without_a_secret_of_ours_nobody_is_let_in() -> None:
    push = TrackingPush(body=b"{}", key="")
    assert sf.read_push(push, "") == PushRefused(status=401, code="bad_key")


def test_the_reply_is_the_one_sf_waits_for() -> None:
    assert json.loads(sf.reply(""))["return_code"] == "0000"
    assert json.loads(sf.reply("unknown_waybill")) == {
        "return_code": "1000",
        "return_msg": "unknown_waybill",
    }
