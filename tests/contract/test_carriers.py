"""What every provider of waybills or tracking promises, held over the registry of plug-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import plugins
from chassis.signatures import SignatureVector
from services.fulfillment.carriers import (
    Account,
    Address,
    Ask,
    CallFailed,
    Discarded,
    FailureKind,
    HttpAnswer,
    HttpRequest,
    Item,
    Label,
    Provider,
    PushRefused,
    Recipient,
    Seen,
    Sender,
    Tracking,
    TrackingPush,
    Waybills,
    WaybillsGiven,
)
from services.fulfillment.carriers._trace import BEIJING, PLACE_CHARS_MAX
from services.fulfillment.carriers.kuaidi100 import STATES

EXAMPLES = Path(__file__).parent / "examples" / "carriers"
PROVIDERS = plugins.load("services.fulfillment.carriers", "PROVIDER", Provider)
GIVERS = sorted(name for name, one in PROVIDERS.items() if one.waybills is not None)
TRACKERS = sorted(name for name, one in PROVIDERS.items() if one.tracking is not None)
SECRET = "planted-secret"
ACCOUNT = Account(
    url="http://127.0.0.1:1/gateway/link.do",
    partner_id="partner",
    secret=SECRET,
    user_id=1,
    template_url="template/standard/1/1",
)
NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
CARRIERS = {"cainiao": "ZTO", "sf": "SF"}
"""A carrier each giver of waybills serves."""
DATED = {"timestamp", "requestID", "msgDigest"}
"""Fields that date a request and sign the date."""
SENDER = Sender(
    name="示例仓",
    mobile="13000000002",
    address=Address(province="浙江省", city="杭州市", district="余杭区", detail="示例仓 1 号"),
)


def ask(parcel_id: str = "1") -> Ask:
    return Ask(
        parcel_id=parcel_id,
        channel="taobao",
        channel_order_no="4012345678900010001",
        recipient=Recipient(
            name="测**",
            mobile="*******0001",
            address=Address(province="浙江省", city="杭州市", district="余杭区", detail="样*路*号"),
            receiver_key="1ExampleOaidForDocsOnly==",
        ),
        items=(Item(name="T恤", count=2),),
    )


def request_of(
    name: str, parcel_id: str = "1", carrier: str = "", at: datetime = NOW
) -> HttpRequest:
    asks = (ask(parcel_id),)
    return calls(name).get_request(ACCOUNT, SENDER, carrier or CARRIERS[name], asks, at)


def calls(name: str) -> Waybills:
    found = PROVIDERS[name].waybills
    assert found is not None
    return found


def tracking(name: str) -> Tracking:
    found = PROVIDERS[name].tracking
    assert found is not None
    return found


def form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))


def signature(name: str, secret: str = SECRET, kind: str = "request", **fields: str) -> str:
    vector = SignatureVector(kind=kind, secret=secret, fields=fields)
    return PROVIDERS[name].recompute(vector)


def push(param: str, secret: str = SECRET) -> TrackingPush:
    sign = signature("kuaidi100", secret, "webhook", param=param)
    return TrackingPush(body=urlencode({"sign": sign, "param": param}).encode(), key="")


def trace(state: str, *times: str, **more: Any) -> str:
    steps = [{"time": at, "ftime": at, "context": "测试员 13000001234 正在派送"} for at in times]
    result = {"nu": "750001", "com": "zhongtong", "state": state, "data": steps}
    return json.dumps({"status": "polling", "lastResult": result | more}, ensure_ascii=False)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_provider_is_named_like_its_file_and_does_something(name: str) -> None:
    provider = PROVIDERS[name]
    assert provider.title_zh
    assert provider.waybills or provider.tracking


PUSHES: Mapping[str, Callable[[str], TrackingPush]] = {
    "kuaidi100": lambda secret: push(trace("3", "2026-11-11 12:00:00"), secret),
    "sf": lambda secret: TrackingPush(
        body=(EXAMPLES / "sf_route_push.json").read_bytes(), key=secret
    ),
}
"""A genuine push of every provider that pushes, under a secret."""


def test_every_provider_that_pushes_has_a_genuine_push() -> None:
    assert sorted(PUSHES) == TRACKERS


def test_cainiao_is_asked_as_in_the_example() -> None:
    golden = json.loads((EXAMPLES / "cainiao_waybill_get.json").read_text("utf-8"))["request"]
    sent = form(request_of("cainiao").body)
    assert json.loads(sent["logistics_interface"]) == golden
    assert sent["msg_type"] == "TMS_WAYBILL_GET"
    assert sent["logistic_provider_id"] == "partner"
    content = sent["logistics_interface"]
    assert sent["data_digest"] == signature("cainiao", logistics_interface=content)


def test_cainiaos_example_answer_is_read() -> None:
    golden = json.loads((EXAMPLES / "cainiao_waybill_get.json").read_text("utf-8"))["response"]
    answer = HttpAnswer(status=200, body=json.dumps(golden).encode())
    assert calls("cainiao").read_get_answer(answer) == WaybillsGiven(
        waybills={"1": "75000000000001"}
    )


@pytest.mark.parametrize("name", GIVERS)
def test_the_same_parcels_make_the_same_request(name: str) -> None:
    assert request_of(name) == request_of(name)
    assert request_of(name, "2") != request_of(name)
    first, later = (form(request_of(name, at=at).body) for at in (NOW, NOW + timedelta(hours=1)))
    assert {key for key in first if first[key] != later[key]} <= DATED
    label = Label(parcel_id="1", carrier=CARRIERS[name], waybill_no="750001")
    assert calls(name).discard_request(ACCOUNT, label, NOW).url == ACCOUNT.url


def test_cainiao_is_told_which_carrier() -> None:
    assert request_of("cainiao", carrier="YTO") != request_of("cainiao", carrier="ZTO")


@pytest.mark.parametrize("name", GIVERS)
def test_values_that_reach_a_traceback_show_neither_secret_nor_receiver(name: str) -> None:
    shown = repr((ACCOUNT, ask(), request_of(name)))
    for hidden in (SECRET, '0001"', "样*路*号", "测**", "ExampleOaid"):
        assert hidden not in shown


ANSWER_ROWS = [
    # status, body, kind of failure
    (200, b'{"success":true,"waybillCloudPrintResponseList":[]}', FailureKind.AGAIN),
    (200, b'{"success":"false"}', FailureKind.AGAIN),
    (200, b'{"success":"false","errorCode":"S07","errorMsg":"slow down"}', FailureKind.AGAIN),
    (200, b'{"success":"false","errorCode":"S03","errorMsg":"signature"}', FailureKind.AGAIN),
    (200, b'{"success":"false","errorCode":"B01","errorMsg":"field"}', FailureKind.REFUSED),
    (200, b'{"success":"TRUE"}', FailureKind.AGAIN),
    (200, b"", FailureKind.AGAIN),
    (200, b"<html>", FailureKind.AGAIN),
    (200, b'"\xff"', FailureKind.AGAIN),
    (200, b"[" * 100_000, FailureKind.AGAIN),
    (302, b'{"success":"true"}', FailureKind.AGAIN),
    (502, b'{"success":"true"}', FailureKind.AGAIN),
]


@pytest.mark.parametrize(("status", "body", "kind"), ANSWER_ROWS)
def test_an_answer_that_is_no_success_is_a_failure_of_its_kind(
    status: int, body: bytes, kind: FailureKind
) -> None:
    answer = HttpAnswer(status=status, body=body)
    for read in (calls("cainiao").read_get_answer, calls("cainiao").read_discard_answer):
        failed = read(answer)
        assert isinstance(failed, CallFailed)
        assert failed.kind is kind


def test_a_shorter_list_and_an_empty_number_are_parcels_left_out() -> None:
    rows = [{"objectId": "2", "waybillCode": "750002"}, {"objectId": "3", "waybillCode": ""}]
    body = json.dumps({"success": "true", "waybillCloudPrintResponseList": rows}).encode()
    given_ = calls("cainiao").read_get_answer(HttpAnswer(status=200, body=body))
    assert given_ == WaybillsGiven(waybills={"2": "750002"})


NO_NUMBERS = ["", "7", "7" * 41, "750001\0", "750001\n", "75 0001", "运单750001"]


def given_as(name: str, number: str) -> HttpAnswer:
    """A provider's answer that gives parcel 1 this number."""
    if name == "cainiao":
        rows = [{"objectId": "1", "waybillCode": number}]
        content: dict[str, Any] = {"success": "true", "waybillCloudPrintResponseList": rows}
    else:
        order = {"orderId": "1", "waybillNoInfoList": [{"waybillType": 1, "waybillNo": number}]}
        result = json.dumps({"success": True, "msgData": order})
        content = {"apiResultCode": "A1000", "apiResultData": result}
    return HttpAnswer(status=200, body=json.dumps(content).encode())


