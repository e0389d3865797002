"""What people see of a dead letter, and what may be sent again."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from chassis.codec import codec
from chassis.deadletter import Letter, NotRedriven, Refusal, masked_key, mend, shown
from tests.support.toy import paid, placed

NOON = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)
SECRET = "测试收货人 13000000001"


def letter(value: bytes, key: bytes | None = b"TB1") -> Letter:
    return Letter(
        letter_id=7,
        processor="toy",
        topic="orders",
        partition=2,
        offset=99,
        key=key,
        value=value,
        headers=(("ce_subject", SECRET.encode()),),
        code="poison",
        dead_at=NOON,
        redriven_at=None,
    )


def test_a_letter_is_shown_by_type_key_version_and_position() -> None:
    seen = shown(letter(codec().encode(placed("TB1", version=3))), codec())
    assert (seen.record, seen.key, seen.version) == ("OrderPlaced", "TB1", 3)
    assert (seen.position, seen.code) == ("orders/2/99", "poison")


@pytest.mark.parametrize(
    "value", [codec().encode(placed("TB1", shop=SECRET)), SECRET.encode(), b""]
)
@pytest.mark.parametrize("key", [b"TB1", SECRET.encode(), b"\xff\xfe", None])
def test_content_is_never_shown(value: bytes, key: bytes | None) -> None:
    seen = msgspec.json.encode(shown(letter(value, key), codec())).decode()
    assert SECRET not in seen
    assert "13000000001" not in seen


def test_a_key_of_ours_is_readable_and_any_other_a_digest() -> None:
    assert masked_key(b"taobao|shop-1|4012345678900") == "taobao|shop-1|4012345678900"
    assert masked_key(SECRET.encode()).startswith("sha256:")
    assert masked_key(None) == ""


def test_framed_bytes_are_taken_as_they_are() -> None:
    framed = codec().encode(paid("TB1"))
    assert mend(letter(b"x"), framed, "", codec()) == framed


def test_json_is_encoded_as_the_letters_own_type_or_the_one_named() -> None:
    event = paid("TB1")
    text = msgspec.json.encode(event)
    framed = codec().encode(event)
    assert mend(letter(codec().encode(paid("TB9"))), text, "", codec()) == framed
    assert mend(letter(b"garbage"), text, "OrderPaid", codec()) == framed


@pytest.mark.parametrize(
    ("text", "record"),
    [
        (b"{}", "OrderPaid"),
        (b"not json", "OrderPaid"),
        (b"{}", "NoSuchRecord"),
        (b"{}", ""),
        (
            b'{"order_id":"TB1","version":1,"occurred_at":"2026-11-11T04:00:00","paid_fen":1}',
            "OrderPaid",
        ),
        (
            b'{"order_id":"TB1","version":1,"occurred_at":"2026-11-11T04:00:00Z","paid_fen":%d}'
            % (10**20),
            "OrderPaid",
        ),
    ],
)
def test_what_cannot_be_a_record_is_refused(text: bytes, record: str) -> None:
    mended = mend(letter(b"garbage"), text, record, codec())
    assert isinstance(mended, NotRedriven)
    assert mended.why is Refusal.STILL_INVALID
