"""Every channel in the folder keeps the promises of `services.ingest.channels`.

Examples stand in `examples/channels/<channel>/`: native payloads, and beside each the canonical
orders it means, written once by the channel itself and then read by hand against the payload.
"""

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.plugins import load
from chassis.signatures import SignatureVector
from services.ingest.channels import (
    Aftersale,
    Applied,
    Channel,
    ChannelError,
    HttpAnswer,
    HttpRequest,
    Page,
    PollWindow,
    RawOrder,
    Refused,
    Retry,
    Shipment,
    ShippedLine,
    Unsupported,
)
from services.ingest.domain.model import (
    SHIPPABLE,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    ProblemCode,
    goods_paid_fen,
)
from services.inventory.presale import read_presale
from services.inventory.quotas import read_quotas
from tests.contract.genuine_pushes import (
    CREDENTIALS,
    EXAMPLES,
    GENUINE_PUSHES,
    NOW,
    VECTORS,
    pushed,
)

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)
RULES = Path(__file__).parents[2] / "rules"
WINDOW = PollWindow(since=NOW - timedelta(minutes=30), until=NOW)
PAYLOADS = sorted(
    path
    for name in CHANNELS
    for path in (EXAMPLES / name).glob("*.json")
    if not path.name.endswith(".expected.json")
)


def answer(body: bytes, status: int = 200) -> HttpAnswer:
    return HttpAnswer(status=status, headers={}, body=body)


def channel_of(path: Path) -> Channel:
    return CHANNELS[path.parent.name]


def refund(channel: Channel) -> Aftersale:
    return Aftersale(
        refund_no="100000000000001",
        order_no="4012345678900010001",
        line_id="4012345678900020001",
        state=LineRefundState.REQUESTED,
        raw_state="6",
        amount_fen=2490,
        goods_come_back=False,
        reason="",
        modified_at=NOW,
        version="1779328800000",
        phase="2" if channel.name == "douyin" else "onsale",
    )


def shipment(*, whole: bool = True) -> Shipment:
    return Shipment(
        order_no="4012345678900010001",
        lines=(ShippedLine(line_id="4012345678900010001", qty=1),),
        whole=whole,
        carrier="SF",
        waybill_no="SF0000000000001",
        request_id="2f0c1d9e",
    )


def requests_of(channel: Channel) -> list[HttpRequest]:
    made: list[object] = [channel.shipment_request(CREDENTIALS, shipment(), NOW)]
    if channel.prepare_shipment is not None:
        made.append(channel.prepare_shipment(CREDENTIALS, shipment(), NOW))
    if channel.poll_request is not None:
        made.append(channel.poll_request(CREDENTIALS, WINDOW, None, NOW))
    if channel.detail_request is not None:
        made.append(channel.detail_request(CREDENTIALS, "4012345678900010001", NOW))
    if channel.aftersales is not None:
        made.append(channel.aftersales.poll_request(CREDENTIALS, WINDOW, None, NOW))
        made.append(channel.aftersales.agree_request(CREDENTIALS, refund(channel), NOW))
        made.append(channel.aftersales.refuse_request(CREDENTIALS, refund(channel), "已拆封", NOW))
    return [request for request in made if isinstance(request, HttpRequest)]