@pytest.mark.parametrize("name", GIVERS)
def test_a_number_that_no_carrier_gives_counts_as_not_given(name: str) -> None:
    read = calls(name).read_get_answer
    assert read(given_as(name, "75-000001")) == WaybillsGiven(waybills={"1": "75-000001"})
    for number in NO_NUMBERS:
        assert read(given_as(name, number)) == WaybillsGiven(waybills={}), number


def test_a_place_holds_what_can_be_shown() -> None:
    step = {"time": "2026-11-11 12:00:00", "areaName": "浙江\0,杭州" + "市" * 100}
    news = tracking("kuaidi100").read_push(push(trace("5", data=[step])), SECRET)
    assert isinstance(news, tuple)
    assert news[0].place == ("浙江,杭州" + "市" * 100)[:PLACE_CHARS_MAX]


def refused_as(name: str, code: str, text: str) -> HttpAnswer:
    """A provider's answer that refuses, in its own words."""
    content: dict[str, Any] = {"success": "false", "errorCode": code, "errorMsg": text}
    if name == "sf":
        result = json.dumps({"success": False, "errorCode": code, "errorMsg": text})
        content = {"apiResultCode": "A1000", "apiResultData": result}
    return HttpAnswer(status=200, body=json.dumps(content).encode())


@pytest.mark.parametrize("name", GIVERS)
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("已揽收", "已揽收"),
        ("余额不足，差 1200 元", "余额不足，差 1200 元"),
        ("手机号13000001234有误", "手机号…有误"),
        ("电话 130 0000-1234 错误", "电话 … 错误"),
        ("收件人【测试收货人】不存在", "收件人…不存在"),
        ('receiver "测试(收货)人" unknown', "receiver … unknown"),
        ("地址（示例路 1 号", "地址…"),
        ("a\0b\nc", "a b c"),
        ("说" * 75 + "13000001234", "说" * 75 + "…"),
        ("", ""),
    ],
)
def test_a_refusal_says_why_and_names_nobody(name: str, text: str, kept: str) -> None:
    for read in (calls(name).read_get_answer, calls(name).read_discard_answer):
        failed = read(refused_as(name, "8252", text))
        assert failed == CallFailed(kind=FailureKind.REFUSED, code="8252", detail=kept)


