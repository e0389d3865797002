"""What the pages of the stock say: one table a kind of code, as in words.py. docs/when-the-numbers-differ.md says more."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from services.console.words import say

LEVELS: Mapping[str, str] = MappingProxyType({"late": "售罄", "soon": "偏低", "good": "有货"})

MOVEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "receipt": "入库",
        "deduction": "出库",
        "return": "退货入库",
        "adjustment": "调整",
        "count": "盘点",
        "transfer_out": "调拨出",
        "transfer_in": "调拨入",
        "repair": "修账",
    }
)

STATES: Mapping[str, str] = MappingProxyType(
    {"open": "待处理", "closed": "已补记", "superseded": "之后又对过账"}
)

TASKS: Mapping[str, str] = MappingProxyType(
    {"difference": "查清差异", "count": "盘点", "limit_sales": "限流"}
)

TASK_ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "difference": "逐条查清，补记单据，再用单据号关闭；差一件都关不掉。",
        "count": "开盘点单清点实物，由没有参与清点的人审核，再用盘点单结束。",
        "limit_sales": "预占多于实物：先在平台限购或下架，系统不会自动限流；处理完写明原因结束。",
    }
)

HINTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "unbooked_in": ("实物多，有货没入账", "查到货没入库、退货上架没登记：补入库单，或调整。"),
        "unbooked_out": ("实物少，有货没出账", "查一单发了两次、破损、丢失：做调整。"),
        "swapped_with": ("可能与 {} 拿错货", "做一张调整单，两行一加一减。"),
        "unit": ("正好 {} 倍，可能把箱当成件", "核对单位，补差额。"),
        "not_in_book": ("账上没有这个 SKU", "先查表里的编码有没有写错。"),
        "not_in_sheet": ("对方的表里没有", "先查表有没有导全。"),
    }
)
"""What a difference looks like, and where to look first."""

DEMAND: Mapping[str, str] = MappingProxyType(
    {
        "smooth": "需求平稳",
        "erratic": "量时大时小",
        "intermittent": "隔三差五才有",
        "lumpy": "难得有，一来就多",
    }
)

_WHY = MappingProxyType(
    {"all differences closed": "差异都已补记", "reconciled again": "之后又对过账"}
)


def demand(code: str) -> str:
    """How a SKU sells."""
    return DEMAND.get(code) or say(code)


def hint(code: str) -> tuple[str, str]:
    """What a difference looks like and what to do first: `unit_x24`, `swapped_with B`, …"""
    name, _, other = code.partition(" ")
    if name.startswith("unit_x"):
        name, other = "unit", name.removeprefix("unit_x")
    known = HINTS.get(name)
    return (known[0].replace("{}", other), known[1]) if known else (say(code), "")


def closed_why(text: str) -> str:
    """Why a task has ended; what a person wrote is left as it is."""
    why = text.partition(":")[0]
    return _WHY.get(why) or text


def percent(ppm: int) -> str:
    """Millionths as a percentage, rounded up to hundredths as the rate itself is: 4201 → "0.43 %"."""
    hundredths = -(-ppm // 100)
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
