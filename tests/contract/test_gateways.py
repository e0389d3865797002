"""Every gateway in services/refunds/gateways keeps the promises of its registry; each has a sample file here."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from services.refunds.domain.payout import Unclear
from services.refunds.gateways import (
    Gateway,
    HttpAnswer,
    HttpRequest,
    Notice,
    Noticed,
    NoticeRefused,
    alipay,
    gateways,
    wechatpay,
)
from services.refunds.gateways._rsa import genuine
from tests.contract.gateway_samples import SAMPLES, AnswerSample, NoticeSample, samples_of

NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
CALLS = ("refund", "query")


GATEWAYS: Mapping[str, Gateway] = gateways()
ANSWERS = [
    pytest.param(name, call, sample, id=f"{name}-{call}-{sample.note}")
    for name in GATEWAYS
    for call in CALLS
    for sample in getattr(samples_of(name), f"{call}_answers")
]
READS = [(name, call) for name in GATEWAYS for call in CALLS]


def test_every_gateway_has_its_samples_and_every_sample_its_gateway() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == set(GATEWAYS)


@pytest.mark.parametrize(("name", "call", "sample"), ANSWERS)
def test_an_answer_means_what_its_sample_says(name: str, call: str, sample: AnswerSample) -> None:
    given_samples = samples_of(name)
    read = getattr(GATEWAYS[name], f"read_{call}")
    answer = read(given_samples.credentials, given_samples.payment, sample.came())
    assert type(answer).__name__ == sample.expected


@pytest.mark.parametrize(("name", "call"), READS)
def test_samples_show_success_refusal_and_doubt(name: str, call: str) -> None:
    shown = {sample.expected for sample in getattr(samples_of(name), f"{call}_answers")}
    assert {"Settled", "Unclear"} | ({"NotFound"} if call == "query" else {"Declined"}) <= shown


@pytest.mark.parametrize(("name", "call"), READS)
def test_a_flipped_byte_never_makes_money_move_or_fail(name: str, call: str) -> None:
    """Of the answers that decide something, no altered copy decides something else."""
    given_samples = samples_of(name)
    read = getattr(GATEWAYS[name], f"read_{call}")
    for sample in getattr(given_samples, f"{call}_answers"):
        body = sample.body.encode()
        for at in range(0, len(body), 7):
            altered = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            came = sample.came(altered)
            answer = read(given_samples.credentials, given_samples.payment, came)
            if not isinstance(answer, Unclear):
                # Whitespace and key order outside the signed text may change, the text may not.
                assert type(answer).__name__ == sample.expected


@pytest.mark.parametrize(("name", "call"), READS)
@given(body=st.binary(max_size=300), status=st.sampled_from((200, 400, 500)))
def test_garbage_is_unclear_and_never_raises(
    name: str, call: str, body: bytes, status: int
) -> None:
    given_samples = samples_of(name)
    read = getattr(GATEWAYS[name], f"read_{call}")
    came = HttpAnswer(status=status, headers={}, body=body)
    answer = read(given_samples.credentials, given_samples.payment, came)
    assert type(answer).__name__ == "Unclear"


@pytest.mark.parametrize("name", GATEWAYS)
def test_a_refund_asked_for_again_has_the_same_number_and_amount(name: str) -> None:
    given_samples = samples_of(name)
    gateway = GATEWAYS[name]
    first, later = (
        gateway.refund_request(given_samples.credentials, given_samples.payment, at)
        for at in (NOW, NOW + timedelta(minutes=10))
    )
    assert given_samples.payment.request_no.encode() in first.body
    assert business_of(first) == business_of(later)
    assert first != later
    asked = gateway.query_request(given_samples.credentials, given_samples.payment, NOW)
    assert given_samples.payment.request_no.encode() in asked.url.encode() + asked.body


@pytest.mark.parametrize("name", GATEWAYS)
def test_secrets_show_in_no_text(name: str) -> None:
    credentials = samples_of(name).credentials
    secret = credentials.private_key.splitlines()[1]
    request = GATEWAYS[name].refund_request(credentials, samples_of(name).payment, NOW)
    assert secret not in repr(credentials)
    assert secret not in repr(request)


@pytest.mark.parametrize("name", GATEWAYS)
def test_unusable_credentials_are_named_before_the_start(name: str) -> None:
    credentials = samples_of(name).credentials
    check = GATEWAYS[name].check
    assert check(credentials) == ""
    for field in ("url", "app_id", "private_key", "gateway_key"):
        assert check(msgspec.structs.replace(credentials, **{field: ""}))


def business_of(request: HttpRequest) -> object:
    """The part of a request that says what to do: everything but time and signature."""
    if dict(request.headers)["content-type"] == "application/json":
        return msgspec.json.decode(request.body)
    form = dict(parse_qsl(request.body.decode()))
    return {name: value for name, value in form.items() if name not in {"timestamp", "sign"}}


NOTICES = [
    pytest.param(name, sample, id=f"{name}-{sample.note}")
    for name in GATEWAYS
    for sample in samples_of(name).notices
]
NOTICED_AT = datetime.fromtimestamp(1779243072, UTC)


def read_notice(name: str, notice: Notice, at: datetime = NOTICED_AT) -> Noticed | NoticeRefused:
    notices = GATEWAYS[name].notices
    assert notices is not None
    return notices.read(samples_of(name).credentials, notice, at)


def test_a_gateway_that_sends_notices_has_samples_of_them() -> None:
    sending = {name for name, gateway in GATEWAYS.items() if gateway.notices is not None}
    assert sending == {name for name in GATEWAYS if samples_of(name).notices}


@pytest.mark.parametrize(("name", "sample"), NOTICES)
def test_a_notice_means_what_its_sample_says(name: str, sample: NoticeSample) -> None:
    found = read_notice(name, sample.came())
    said = found.request_no if isinstance(found, Noticed) else found.code
    assert said == sample.expected


@pytest.mark.parametrize(("name", "sample"), NOTICES)
def test_a_notice_is_refused_when_any_one_byte_changes(name: str, sample: NoticeSample) -> None:
    body = sample.body.encode()
    for at in range(0, len(body), 3):
        altered = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        refused = read_notice(name, sample.came(altered))
        assert refused == NoticeRefused(status=401, code="bad_signature")


@pytest.mark.parametrize(("name", "sample"), NOTICES)
def test_a_notice_with_an_odd_header_or_a_stale_one_is_refused(
    name: str, sample: NoticeSample
) -> None:
    for header in sample.headers:
        for odd in ("", "0", "签名", "\udcff", "9" * 5_000, "１７７９２４３０７２"):
            refused = read_notice(name, sample.came(headers={header: odd}))
            assert isinstance(refused, NoticeRefused)
            assert refused.status == 401
    for late in (timedelta(minutes=6), timedelta(minutes=-6)):
        refused = read_notice(name, sample.came(), NOTICED_AT + late)
        assert refused == NoticeRefused(status=401, code="not_fresh")


@pytest.mark.parametrize("name", [name for name in GATEWAYS if samples_of(name).notices])
@given(body=st.binary(max_size=300))
def test_no_notice_raises(name: str, body: bytes) -> None:
    refused = read_notice(name, Notice(headers={}, body=body))
    assert isinstance(refused, NoticeRefused)
    (first, *_) = samples_of(name).notices
    assert isinstance(read_notice(name, first.came(body)), NoticeRefused)


# ---- Alipay ----------------------------------------------------------------------------------


def test_an_alipay_request_is_the_documented_form() -> None:
    given_samples = samples_of("alipay")
    payment = given_samples.payment
    request = alipay.refund_request(given_samples.credentials, payment, NOW)
    form = dict(parse_qsl(request.body.decode(), strict_parsing=True))
    assert form["timestamp"] == "2026-05-20 10:11:12"
    assert form["method"] == "alipay.trade.refund"
    assert msgspec.json.decode(form["biz_content"]) == {
        "out_trade_no": "taobao:202605200001",
        "refund_amount": "9.90",
        "out_request_no": "refund-aaaabbbbccccddddeeee",
        "refund_reason": "少发",
    }
    signed = alipay.signed_text(form).encode()
    assert len(b64decode(form["sign"])) == 256
    assert genuine(signed, form["sign"], given_samples.merchant_public_key)


def test_alipay_keys_may_come_as_bare_base64() -> None:
    credentials = samples_of("alipay").credentials
    bare = "".join(credentials.private_key.splitlines()[1:-1])
    public = "".join(credentials.gateway_key.splitlines()[1:-1])
    shown = msgspec.structs.replace(credentials, private_key=bare, gateway_key=public)
    assert alipay.check(shown) == ""


# ---- WeChat Pay ------------------------------------------------------------------------------


def test_a_wechatpay_request_is_the_documented_one_and_signed_as_sent() -> None:
    given_samples = samples_of("wechatpay")
    request = wechatpay.refund_request(given_samples.credentials, given_samples.payment, NOW)
    assert (request.method, request.url) == (
        "POST",
        "http://127.0.0.1:1/v3/refund/domestic/refunds",
    )
    assert msgspec.json.decode(request.body) == {
        "out_trade_no": "202605200001",
        "out_refund_no": "refund-aaaabbbbccccddddeeee",
        "amount": {"refund": 990, "total": 9900, "currency": "CNY"},
        "reason": "少发",
        "notify_url": "https://example.invalid/notices/wechatpay",
    }
    assert dict(request.headers)["wechatpay-serial"] == given_samples.credentials.gateway_key_id
    assert wechatpay_signed(request) == "1779243072"


def test_a_wechatpay_query_is_signed_with_its_path_and_no_body() -> None:
    given_samples = samples_of("wechatpay")
    request = wechatpay.query_request(given_samples.credentials, given_samples.payment, NOW)
    path = "/v3/refund/domestic/refunds/refund-aaaabbbbccccddddeeee"
    assert (request.method, request.url, request.body) == ("GET", f"http://127.0.0.1:1{path}", b"")
    assert wechatpay_signed(request) == "1779243072"


def wechatpay_signed(request: HttpRequest) -> str:
    """Check the signature of a request over what is sent; its timestamp."""
    given_samples = samples_of("wechatpay")
    scheme, _, rest = dict(request.headers)["authorization"].partition(" ")
    parts: dict[str, str] = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    assert scheme == "WECHATPAY2-SHA256-RSA2048"
    assert parts["mchid"] == "1900000001"
    assert parts["serial_no"] == given_samples.credentials.key_serial
    assert re.fullmatch(r"[0-9A-F]{32}", parts["nonce_str"])
    path = request.url.removeprefix("http://127.0.0.1:1")
    text = f"{request.method}\n{path}\n{parts['timestamp']}\n{parts['nonce_str']}\n".encode()
    signed = text + request.body + b"\n"
    assert genuine(signed, parts["signature"], given_samples.merchant_public_key)
    return parts["timestamp"]


def test_a_long_reason_is_cut_between_characters() -> None:
    given_samples = samples_of("wechatpay")
    payment = msgspec.structs.replace(given_samples.payment, reason="少" * 100)
    request = wechatpay.refund_request(given_samples.credentials, payment, NOW)
    assert msgspec.json.decode(request.body)["reason"] == "少" * 26


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("key_serial", "", "_GATEWAY_KEY_SERIAL"),
        ("gateway_key_id", "", "_GATEWAY_PUBLIC_KEY_ID"),
        ("notice_key", "short", "_GATEWAY_NOTICE_KEY"),
        ("app_id", "", "_GATEWAY_APP_ID"),
    ],
)
def test_what_wechatpay_misses_is_named(field: str, value: str, named: str) -> None:
    credentials = samples_of("wechatpay").credentials
    assert named in wechatpay.check(msgspec.structs.replace(credentials, **{field: value}))
    unnoticed = msgspec.structs.replace(credentials, notice_key="", notice_url="")
    assert wechatpay.check(unnoticed) == ""


def test_the_published_aes_key_of_16_bytes_opens_too() -> None:
    sealed = AESGCM(b"0123456789abcdef").encrypt(b"nonce1234567", b"{}", b"refund")
    text = b64encode(sealed).decode()
    assert wechatpay.opened("0123456789abcdef", "nonce1234567", "refund", text) == b"{}"
    assert wechatpay.opened("0123456789abcdeg", "nonce1234567", "refund", text) is None
    assert wechatpay.opened("odd", "nonce1234567", "refund", text) is None


def test_a_certificate_serves_as_the_gateways_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    signature = b64encode(key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())).decode()
    assert genuine(b"text", signature, pem)
    assert not genuine(b"other", signature, pem)
