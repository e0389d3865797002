import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.ingest.domain.text import (
    ADDRESS_CHARS_MAX,
    NAME_CHARS_MAX,
    Label,
    _repaired,
    address_is_vague,
    is_lost,
    label_address,
    label_of,
    label_text,
    unspoilt,
)

REGION = ("浙江省", "杭州市", "余杭区")
LONG = "示例路一百二十三号示例花园小区东门进第三个路口左转" * 5


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


@given(
    st.text(st.sampled_from("示路aB7 （），、。！～#-…\n\u3000龥鿿") | st.characters(), max_size=30)
)
def test_what_is_right_is_what_needs_no_repair(text: str) -> None:
    assert label_text(text) == _repaired(text)


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


def test_a_receiver_that_prints_as_it_is_has_no_label_beside_it() -> None:
    assert label_of("测试收货人", "13000000001", "示例路1号", REGION) == Label()


def test_what_a_label_cannot_show_is_repaired_part_by_part() -> None:
    label = label_of("小\U0001f600明", "１３０ 0000 0001", "示例路\n１号", REGION)
    assert label == Label(name="小明", phone="13000000001", address="示例路 1号")


def test_an_address_that_is_too_long_loses_its_region_first_and_then_its_middle() -> None:
    fits = "示例路1号" * 18
    assert label_address("".join(REGION) + fits + "2幢", REGION) == fits + "2幢"
    cut = label_address(LONG + "2幢301", REGION)
    assert len(cut) == ADDRESS_CHARS_MAX
    assert cut.startswith("示例路一百二十三号")
    assert cut.endswith("2幢301")
    assert label_address("浙江省1号", REGION) == "浙江省1号"


def spoilt(text: str, encoding: str = "latin-1") -> str:
    return text.encode().decode(encoding)


@pytest.mark.parametrize("text", ["示例路1号", "测试收货人", "café 示例", "中"])
def test_chinese_read_as_latin_is_had_back(text: str) -> None:
    assert unspoilt(spoilt(text)) == text
    assert label_of(spoilt(text), "", "", REGION).name == text


@pytest.mark.parametrize("text", ["café", "Müller Straße", "São Paulo", "", "示例", "Ã la carte"])
def test_what_is_meant_as_it_stands_is_left_alone(text: str) -> None:
    assert unspoilt(text) == text
    assert not is_lost(text)


@pytest.mark.parametrize(
    "text", ["锟斤拷锟斤拷1号", "示例\ufffd\ufffd路", "????路1号", "ï¿½ï¿½", "烫烫烫"]
)
def test_what_nobody_can_read_any_more_is_lost(text: str) -> None:
    assert is_lost(text)


@given(st.text(max_size=400), st.text(max_size=60), st.text(max_size=400))
@example(name="", phone="", address="å¡¡\U00040000")
def test_labels_fit_print_and_do_not_change_when_made_again(
    name: str, phone: str, address: str
) -> None:
    first = label_of(name, phone, address, REGION)
    shown = (first.name or name, first.phone or phone, first.address or address)
    if first.name:
        assert len(first.name) <= NAME_CHARS_MAX
        assert label_text(first.name) == first.name
    if first.address:
        assert len(first.address) <= ADDRESS_CHARS_MAX
        assert label_text(first.address) == first.address
    again = label_of(*shown, REGION)
    assert (again.name or shown[0], again.phone or shown[1], again.address or shown[2]) == shown


@given(st.text(alphabet="示例路号幢室0123456789", max_size=ADDRESS_CHARS_MAX))
def test_an_address_that_fits_keeps_every_digit(address: str) -> None:
    assert label_address(address, REGION) == address


@given(st.text(alphabet="测试示例路收货人", min_size=1, max_size=40))
def test_any_chinese_text_comes_back_from_latin(text: str) -> None:
    assert unspoilt(spoilt(text)) == text
    assert unspoilt(unspoilt(spoilt(text))) == text
