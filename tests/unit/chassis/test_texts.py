"""What of a text from outside can be kept."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Struct

from chassis.texts import NAME, SAID, WORDS, holds_nul, is_name
from services.inventory.campaign_papers import Name
from services.inventory.papers import Actor, Reason


class Note(Struct, frozen=True):
    """A text in a record."""

    text: str
    pieces: int = 0


@pytest.mark.parametrize(
    ("text", "name", "words", "said"),
    [
        ("仓管 01", True, True, True),
        ("", True, True, False),
        (" \t", False, True, False),
        ("两\n行", False, True, True),
        ("行\n", False, True, True),
        ("a\0", False, False, False),
        ("a\0b", False, False, False),
        ("\0", False, False, False),
        ("a\x1bb", False, False, False),
        ("a\x7f", False, False, False),
        ("全角　空格🎁", True, True, True),
    ],
)
def test_patterns_take_or_refuse(text: str, *, name: bool, words: bool, said: bool) -> None:
    for pattern, fits in ((NAME, name), (WORDS, words), (SAID, said)):
        assert fitting(text, Annotated[str, Meta(pattern=pattern)]) is fits, pattern
    assert is_name(text, 20) is (name and bool(text))


def test_a_name_has_an_end() -> None:
    assert is_name("7" * 20, 20)
    assert not is_name("7" * 21, 20)


@pytest.mark.parametrize("kind", [Actor, Reason, Name])
def test_what_stands_in_a_document_of_stock_can_be_kept(kind: Any) -> None:
    assert fitting("盘点 01", kind)
    for text in ("", "  ", "\0", "a\0", "a\0b"):
        assert not fitting(text, kind), repr(text)


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("a\0", True),
        ("a", False),
        (b"\0", False),
        (0, False),
        (None, False),
        (Note("a\0"), True),
        (Note("a"), False),
        ((Note("a"), Note("\0")), True),
        (("a", ("b", "c\0")), True),
        ((), False),
    ],
)
def test_a_nul_is_found_wherever_a_record_has_it(value: object, *, holds: bool) -> None:
    assert holds_nul(value) is holds


def fitting(text: str, kind: Any) -> bool:
    """Whether a door that wants this type takes the text."""
    try:
        msgspec.json.decode(msgspec.json.encode(text), type=kind)
    except msgspec.ValidationError:
        return False
    return True
