"""Every gateway in services/refunds/gateways keeps the promises of its registry; each has a sample file here."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.refunds.domain.payout import Declined, Payment, Settled
from services.refunds.gateways import Credentials, Gateway, HttpAnswer, alipay, gateways
from services.refunds.gateways._rsa import genuine

SAMPLES = Path(__file__).parent / "gateways"
NOW = datetime(2026, 5, 20, 2, 11, 12, tzinfo=UTC)
CALLS = ("refund", "query")


class AnswerSample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One native answer and what it means."""

    note: str
    status: int
    body: str
    expected: str


class Samples(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sample file of one gateway."""

    note: str
    credentials: Credentials
    merchant_public_key: str
    payment: Payment
    refund_answers: tuple[AnswerSample, ...]
    query_answers: tuple[AnswerSample, ...]


def samples_of(name: str) -> Samples:
    return msgspec.json.decode((SAMPLES / f"{name}.json").read_bytes(), type=Samples)


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
    came = HttpAnswer(status=sample.status, body=sample.body.encode())
    answer = read(given_samples.credentials, given_samples.payment, came)
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
            came = HttpAnswer(status=200, body=altered)
            answer = read(given_samples.credentials, given_samples.payment, came)
            if isinstance(answer, Settled | Declined):
                # Whitespace and key order outside the signed text may change, the text may not.
                assert type(answer).__name__ == sample.expected


@pytest.mark.parametrize(("name", "call"), READS)
@given(body=st.binary(max_size=300), status=st.sampled_from((200, 400, 500)))
def test_garbage_is_unclear_and_never_raises(
    name: str, call: str, body: bytes, status: int
) -> None:
    given_samples = samples_of(name)
    read = getattr(GATEWAYS[name], f"read_{call}")
    came = HttpAnswer(status=status, body=body)
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
    assert business_of(first.body) == business_of(later.body)
    asked = gateway.query_request(given_samples.credentials, given_samples.payment, NOW)
    assert given_samples.payment.request_no.encode() in asked.body


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


def business_of(body: bytes) -> object:
    """The part of a form that says what to do: everything but time and signature."""
    form = dict(parse_qsl(body.decode()))
    return {name: value for name, value in form.items() if name not in {"timestamp", "sign"}}


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