def assert_sound(found: Normalised) -> None:
    """State what must hold of any order, whatever it was made from."""
    for problem in found.problems:
        assert isinstance(problem.code, ProblemCode)
    order = found.order
    if order is None:
        assert found.blocked
        return
    if order.state is OrderSnapshotState.UNKNOWN:
        assert order.hold
    if order.hold and order.state in SHIPPABLE:
        assert order.hold in {"refund_open", "nothing_left_to_ship"}
    for moment in msgspec.structs.astuple(order.times):
        assert moment is None or moment.tzinfo is not None
    assert 0 <= order.freight_fen <= order.payable_fen
    assert order.paid_fen >= 0
    if order.items:
        assert sum(i.paid_fen for i in order.items) == goods_paid_fen(order)
        assert sum(i.payable_fen for i in order.items) == order.payable_fen - order.freight_fen
        assert sum(i.discount_fen for i in order.items) == order.discount_total_fen
        for item in order.items:
            assert 0 <= item.shipped_qty <= item.qty
            assert item.paid_fen >= 0
    receiver = order.receiver
    ciphers = {receiver.name_cipher, receiver.phone_cipher, receiver.address_cipher} - {""}
    assert ciphers.isdisjoint({receiver.name, receiver.phone, receiver.address})


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_is_named_like_its_file_and_has_an_abbreviation_of_its_own(name: str) -> None:
    channel = CHANNELS[name]
    assert channel.name == name
    assert len(channel.abbreviation) == 2
    assert channel.abbreviation.isupper()
    others = [other.abbreviation for other in CHANNELS.values()]
    assert others.count(channel.abbreviation) == 1


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_an_example_means_what_was_reviewed_by_hand(path: Path) -> None:
    found = channel_of(path).normalise(path.read_bytes())
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert json.loads(msgspec.json.encode(found)) == expected
    for normalised in found:
        assert_sound(normalised)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_a_signature_vector_is_reproduced(vector: dict[str, Any]) -> None:
    fields = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in vector["input"].items()
    }
    computed = CHANNELS[vector["channel"]].recompute(
        SignatureVector(
            kind=vector["kind"],
            secret=vector["secret"],
            fields=fields,
            given=fields.pop("given_sign", ""),
        )
    )
    assert computed == vector["expected"]


SIGNING = sorted(
    {
        vector["channel"]
        for vector in VECTORS
        if vector["kind"] == "request" and CHANNELS[vector["channel"]].poll_request is not None
    }
)


def sent_fields(request: HttpRequest) -> dict[str, str]:
    """Name what is signed: the query, with the form or the JSON of the body."""
    fields = dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))
    body = request.body.decode()
    if dict(request.headers)["content-type"].startswith("application/x-www-form-urlencoded"):
        return fields | dict(parse_qsl(body, keep_blank_values=True))
    if "sign" in fields:
        return fields | {"param_json": body}
    return fields | {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in json.loads(body).items()
    }


@pytest.mark.parametrize("name", CHANNELS)
def test_a_request_goes_to_the_shop_and_carries_no_secret(name: str) -> None:
    channel = CHANNELS[name]
    made = requests_of(channel)
    assert made or channel.poll_request is None
    for request in made:
        assert request.url.startswith(CREDENTIALS.base_url + "/")
        assert CREDENTIALS.app_secret not in request.url + request.body.decode()


@pytest.mark.parametrize("name", SIGNING)
def test_every_request_carries_the_signature_of_what_it_sends(name: str) -> None:
    channel = CHANNELS[name]
    made = requests_of(channel)
    assert len(made) >= 3
    for request in made:
        fields = sent_fields(request)
        given = fields.pop("sign", "")
        if not given:
            # A platform without signatures: whoever has the token is the shop.
            assert fields["access_token"] == CREDENTIALS.access_token
            continue
        vector = SignatureVector(kind="request", secret=CREDENTIALS.app_secret, fields=fields)
        assert channel.recompute(vector) == given


PUSHING = [name for name, channel in CHANNELS.items() if channel.push is not None]


