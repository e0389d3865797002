"""Exports as a back office, or a person with a spreadsheet program, would leave them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl

from services.ingest.imports import presets
from services.ingest.imports.document import ImportedOrder
from services.ingest.imports.rows import Read, RefusedOrder, Survey
from services.ingest.imports.sheets import open_sheet

NOW = datetime(2026, 5, 21, 4, 0, tzinfo=UTC)
ROW: Mapping[str, Any] = {
    "订单号": "900000000000000001",
    "订单状态": "待发货",
    "下单时间": "2026-05-20 09:31:30",
    "付款时间": "2026-05-20 09:31:40",
    "应付金额": "105.00",
    "运费": "5.00",
    "收件人": "测试收货人",
    "手机号": "13000001234",
    "省": "浙江省",
    "市": "杭州市",
    "区": "西湖区",
    "详细地址": "测试路 1 号",
    "商家编码": "SKU-A",
    "商品名称": "测试商品",
    "数量": "2",
    "单价": "60.00",
    "买家留言": "请用纸箱",
}


def table(*rows: Mapping[str, Any]) -> list[list[Any]]:
    """Header and rows; a row has what it changes of ROW."""
    full = [{**ROW, **row} for row in rows]
    header = list(dict.fromkeys(name for row in full for name in row))
    return [header, *([row.get(name, "") for name in header] for row in full)]


def csv_file(
    folder: Path, rows: Iterable[Sequence[Any]], *, encoding: str = "utf-8", delimiter: str = ","
) -> Path:
    """A CSV file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path = folder / "导出.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def xlsx_file(folder: Path, rows: Iterable[Sequence[Any]], *, title: str = "订单") -> Path:
    """A workbook as a spreadsheet program writes it."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    path = folder / "导出.xlsx"
    book.save(path)
    return path


def read(path: Path, preset: str = "generic") -> list[Read]:
    """Every order of a file."""
    with Survey(open_sheet(path), presets.load(preset), lambda _: None) as survey:
        return list(survey.orders(NOW))


def orders_in(path: Path, preset: str = "generic") -> list[ImportedOrder]:
    """The orders of a file in which nothing is wrong."""
    found = read(path, preset)
    assert not [one for one in found if isinstance(one, RefusedOrder)], found
    return [one for one in found if isinstance(one, ImportedOrder)]


def errors_in(path: Path, preset: str = "generic") -> list[tuple[int, str, str]]:
    """Row, column and reason of everything that is wrong."""
    return [
        (error.row, error.column, error.why)
        for one in read(path, preset)
        if isinstance(one, RefusedOrder)
        for error in one.errors
    ]