@pytest.mark.parametrize("name", GIVERS)
def test_a_code_is_short_and_holds_no_words(name: str) -> None:
    failed = calls(name).read_get_answer(refused_as(name, "B01\0 “测试” " + "x" * 90, ""))
    assert isinstance(failed, CallFailed)
    assert failed.code == ("B01测试" + "x" * 90)[:16]


def test_a_voided_waybill_is_read() -> None:
    answer = HttpAnswer(status=200, body=b'{"success":"true","discardResult":"true"}')
    assert calls("cainiao").read_discard_answer(answer) == Discarded()


@pytest.mark.parametrize("name", GIVERS)
@given(body=st.binary(max_size=300), status=st.integers(100, 599))
def test_no_answer_raises(name: str, body: bytes, status: int) -> None:
    answer = HttpAnswer(status=status, body=body)
    assert isinstance(calls(name).read_get_answer(answer), CallFailed)
    assert isinstance(calls(name).read_discard_answer(answer), CallFailed)
    if (find := calls(name).find) is not None:
        assert isinstance(find.read(answer), CallFailed)


@pytest.mark.parametrize("name", [one for one in TRACKERS if tracking(one).routes])
@given(body=st.binary(max_size=300), status=st.integers(100, 599))
def test_no_answer_about_routes_raises(name: str, body: bytes, status: int) -> None:
    routes = tracking(name).routes
    assert routes is not None
    assert isinstance(routes.read(HttpAnswer(status=status, body=body)), CallFailed)


@pytest.mark.parametrize("name", [one for one in TRACKERS if tracking(one).signed])
def test_a_signed_push_is_refused_when_any_one_byte_changes(name: str) -> None:
    body = PUSHES[name](SECRET).body
    for place in range(len(body)):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        altered = TrackingPush(body=changed, key="")
        assert isinstance(tracking(name).read_push(altered, SECRET), PushRefused), place


