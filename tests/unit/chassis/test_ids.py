import re
from datetime import date
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import (
    NAMESPACE,
    document_no,
    event_id,
    event_id_text,
    framed,
    request_id,
)

PART = st.text(max_size=12)
VERSION = st.integers(min_value=0, max_value=2**40)


@given(PART, PART, VERSION, PART)
def test_an_event_id_is_the_standard_uuid5_of_its_framed_parts(
    kind: str, aggregate_id: str, version: int, event_type: str
) -> None:
    name = framed(kind, aggregate_id, str(version), event_type)
    expected = uuid5(NAMESPACE, name)
    assert event_id(kind, aggregate_id, version, event_type) == expected
    assert event_id_text(kind, aggregate_id, version, event_type) == str(expected)


def test_event_ids_on_topics_stay_what_they_are() -> None:
    pinned = event_id_text("order", "TB2026010900123", 3, "OrderPaid")
    assert pinned == "a54b85c2-96b6-5314-af9a-7369d6158e5c"


@given(st.lists(PART, max_size=4), st.lists(PART, max_size=4))
def test_framing_never_gives_two_lists_one_text(left: list[str], right: list[str]) -> None:
    assert (framed(*left) == framed(*right)) == (left == right)


@given(st.text(alphabet="1:", max_size=6), st.text(alphabet="1:", max_size=6))
def test_framing_survives_parts_that_look_like_frames(left: str, right: str) -> None:
    whole = framed(left, right)
    splits = {framed((left + right)[:cut], (left + right)[cut:]) for cut in range(13)}
    assert whole in splits
    assert len(splits) == len(left + right) + 1


def test_moving_a_letter_from_one_part_to_the_next_changes_the_id() -> None:
    assert event_id_text("a", "bc", 1, "T") != event_id_text("ab", "c", 1, "T")
    assert event_id_text("a", "b1", 1, "T") != event_id_text("a", "b", 11, "T")
    assert request_id("pay", "a", "bc") != request_id("pay", "ab", "c")


@given(st.lists(PART, max_size=4))
def test_a_request_id_suits_every_foreign_party(parts: list[str]) -> None:
    code = request_id("waybill", *parts)
    assert re.fullmatch(r"waybill-[a-z2-7]{20}", code)
    assert code == request_id("waybill", *parts)


def test_the_longest_request_kind_still_fits_in_32_characters() -> None:
    assert len(request_id("a" * 11, "x")) == 32


@pytest.mark.parametrize("kind", ["", "a" * 12, "Refund", "re-fund", "退款", "a b"])
def test_a_request_kind_outside_the_shared_alphabet_is_an_error(kind: str) -> None:
    with pytest.raises(ValueError, match="request kind"):
        request_id(kind, "x")


def test_a_document_number_reads_prefix_day_sequence() -> None:
    day = date(2026, 1, 9)
    assert document_no("TB", day, 123) == "TB2026010900123"
    assert document_no("RF", day, 123456) == "RF20260109123456"


@pytest.mark.parametrize("prefix", ["", "tb", "T1", "淘"])
def test_a_document_prefix_is_upper_case_letters(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        document_no(prefix, date(2026, 1, 9), 1)


def test_a_document_sequence_is_not_negative() -> None:
    with pytest.raises(ValueError, match="sequence"):
        document_no("TB", date(2026, 1, 9), -1)
