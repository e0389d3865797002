"""A purchase plan, and who goes short in it, as tables for a spreadsheet.

Guarantees: UTF-8 with a byte order mark, which spreadsheets need for Chinese; no cell is read as a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from chassis.money import yuan_text
from services.ingest.domain.purchase import PurchasePlan, Shortage

PLAN_HEAD = (
    "日期",
    "SKU",
    "商品",
    "自提点编号",
    "自提点",
    "团长",
    "订购件数",
    "到货件数",
    "单价(元)",
    "金额(元)",
)
SHARES_HEAD = ("接龙号", "订单号", "自提点编号", "订购件数", "分得件数", "应退(元)")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plan_rows(plan: PurchasePlan) -> Iterable[tuple[str, ...]]:
    """One row an article and station."""
    for line in plan.lines:
        for station in line.stations:
            yield (
                plan.day.isoformat(),
                line.sku,
                line.title,
                station.station_id,
                station.name,
                station.leader_id,
                str(station.ordered),
                str(station.allotted),
                yuan_text(line.price_fen),
                yuan_text(line.price_fen * station.allotted),
            )


def share_rows(shortage: Shortage) -> Iterable[tuple[str, ...]]:
    """One row an order."""
    for share in shortage.shares:
        yield (
            str(share.number),
            share.order_no,
            share.station_id,
            str(share.ordered),
            str(share.allotted),
            yuan_text(share.refund_fen),
        )


def plan_csv(plan: PurchasePlan) -> str:
    """The plan as CSV."""
    return as_csv(PLAN_HEAD, plan_rows(plan))


def as_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return "\ufeff" + text.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
