"""How an import looks on a terminal: what was understood, the first orders, every error, the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chassis.crypto import mask_name, mask_phone
from chassis.money import yuan_text
from cli import printing
from services.ingest.domain.model import PiiKind
from services.ingest.imports import reader
from services.ingest.imports.document import ImportedOrder
from services.ingest.imports.door import Progress as Done
from services.ingest.imports.presets import Loaded
from services.ingest.imports.rows import RefusedOrder, Survey

PREVIEW_ORDERS = 5
FIELDS = {
    "order.no": "订单号", "order.state": "订单状态", "order.created": "下单时间", "order.paid": "付款时间",
    "order.shipped": "发货时间", "order.ended": "完成时间", "order.ship_by": "最晚发货", "order.payable": "应付",
    "order.freight": "运费", "order.name": "收件人", "order.phone": "手机号", "order.province": "省",
    "order.city": "市", "order.district": "区县", "order.town": "街道", "order.address": "地址",
    "order.buyer_memo": "买家留言", "order.seller_memo": "商家备注", "line.no": "子订单号",
    "line.sku_id": "平台规格编号", "line.merchant_sku": "商家编码", "line.title": "商品名称",
    "line.quantity": "件数", "line.unit_price": "单价", "line.total": "商品总价", "line.payable": "商品应付",
    "line.freight": "商品运费", "line.refund": "售后状态",
}  # fmt: skip


class Reading:
    """Shows how many rows were read."""

    def __init__(self, console: Console) -> None:
        self._shown = Progress(
            TextColumn("{task.description}"), console=console, transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._row = self._shown.add_task("正在读文件…", total=None)

    def __enter__(self) -> Self:
        self._shown.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    def rows(self, count: int) -> None:
        """So many rows were read."""
        self._shown.update(self._row, description=f"正在读文件… {count} 行")

    def stop(self) -> None:
        """Clears the line; a second call does nothing."""
        self._shown.stop()


def reading(console: Console) -> Reading:
    """The line that is shown while the file is read."""
    return Reading(console)


@contextmanager
def sending(console: Console, entries: int) -> Iterator[Callable[[int], None]]:
    """The bar that is shown while orders are sent; it is told how many are done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        row = shown.add_task("导入", total=entries)
        yield lambda done: shown.update(row, completed=done)


def preview(
    console: Console,
    survey: Survey,
    refused: Sequence[RefusedOrder],
    now: datetime,
) -> None:
    """The mapping, the first orders, and every error by row."""
    sheet, loaded = survey.sheet, survey.loaded
    how = (
        f"{sheet.encoding.removesuffix('-sig').upper()}"
        if sheet.encoding
        else f"工作表“{sheet.name}”"
    )
    console.print(f"{sheet.path.name}（{how}），按预设 {loaded.name}：{loaded.preset.title}")
    if loaded.preset.note:
        console.print(loaded.preset.note, style="dim")
    good = (one for one in survey.orders(now) if isinstance(one, ImportedOrder))
    first = list(islice(good, PREVIEW_ORDERS))
    _print_mapping(console, survey)
    _print_orders(console, first)
    _print_errors(console, refused)
    unnamed = sum(not one.order_no for one in refused)
    text = f"共 {survey.order_count} 单，其中 {len(refused) - unnamed} 单不能导入"
    console.print(text + (f"；另有 {unnamed} 行没有可用的订单号" if unnamed else ""))
    held = sum(_is_awaited(one) for one in first)
    if held:
        console.print("收件人打码或缺失的订单：先占库存，平台告知收件人后才发货", style="yellow")


def _is_awaited(order: ImportedOrder) -> bool:
    found = reader.normalised(order, "").order
    return found is not None and found.hold == reader.RECEIVER_AWAITED


def _print_mapping(console: Console, survey: Survey) -> None:
    table = Table("字段", "文件里的列", title="对应关系")
    columns = survey.columns
    for field, title in FIELDS.items():
        if field in columns.at:
            table.add_row(title, columns.name_of(field))
    unused = [
        name
        for place, name in enumerate(columns.headers)
        if name and place not in columns.at.values()
    ]
    printing.show(table, stderr=console.stderr)
    if unused:
        console.print(f"没有用到的列：{'、'.join(unused)}", style="dim")


def _print_orders(console: Console, orders: Iterable[ImportedOrder]) -> None:
    table = Table(
        "行", *printing.keys("订单号"), "状态", "商品 × 件数", "应付", "运费", "收件人", "地区",
        title=f"前 {PREVIEW_ORDERS} 单",
    )  # fmt: skip
    for order in orders:
        found = reader.normalised(order, "").order
        goods = "\n".join(
            f"{line.merchant_sku or line.sku_id} × {line.quantity}" for line in order.lines
        )
        to = order.receiver
        clear = found is not None and found.receiver.pii is PiiKind.PLAIN
        name, phone = (mask_name(to.name), mask_phone(to.phone)) if clear else (to.name, to.phone)
        table.add_row(
            "、".join(str(row.row) for row in order.evidence.rows),
            order.order_no,
            f"{order.raw_state} → {order.state}",
            goods,
            yuan_text(order.payable_fen),
            yuan_text(order.freight_fen),
            f"{name} {phone}".strip() or "（无）",
            f"{to.province} {to.city} {to.district}".strip(),
        )
    printing.show(table, stderr=console.stderr)


def _print_errors(console: Console, refused: Sequence[RefusedOrder]) -> None:
    for one in refused:
        for error in one.errors:
            where = f"第 {error.row} 行" + (f"［{error.column}］" if error.column else "：")
            value = f"“{error.value}”" if error.value else ""
            whose = f"（订单 {one.order_no}）" if one.order_no else ""
            console.print(f"{where}{value}{error.why}{whose}", style="red")


def summary(console: Console, done: Done, reasons: Counter[str], *, dry_run: bool) -> None:
    """What became of the orders."""
    console.print("演练结果，什么都没有写入" if dry_run else "导入完成")
    table = Table("读到", "新订单", "已有", "被拒")
    table.add_row(str(done.orders_done), str(done.fresh), str(done.known), str(done.refused))
    printing.show(table, stderr=console.stderr)
    for reason, count in reasons.most_common():
        console.print(f"  {count} × {reason}")


def presets(console: Console, known: Sequence[Loaded]) -> None:
    """Every preset with what it reads."""
    table = Table("预设", "渠道", "读什么")
    for one in known:
        table.add_row(one.name, one.preset.channel or "任何", one.preset.title)
    printing.show(table, stderr=console.stderr)
