"""What a leader writes down, read with the same rules from the form and from the API."""

from typing import Any

import pytest
from msgspec.structs import replace

from services.ingest.domain.submissions import Asked, AskedLine, Wanted, checked
from services.ingest.group_buys.pages import asked_of

GOOD = Asked(
    name="测试邻居",
    phone="13000000001",
    station_id="s1",
    note="放门卫",
    paid=True,
    lines=(AskedLine(sku="EGG-30", quantity=2),),
)


@pytest.mark.parametrize(
    ("written", "phone"),
    [
        ("13000000001", "13000000001"),
        (" 130 0000 0001 ", "13000000001"),
        ("+86 130-0000-0001", "13000000001"),
        ("8613000000001", "13000000001"),
    ],
)
def test_a_phone_number_is_read_as_people_write_it(written: str, phone: str) -> None:
    wanted = checked(replace(GOOD, phone=written, name="  测试\t 邻居 "))
    assert isinstance(wanted, Wanted)
    assert (wanted.buyer.phone, wanted.buyer.name) == (phone, "测试 邻居")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "某" * 21}, "name"),
        ({"name": "某\x00"}, "name"),
        ({"name": "某\u202e"}, "name"),
        ({"phone": ""}, "phone"),
        ({"phone": "1300000000"}, "phone"),
        ({"phone": "130000000011"}, "phone"),
        ({"phone": "12000000001"}, "phone"),
        ({"phone": "１３０００００００01"}, "phone"),
        ({"note": "x" * 101}, "note"),
        ({"note": "\x07"}, "note"),
        ({"paid": False}, "paid"),
        ({"lines": (AskedLine(sku="EGG-30", quantity=0),)}, "lines.EGG-30"),
        ({"lines": (AskedLine(sku="EGG-30", quantity=1000),)}, "lines.EGG-30"),
        ({"lines": (AskedLine(sku="EGG-30", quantity=1),) * 51}, "lines"),
    ],
)
def test_a_fault_stands_beside_its_field_and_repeats_nothing(
    changed: dict[str, Any], field: str
) -> None:
    found = checked(replace(GOOD, **changed))
    assert isinstance(found, tuple)
    (refusal,) = found
    assert refusal.field == field
    assert not any(f"{text}" in refusal.title for text in changed.values() if text)


@pytest.mark.parametrize(
    ("written", "quantity"),
    [
        ("2", 2),
        (" 2 ", 2),
        ("02", 2),
        ("-1", -1),
        ("1.5", -1),
        ("２", -1),
        ("1e3", -1),
        ("12345", -1),
        ("两", -1),
    ],
)
def test_a_quantity_in_the_form_is_whole_pieces_or_wrong(written: str, quantity: int) -> None:
    assert asked_of({"quantity.EGG-30": written}).lines == (
        AskedLine(sku="EGG-30", quantity=quantity),
    )


@pytest.mark.parametrize("written", ["", " ", "0"])
def test_a_good_that_is_left_blank_is_not_ordered(written: str) -> None:
    assert asked_of({"quantity.EGG-30": written}).lines == ()


def test_only_the_checkbox_itself_says_paid() -> None:
    assert asked_of({"paid": "yes"}).paid
    assert not asked_of({"paid": "no"}).paid
