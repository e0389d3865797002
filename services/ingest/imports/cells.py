"""One cell at a time: what a person, a back office or a spreadsheet program put there, as a value or with the reason why not.

Guarantees: pure; money never passes through float arithmetic; what a spreadsheet program has damaged (long numbers
in scientific notation, digits turned to zeros, days turned to numbers) is refused, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from msgspec import Struct

from services.ingest.channels._wire import yuan
from services.ingest.domain.model import Problem
from services.ingest.shanghai import SHANGHAI


class Formula(Struct, frozen=True):
    """A cell that is computed. What it shows is not in the file for certain."""

    text: str


Cell: TypeAlias = str | int | float | Formula | None
"""What a sheet gives. Its dates come as text, in the form in which `moment` reads them."""


class Refusal(Struct, frozen=True):
    """Why a cell gives no value."""

    why: str


DIGITS_KEPT = 15
"""So many digits of a number a spreadsheet program keeps (IEEE 754 double; Excel's own limit)."""
ZEROS_TELLING = 3
TEXT_CHARS_MAX = 4000
NUMBER_CHARS_MAX = 64
_QUOTED = re.compile(r'^=\s*"((?:[^"]|"")*)"$')
_SCIENTIFIC = re.compile(r"^[0-9](?:\.[0-9]+)?[eE]\+[0-9]{2,}$")
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"})
_NOTHING = frozenset({"", "-", "--", "—", "——", "/", "无", "null", "NULL", "None"})
_THOUSANDS = re.compile(r"^-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?$")
_PIECES = re.compile(r"^([0-9]{1,9})(?:\.0+)?$")
_DATE = re.compile(
    r"^(\d{4})(?:-|/|\.|年)(\d{1,2})(?:-|/|\.|月)(\d{1,2})日?"
    r"(?:[T\s]\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d{1,9})?)?)?$"
)
_STAMP = re.compile(r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$")
AHEAD_MAX = timedelta(days=1)

SCIENTIFIC = "长数字被表格软件改成了科学计数，末几位已丢失：请重新导出，或把该列设为文本后再粘贴"
ZEROED = "末几位都是 0，像是被表格软件抹掉的：请重新导出，不要用表格软件另存"
COMPUTED = "是公式，文件里没有可靠的值：请复制后“选择性粘贴为数值”"


def words(cell: Cell) -> str | Refusal:
    """Text without the quotes, apostrophes and tabs that keep spreadsheet programs from changing it."""
    match cell:
        case None:
            return ""
        case Formula(text):
            quoted = _QUOTED.match(text.strip())
            return quoted[1].replace('""', '"').strip() if quoted else Refusal(COMPUTED)
        case float():
            return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
        case int():
            return str(cell)
        case str():
            text = cell.strip().strip("\ufeff\u200b").strip()
            if quoted := _QUOTED.match(text):
                text = quoted[1].replace('""', '"').strip()
            if text in _ERRORS:
                return Refusal(f"是表格软件的错误值 {text}")
            if len(text) > TEXT_CHARS_MAX:
                return Refusal(f"超过 {TEXT_CHARS_MAX} 个字")
            return text


def plain(cell: Cell) -> str | Refusal:
    """Text where a dash or 无 means nothing."""
    text = words(cell)
    return "" if isinstance(text, str) and text in _NOTHING else text


def number(cell: Cell) -> str | Refusal:
    """The number of an order, a line or a SKU: text, with every digit it had."""
    if isinstance(cell, float) and not cell.is_integer():
        return Refusal("是小数，不是编号")
    if isinstance(cell, int | float):
        if abs(cell) >= 10**DIGITS_KEPT:
            return Refusal(SCIENTIFIC)
        return str(int(cell)) if cell >= 0 else Refusal("是负数，不是编号")
    text = plain(cell)
    if isinstance(text, Refusal):
        return text
    text = text.removeprefix("'").strip()
    if text.startswith("="):
        return Refusal(COMPUTED)
    if _STAMP.match(text):
        return Refusal("被表格软件改成了日期：请重新导出")
    if _SCIENTIFIC.match(text):
        return Refusal(SCIENTIFIC)
    if (
        text.isdecimal()
        and not text[DIGITS_KEPT:].strip("0")
        and len(text) >= (DIGITS_KEPT + ZEROS_TELLING)
    ):
        return Refusal(ZEROED)
    return text if len(text) <= NUMBER_CHARS_MAX else Refusal(f"超过 {NUMBER_CHARS_MAX} 个字符")


def fen(cell: Cell) -> int | Refusal | None:
    """An amount in yuan as fen; None for an empty cell."""
    if isinstance(cell, int | float):
        amount: str | float = cell if isinstance(cell, float) else str(cell)
    else:
        text = plain(cell)
        if isinstance(text, Refusal):
            return text
        text = unicodedata.normalize("NFKC", text).removeprefix("'")
        text = text.replace("￥", "¥").removeprefix("¥").removesuffix("元").strip()
        if not text:
            return None
        amount = text.replace(",", "") if _THOUSANDS.match(text) else text
    problems: list[Problem] = []
    found = yuan(amount, "", problems)
    if problems:
        return Refusal("不是金额（元，最多两位小数）")
    return found if found >= 0 else Refusal("金额是负数")


def pieces(cell: Cell) -> int | Refusal:
    """Whole pieces, at least one."""
    text = plain(cell)
    if isinstance(text, Refusal):
        return text
    found = _PIECES.match(unicodedata.normalize("NFKC", text))
    quantity = int(found[1]) if found else 0
    return quantity if 0 < quantity <= 1_000_000 else Refusal("不是件数（1 到 1000000 的整数）")


def moment(cell: Cell, now: datetime) -> datetime | Refusal | None:
    """A time of Shanghai as aware UTC; None for an empty cell or a zero date."""
    if isinstance(cell, int | float):
        return Refusal("是数字而不是日期：请把该列设为日期格式，或重新导出")
    text = plain(cell)
    if isinstance(text, Refusal):
        return text
    text = unicodedata.normalize("NFKC", text).removeprefix("'")
    if not text or text.startswith(("0000", "1970-01-01", "1970/1/1")):
        return None
    written = _written(text)
    if written is None:
        return Refusal("不是能确定的日期时间（如 2026-05-20 09:31:40）")
    at = written.replace(tzinfo=SHANGHAI).astimezone(UTC)
    if not 2000 <= at.year < 2100:
        return Refusal("年份不可能")
    return at if at <= now + AHEAD_MAX else Refusal("在将来")


def _written(text: str) -> datetime | None:
    found = _DATE.match(text)
    if found is None:
        return None
    parts = [int(part or 0) for part in found.groups()]
    try:
        return datetime(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])  # noqa: DTZ001 — the zone is the caller's
    except ValueError:
        return None


def header(cell: Cell) -> str:
    """A column's name as presets write it: half-width brackets, no blanks or marks around it."""
    text = words(cell)
    if isinstance(text, Refusal):
        return ""
    return unicodedata.normalize("NFKC", text).replace("\n", "").replace(" ", "").removeprefix("*")


def wording(text: str) -> str:
    """A state as presets write it: half-width punctuation, no blanks."""
    return unicodedata.normalize("NFKC", text).replace(" ", "")