@pytest.mark.parametrize("name", PUSHING)
def test_a_push_is_refused_when_any_one_byte_changes(name: str) -> None:
    channel = CHANNELS[name]
    assert channel.push is not None
    credentials, push = GENUINE_PUSHES[name]()
    body, verify = push.body, channel.push.verify
    assert verify(credentials, push)
    for at in range(len(body)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        for other in (changed, body[:at] + body[at + 1 :]):
            assert not verify(credentials, msgspec.structs.replace(push, body=other))
    longer = msgspec.structs.replace(push, body=body + b" ")
    if verify(credentials, longer):
        # A platform may sign the cipher alone: then what it says is the same.
        opened = channel.push.opened
        assert opened is not None
        assert opened(credentials, longer) == opened(credentials, push)


@pytest.mark.parametrize("name", PUSHING)
@pytest.mark.parametrize("sign", ["", "0", "签名", "\udcff", "a" * 10_000])
def test_a_push_with_a_missing_or_odd_signature_is_refused(name: str, sign: str) -> None:
    push = CHANNELS[name].push
    assert push is not None
    credentials, genuine = GENUINE_PUSHES[name]()
    for header in genuine.headers:
        odd = msgspec.structs.replace(genuine, headers={**genuine.headers, header: sign})
        assert not push.verify(credentials, odd)
    for parameter in genuine.query:
        odd = msgspec.structs.replace(genuine, query={**genuine.query, parameter: sign})
        assert not push.verify(credentials, odd)
    assert not push.verify(credentials, pushed(b"[]", {}))


@pytest.mark.parametrize(
    "path",
    [p for p in PAYLOADS if p.stem.startswith("error_")],
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_an_error_inside_http_200_is_never_an_empty_page(path: Path) -> None:
    channel = channel_of(path)
    told = answer(path.read_bytes())
    page = channel.read_page(told, None)
    detail = channel.read_detail(told)
    sent = channel.read_shipment_answer(told)
    assert isinstance(page, ChannelError)
    assert page.code
    assert isinstance(detail, ChannelError)
    assert isinstance(sent, Retry | Refused)
    if channel.aftersales is not None:
        assert isinstance(channel.aftersales.read_page(told, None), ChannelError)
        assert not isinstance(channel.aftersales.read_agree_answer(told), Applied)
        assert not isinstance(channel.aftersales.read_refuse_answer(told), Applied)


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    "told",
    [
        answer(b"", 500),
        answer(b"<html>", 502),
        answer(b"{}", 429),
        answer(b"{}", 401),
        answer(b"<html>busy</html>"),
        answer(b""),
        answer(b"{}"),
        answer(b"[]"),
        answer(b"null"),
    ],
    ids=lambda told: f"{told.status}-{told.body!r}",
)
def test_an_answer_without_what_was_asked_is_an_error(name: str, told: HttpAnswer) -> None:
    channel = CHANNELS[name]
    assert isinstance(channel.read_page(told, None), ChannelError)
    assert isinstance(channel.read_detail(told), ChannelError)
    assert isinstance(channel.read_shipment_answer(told), Retry)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_a_page_slices_means_the_same_as_the_page(path: Path) -> None:
    channel = channel_of(path)
    page = channel.read_page(answer(path.read_bytes()), None)
    if not isinstance(page, Page):
        return
    whole = {n.order.order_no: n.order for n in channel.normalise(path.read_bytes()) if n.order}
    for raw in page.orders:
        (sliced,) = channel.normalise(raw.body)
        assert sliced.order == whole[raw.order_no]
        assert sliced.order is not None
        assert raw.modified_at == sliced.order.times.modified
        assert raw.body in path.read_bytes()
    for row in page.detail_needed:
        listed = whole[row.order_no]
        assert row.modified_at == listed.times.modified
    assert len(page.orders) + len(page.detail_needed) == len(whole)


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_a_detail_slices_is_the_answer_byte_for_byte(path: Path) -> None:
    channel = channel_of(path)
    detail = channel.read_detail(answer(path.read_bytes()))
    if isinstance(detail, RawOrder):
        assert detail.body == path.read_bytes()
        (found,) = channel.normalise(detail.body)
        assert found.order is not None
        assert found.order.order_no == detail.order_no
        assert found.order.times.modified == detail.modified_at


@pytest.mark.parametrize("name", CHANNELS)
def test_an_unknown_carrier_is_unsupported_instead_of_a_guess(name: str) -> None:
    odd = msgspec.structs.replace(shipment(), carrier="PIGEON")
    assert isinstance(CHANNELS[name].shipment_request(CREDENTIALS, odd, NOW), Unsupported)


def test_credentials_do_not_show_their_secrets() -> None:
    shown = f"{CREDENTIALS!r} {CREDENTIALS}"
    assert CREDENTIALS.app_secret not in shown
    assert CREDENTIALS.access_token not in shown


def feed(channel: Channel, body: bytes) -> None:
    """Give bytes to everything that reads; only values may come back."""
    for normalised in channel.normalise(body):
        assert_sound(normalised)
    assert isinstance(channel.read_page(answer(body), None), Page | ChannelError)
    assert isinstance(channel.read_detail(answer(body)), RawOrder | ChannelError)
    channel.read_shipment_answer(answer(body))
    if channel.push is not None:
        push = pushed(body, {"event-sign": "x"})
        assert isinstance(channel.push.read(CREDENTIALS, push), tuple | ChannelError)
        assert channel.push.verify(CREDENTIALS, push) is False
        if channel.push.opened is not None:
            assert channel.push.opened(CREDENTIALS, push) is None
    if channel.aftersales is not None:
        channel.aftersales.read_page(answer(body), None)
        channel.aftersales.read_agree_answer(answer(body))
        channel.aftersales.read_refuse_answer(answer(body))


@pytest.mark.parametrize("name", CHANNELS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"0",
        b'""',
        b"[]",
        b"{}",
        b"[[]]",
        b"[{}]",
        b"[null]",
        b"{",
        b"}",
        b"\x00",
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":' * 50_000,
        b"[" * 200_000,
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"tid":1e999}',
        b'{"orderId":-1}',
        b'{"order_id":{}}',
        b'{"code":10000,"data":[]}',
        b'{"data":null,"code":"10000"}',
        b"<html></html>",
        "订单".encode(),
        b"a=1&b=2",
    ],
    ids=lambda body: repr(body[:24]),
)
def test_garbage_never_raises(name: str, body: bytes) -> None:
    feed(CHANNELS[name], body)


