"""A CSV file of mappings: what it says, or every row that is wrong."""

from __future__ import annotations

import pytest

from cli.csv_file import RowFault
from cli.mapping_file import MappingFile, component_of, read_mappings
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.domain.matching import Component

HEADER = "channel,shop,channel_sku_id,merchant_code,sku,quantity,weight,gift\n"


def faults(text: str) -> list[tuple[int, str]]:
    found = read_mappings(text.encode())
    assert isinstance(found, tuple), found
    return [(fault.row, fault.why) for fault in found]


def test_rows_of_one_key_are_one_mapping_wherever_they_stand() -> None:
    text = (
        HEADER
        + "taobao,s1,9,,A,2,300,\n,,,KIT,C,,,\n\ntaobao,s1,9,,B,1,400,否\ntaobao,s1,9,,G,,,是\n"
    )
    found = read_mappings(b"\xef\xbb\xbf" + text.encode())
    assert found == MappingFile(
        (
            WrittenMapping(
                channel="taobao",
                shop="s1",
                channel_sku_id="9",
                components=(
                    Component(sku="A", quantity=2, weight=300),
                    Component(sku="B", quantity=1, weight=400),
                    Component(sku="G", gift=True),
                ),
            ),
            WrittenMapping(merchant_code="KIT", components=(Component(sku="C"),)),
        ),
        ((2, 5, 6), (3,)),
    )


def test_columns_may_be_left_out_and_stand_in_any_order() -> None:
    found = read_mappings(b"SKU,merchant_code\nA,KIT\n")
    assert isinstance(found, MappingFile)
    assert found.mappings == (
        WrittenMapping(merchant_code="KIT", components=(Component(sku="A"),)),
    )


def test_every_bad_row_is_named() -> None:
    text = HEADER + "taobao,s1,9,,,1,,\ntaobao,s1,9,,A,1.5,,\n,,,K,A,1,-3,\n,,,K,A,1,,maybe\n,,,K\n"
    assert faults(text) == [
        (2, "sku is missing"),
        (3, "quantity is '1.5', not a whole number"),
        (4, "weight is '-3', not a whole number"),
        (5, "gift is 'maybe'; write 1 for a gift and nothing for goods"),
        (6, "4 cells, 8 columns"),
    ]


@pytest.mark.parametrize(
    ("text", "row", "why"),
    [
        ("", 1, "empty"),
        (HEADER, 1, "no mapping below"),
        ("sku,colour\nA,red\n", 1, "unknown column colour"),
        ("sku,sku\nA,B\n", 1, "named twice"),
        ("merchant_code\nA\n", 1, "column sku is missing"),
        ('sku\n"A\n', 2, "unexpected end"),
    ],
)
def test_a_file_that_is_no_table_of_mappings_says_why(text: str, row: int, why: str) -> None:
    ((found_row, found_why),) = faults(text)
    assert found_row == row
    assert why in found_why


def test_another_encoding_is_named_with_its_row() -> None:
    assert read_mappings("sku\nA\n茶\n".encode("gb18030")) == (
        RowFault(3, "not UTF-8; save the file as CSV UTF-8"),
    )


@pytest.mark.parametrize(
    ("text", "component"),
    [
        ("A", Component(sku="A")),
        ("A:3", Component(sku="A", quantity=3)),
        ("A:3@250", Component(sku="A", quantity=3, weight=250)),
        ("A@0", Component(sku="A", weight=0)),
    ],
)
def test_a_component_is_written_shortly(text: str, component: Component) -> None:
    assert component_of(text) == component


@pytest.mark.parametrize("text", ["", ":2", "A:x", "A:-1", "A@1.5", "A:1@١"])
def test_what_is_no_component_is_refused(text: str) -> None:
    assert isinstance(component_of(text), str)
