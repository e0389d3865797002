"""The rows of a CSV file in UTF-8, each with its number (the header is row 1), or why they cannot be read."""

from __future__ import annotations

import csv
import io

from msgspec import Struct

Row = tuple[int, list[str]]


class RowFault(Struct, frozen=True):
    """A row that cannot be used, and why."""

    row: int
    why: str


def read_rows(content: bytes) -> list[Row] | RowFault:
    """Every row as it stands, the header too; a file is read whole or not at all."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content[: error.start].count(b"\n") + 1
        return RowFault(row, "not UTF-8; save the file as CSV UTF-8")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        return RowFault(reader.line_num, str(error))