@pytest.mark.parametrize("name", TRACKERS)
def test_a_push_under_another_secret_is_forged(name: str) -> None:
    read = tracking(name).read_push
    assert not isinstance(read(PUSHES[name](SECRET), SECRET), PushRefused)
    for other in ("other", "", SECRET + "1", "签名"):
        refused = read(PUSHES[name](other), SECRET)
        assert isinstance(refused, PushRefused)
        assert refused.status == 401


@pytest.mark.parametrize("name", TRACKERS)
@given(body=st.binary(max_size=300), key=st.text(max_size=20))
def test_no_push_raises(name: str, body: bytes, key: str) -> None:
    read = tracking(name).read_push
    assert isinstance(read(TrackingPush(body=body, key=key), SECRET), PushRefused)
    assert isinstance(read(TrackingPush(body=body, key=SECRET), SECRET), PushRefused)


@given(param=st.text(max_size=200))
def test_no_signed_garbage_raises(param: str) -> None:
    read = tracking("kuaidi100").read_push(push(param), SECRET)
    assert isinstance(read, PushRefused)
    assert read.status == 400


@pytest.mark.parametrize("state", [*sorted(STATES), "99"])
def test_the_newest_step_is_read_whatever_the_order_of_the_trace(state: str) -> None:
    param = trace(state, "2026-11-11 09:00:00", "2026-11-11 12:00:00", "2026-11-11 10:00:00")
    news = tracking("kuaidi100").read_push(push(param), SECRET)
    assert isinstance(news, tuple)
    (seen,) = news
    assert (seen.waybill_no, seen.status) == ("750001", STATES.get(state, "in_transit"))
    assert seen.moved_at is not None
    assert seen.moved_at.astimezone(BEIJING).hour == 12


def test_what_the_carrier_wrote_about_people_is_not_passed_on() -> None:
    news = tracking("kuaidi100").read_push(push(trace("5", "2026-11-11 12:00:00")), SECRET)
    assert isinstance(news, tuple)
    assert "13000001234" not in repr(news)
    assert news[0].text == "派送中"


def test_the_vectors_push_without_a_trace_is_a_delivery_of_unknown_time() -> None:
    vectors = json.loads((EXAMPLES / "signatures.json").read_text("utf-8"))["vectors"]
    vector = next(one for one in vectors if one["id"] == "kuaidi100-callback")
    sent = push(vector["input"]["param"], vector["secret"])
    assert tracking("kuaidi100").read_push(sent, vector["secret"]) == (
        Seen(
            waybill_no="SF0000000000001",
            status="delivered",
            moved_at=None,
            place="",
            text="已签收",
        ),
    )


@pytest.mark.parametrize(
    "param",
    [
        '{"status":"polling","lastResult":{"nu":"","state":"3"}}',
        '{"status":"polling","lastResult":{"nu":"' + "7" * 41 + '","state":"3"}}',
        '{"status":"polling","lastResult":{"nu":"750001\\u0000","state":"3"}}',
        '{"status":"polling","lastResult":{"nu":"750001","state":3}}',
        '{"status":"polling","lastResult":{"nu":"750001","state":"3","data":[{"time":"gestern"}]}}',
        '{"status":"polling","lastResult":{"nu":"750001","state":"3","data":[{"time":"0001-01-01 00:00:00"}]}}',
        '{"status":"polling","lastResult":{"nu":"750001","state":"3","deep":' + "[" * 20_000 + "}}",
        "{}",
    ],
    ids=[
        "no number",
        "long number",
        "no carrier's number",
        "number as state",
        "bad time",
        "zero date",
        "deep",
        "empty",
    ],
)
def test_a_signed_push_that_makes_no_sense_is_refused(param: str) -> None:
    refused = tracking("kuaidi100").read_push(push(param), SECRET)
    assert isinstance(refused, PushRefused)
    assert refused.status == 400


def test_the_end_of_a_subscription_is_no_news() -> None:
    param = '{"status":"abort","message":"3天查询无记录","lastResult":{"nu":"7","state":"0"}}'
    assert tracking("kuaidi100").read_push(push(param), SECRET) == ()


def test_the_reply_is_the_one_the_provider_waits_for() -> None:
    golden = json.loads((EXAMPLES / "kuaidi100_push_reply.json").read_text("utf-8"))
    assert json.loads(tracking("kuaidi100").reply("")) == golden
    assert json.loads(tracking("kuaidi100").reply("bad_signature"))["result"] is False