@pytest.mark.parametrize("name", CHANNELS)
@given(body=st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_random_bytes_never_raise(name: str, body: bytes) -> None:
    feed(CHANNELS[name], body)


ODD: list[object] = [
    None, "", "0", 0, -1, "-1", "-0.01", "0.001", "1e5", "NaN", "１２.３", "12.30.1", "١٢",
    4.35, 1e300, -0.0, 2**53 + 1, 2**64, 10**30, "9" * 400, True, [], {}, [[]], [{}], {"a": 1},
    "0000-00-00 00:00:00", "1970-01-01 08:00:00", "2026-02-30 00:00:00", "2026-05-20T09:31:02",
    "\x00", "半个\ufffd", "\U0001f600", "*" * 50, "~a~1~", "$a$b$1$$", "a" * 70, "../..", "' OR 1",
]  # fmt: skip


def mutated(value: object, source: random.Random) -> object:
    """Change, drop, repeat or replace some nodes of a JSON value."""
    if source.random() < 0.02:
        return source.choice(ODD)
    if isinstance(value, dict):
        return {
            key: mutated(inner, source) for key, inner in value.items() if source.random() > 0.01
        }
    if isinstance(value, list):
        kept = [mutated(inner, source) for inner in value if source.random() > 0.02]
        return kept + kept[:1] if source.random() < 0.05 else kept
    return value


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: f"{p.parent.name}-{p.stem}")
@given(seed=st.integers(min_value=0, max_value=2**32))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_payload_never_raises_and_its_amounts_add_up(path: Path, seed: int) -> None:
    payload = mutated(json.loads(path.read_bytes()), random.Random(seed))
    feed(channel_of(path), json.dumps(payload, ensure_ascii=seed % 2 == 0).encode())


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda p: f"{p.parent.name}-{p.stem}")
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_payload_cut_or_overwritten_anywhere_never_raises(
    path: Path, data: st.DataObject
) -> None:
    body = bytearray(path.read_bytes())
    at = data.draw(st.integers(min_value=0, max_value=len(body) - 1))
    if data.draw(st.booleans()):
        del body[at:]
    else:
        body[at] = data.draw(st.integers(min_value=0, max_value=255))
    feed(channel_of(path), bytes(body))


def test_the_tables_of_the_stock_know_every_channel_of_the_folder_and_no_other() -> None:
    """A campaign of a channel they do not know is refused."""
    known = {*read_quotas(RULES).channels, *read_presale(RULES).channels}
    assert known == set(CHANNELS)
