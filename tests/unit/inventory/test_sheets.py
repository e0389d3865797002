"""Stock sheets: what is read, and what is named with its line."""

import pytest

from services.inventory.sheets import SheetBroken, SheetRow, read_sheet

ROWS = (
    SheetRow(warehouse="HZ", sku="A", quantity=5, held=0),
    SheetRow(warehouse="GZ", sku="茶", quantity=0, held=2),
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    "text",
    [
        "warehouse,sku,quantity,held\nHZ,A,5,\nGZ,茶,0,2\n",
        "仓库,商家编码,数量,占用\r\nHZ,A,5,0\r\n\r\nGZ,茶,0,2\r\n",
        "备注\tSKU\t库存\t仓库编码\t锁定\nx\tA\t5.0\tHZ\t0\n\t 茶 \t0\tGZ\t2",
    ],
)
def test_what_systems_export_is_read(text: str, encoding: str) -> None:
    assert read_sheet(text.encode(encoding)) == ROWS


def test_without_a_column_the_warehouse_is_the_one_given() -> None:
    assert read_sheet(b"sku,quantity\nA,5", warehouse="HZ") == ROWS[:1]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: no column warehouse, sku, quantity"),
        (b"sku,quantity\nA,5", "line 1: no column warehouse (known titles"),
        (b"warehouse,sku,quantity\n", "no line of stock"),
        (b"\xff\xff\xff", "neither UTF-8 nor GB18030"),
        (b"warehouse,sku,quantity\nHZ,A", "line 2: 2 cells are too few"),
        (b"warehouse,sku,quantity\nHZ,,1", "line 2: sku is empty"),
        (b"warehouse,sku,quantity\n,A,1", "line 2: warehouse is empty"),
        (b"warehouse,sku,quantity\nH|Z,A,1", "line 2: warehouse 'H|Z' is no code"),
        (b"warehouse,sku,quantity\nHZ," + b"A" * 65 + b",1", "is no code"),
        (b"warehouse,sku,quantity\nHZ,A,-1", "line 2: quantity '-1' is no whole number"),
        (b"warehouse,sku,quantity\nHZ,A,1.5", "line 2: quantity '1.5' is no whole number"),
        (b"warehouse,sku,quantity\nHZ,A,", "line 2: quantity '' is no whole number"),
        (b'warehouse,sku,quantity\nHZ,A,"1,200"', "line 2: quantity '1,200'"),
        (b"warehouse,sku,quantity\nHZ,A,1000000001", "from 0 to 1000000000"),
        (b"warehouse,sku,quantity,held\nHZ,A,1,x", "line 2: held 'x'"),
        (b"warehouse,sku,quantity\nHZ,A,1\nGZ,A,1\nHZ,A,1", "line 4: HZ A stands in line 2"),
        (b'warehouse,sku,quantity,x\nHZ,A,1,"15in\nHZ,B,2,\nHZ,C,3,\n', "line 2: a quote is not"),
        (b'warehouse,sku,quantity,x\nHZ,A,1,\nHZ,B,2,"15in\nHZ,C,3,"x"\n', "line 3: a quote is"),
        (b'warehouse,sku,quantity,x\nHZ,A,1,"15"in\n', "line 2: a quote is not closed, or stands"),
        (b'"warehouse,sku,quantity\nHZ,A,1\n', "line 1: a quote is not closed"),
        (b"warehouse,sku,quantity\nHZ,A," + b"1" * 200_000, "line 2: a cell is too long"),
        (b'warehouse,sku,quantity,x\nHZ,A,1,"two\nlines"\nHZ,B,?,\n', "line 4: quantity '?'"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(content: bytes, problem: str) -> None:
    with pytest.raises(SheetBroken) as broken:
        read_sheet(content)
    assert problem in str(broken.value)


def test_many_problems_are_told_at_once_but_not_all() -> None:
    with pytest.raises(SheetBroken) as broken:
        read_sheet(b"warehouse,sku,quantity\n" + b"HZ,,1\n" * 100)
    assert len(broken.value.problems) == 21


def test_a_quoted_remark_of_two_lines_is_one_cell() -> None:
    assert read_sheet(b'warehouse,sku,quantity,x\nHZ,A,5,"two\nlines"\n') == ROWS[:1]
