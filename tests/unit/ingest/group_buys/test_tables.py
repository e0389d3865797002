"""Plans and shares for a spreadsheet, and pictures by their first bytes."""

import csv
import io

import pytest
from msgspec.structs import replace

from services.ingest.domain.purchase import roll_up
from services.ingest.group_buys.pictures import media_type_of
from services.ingest.group_buys.tables import as_csv, plan_csv
from tests.unit.ingest.group_buys.builders import AT_NOON, CAMPAIGN, EGGS, FIRST, opened, ordered


def test_a_plan_is_one_row_an_article_and_station_and_starts_with_the_mark() -> None:
    plan = roll_up(opened(), FIRST, [ordered(1, 2), ordered(2, 3, "s3")], {}, now=AT_NOON)
    text = plan_csv(plan)
    assert text.startswith("\ufeff")
    _, *rows = csv.reader(io.StringIO(text[1:]))
    assert [(row[3], row[6], row[9]) for row in rows] == [
        ("s1", "2", "50.00"),
        ("s3", "3", "75.00"),
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@A1", "\t=1", "\r=1"])
def test_no_cell_is_read_as_a_formula(cell: str) -> None:
    (row,) = csv.reader(
        io.StringIO(as_csv((), [(cell,)]).removeprefix("\ufeff").lstrip("\r\n"), newline="")
    )
    assert row == [f"'{cell}"]


def test_a_title_that_looks_like_a_formula_is_text() -> None:
    goods = (replace(EGGS, title="=HYPERLINK(1)"),)
    plan = roll_up(opened(goods=goods), FIRST, [ordered(1, 2)], {}, now=AT_NOON)
    assert CAMPAIGN.goods != goods
    assert "'=HYPERLINK(1)" in plan_csv(plan)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"\xff\xd8\xff\xe0rest", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"RIFF0000WEBPrest", "image/webp"),
        (b"RIFF0000WAVErest", None),
        (b"<svg/>", None),
        (b"GIF89a", None),
        (b"", None),
    ],
)
def test_a_picture_is_told_by_its_first_bytes(body: bytes, media_type: str | None) -> None:
    assert media_type_of(body) == media_type
