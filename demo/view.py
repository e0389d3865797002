"""The live view of a run: on a terminal a page that redraws itself, otherwise plain lines."""

from __future__ import annotations

from collections import deque

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.figures import Moment
from services.console import words

TITLES = {
    "awaiting_payment": "待支付",
    "awaiting_review": "已支付待审核",
    "awaiting_print": "待打单",
    "preparing": "已打单待发货",
    "shipped": "已发货",
    "completed": "已完成",
    "cancelled": "已取消",
}
BOOKS = {
    "oversold_units": "超卖件数",
    "negative_rows": "负库存行",
    "reserved_mismatch": "预占差异",
    "ledger_mismatch": "台账差异",
    "batch_mismatch": "批次差异",
    "quota_mismatch": "配额差异",
    "campaign_mismatch": "活动专留差异",
    "promise_mismatch": "预售差异",
    "valkey_difference": "缓存差异",
}
WINDOW = 10


class View:
    """Keeps the last moments to show rates."""

    def __init__(self, addresses: tuple[tuple[str, str], ...]) -> None:
        self._addresses = addresses
        self._seen: deque[tuple[float, Moment]] = deque(maxlen=WINDOW)

    def add(self, at_s: float, moment: Moment) -> None:
        """Takes a new moment, `at_s` seconds after the start."""
        self._seen.append((at_s, moment))

    def line(self) -> str:
        """One plain line."""
        at_s, moment = self._seen[-1]
        funnel = " ".join(f"{TITLES[s]} {moment.funnel.get(s, 0)}" for s in TITLES)
        books = "账实相符" if not any(moment.invariants.values()) else f"差异 {moment.invariants}"
        return (
            f"[{at_s:5.0f}s] 平台下单 {moment.placed} | {funnel} | 退款到账 "
            f"{moment.refunds.get('settled', 0)} | {books}"
        )

    def page(self) -> Group:
        """The whole page."""
        if not self._seen:
            return Group(Panel(Text("等待第一批订单…")), self._address_panel())
        at_s, moment = self._seen[-1]
        head = Table.grid(expand=True)
        head.add_row(self._funnel(moment), self._channels(moment), self._stock(moment))
        return Group(
            head,
            self._exceptions(moment),
            self._address_panel(),
            Text(
                f"已运行 {at_s:.0f} 秒 · 进程重启 {moment.restarts} 次 · 按 q 或 Ctrl-C 结束",
                style="dim",
            ),
        )

    def _funnel(self, moment: Moment) -> Panel:
        table = Table.grid(padding=(0, 2))
        widest = max([*moment.funnel.values(), 1])
        for state, title in TITLES.items():
            count = moment.funnel.get(state, 0)
            table.add_row(title, str(count), "█" * round(20 * count / widest))
        return Panel(table, title="订单环节")

    def _channels(self, moment: Moment) -> Panel:
        table = Table.grid(padding=(0, 2))
        first_s, first = self._seen[0]
        span_s = max(self._seen[-1][0] - first_s, 0.001)
        for channel, count in sorted(moment.by_channel.items()):
            rate = (count - first.by_channel.get(channel, 0)) / span_s
            table.add_row(words.channel(channel), f"{count} 单", f"{rate:.1f} 单/秒")
        table.add_row("待发布", f"{moment.unpublished} 批", "")
        refunds = moment.refunds
        table.add_row(
            "退款", f"{refunds.get('requested', 0)} 申请", f"{refunds.get('settled', 0)} 到账"
        )
        return Panel(table, title="渠道与退款")

    def _stock(self, moment: Moment) -> Panel:
        table = Table.grid(padding=(0, 2))
        for name, title in BOOKS.items():
            value = moment.invariants.get(name, 0)
            table.add_row(title, Text(str(value), style="red bold" if value else "green"))
        return Panel(table, title="库存账")

    @staticmethod
    def _exceptions(moment: Moment) -> Panel:
        rows = "\n".join(f"{order_id}  {text}" for order_id, text in moment.exceptions)
        return Panel(Text(rows or "没有异常"), title="最近异常")

    def _address_panel(self) -> Panel:
        table = Table.grid(padding=(0, 2))
        for name, address in self._addresses:
            table.add_row(name, address)
        return Panel(table, title="入口")
