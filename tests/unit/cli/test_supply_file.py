"""Files of terms of supply: read whole, or refused with the line that is wrong."""

from pathlib import Path

import pytest
import typer

from cli.replenishing import _supply_rows


def written(folder: Path, text: str) -> Path:
    file = folder / "terms.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_rows_of_empty_cells_and_missing_cells_at_the_end_are_no_terms(tmp_path: Path) -> None:
    file = written(tmp_path, "sku,supplier,pack_pieces\nA,S1,12\n,,\n\n B ,S2\n")
    assert _supply_rows(file) == [
        {"sku": "A", "supplier": "S1", "pack_pieces": 12},
        {"sku": "B", "supplier": "S2"},
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: no column sku"),
        ("sku,colour\nA,red\n", "line 1: unknown columns colour"),
        ("sku,supplier\n,\n", "there is no line of terms"),
        ("sku,supplier\nA,S1,S2\n", "line 2: more cells than titles"),
        ("sku,pack_pieces\n,\nA,dozen\n", "line 3: pack_pieces 'dozen' is no whole number"),
        ("sku,pack_pieces\nA," + "9" * 5_000, "line 2: pack_pieces '999"),
        ('sku,supplier\nA,"S1\nB,S2\nC,S3\n', "line 2: a quote is not closed"),
        ("sku,supplier\nA," + "S" * 200_000, "line 2: a cell is too long"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        _supply_rows(written(tmp_path, text))
    assert why in str(refused.value)
