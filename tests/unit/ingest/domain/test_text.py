import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.text import address_is_vague, label_text


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("示例路1号\n2单元\t302", "示例路1号 2单元 302"),
        ("１２３ＡＢＣ", "123ABC"),
        ("楼下（左转），谢谢：好", "楼下（左转），谢谢：好"),
        ("a\u200bb\ufeffc\u202ed", "abcd"),
        ("好的\U0001f600\U0001f469\u200d\U0001f467", "好的"),
        ("谢谢\u2764\ufe0f", "谢谢"),
        ("\x00a\x07b", "a b"),
        ("  两边\u3000空白  ", "两边 空白"),
        ("\U00020bb7野家", "\U00020bb7野家"),
        ("", ""),
    ],
)
def test_a_label_is_one_printable_line(text: str, label: str) -> None:
    assert label_text(text) == label


@given(st.text())
def test_a_label_repaired_twice_is_the_same_and_prints(text: str) -> None:
    label = label_text(text)
    assert label_text(label) == label
    assert all(unicodedata.category(c)[0] != "C" or 0x20000 <= ord(c) < 0x40000 for c in label)


@pytest.mark.parametrize(
    ("address", "vague"),
    [
        ("示例路1号示例小区2幢301", False),
        ("临时地址，到了打电话", True),
        ("待定", True),
        ("随便放哪", True),
        ("无", True),
        ("", True),
        ("....", True),
        ("Room 301, 5 Example Road", False),
        ("文一西路一号", False),
    ],
)
def test_an_address_no_courier_finds_is_vague(address: str, *, vague: bool) -> None:
    assert address_is_vague(address) is vague
