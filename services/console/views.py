"""What pages and API show, read from the console's tables in a few bounded queries.

Guarantees: a list is one keyset query of one page; personal data leave this module masked only; every value
carries its business words beside its code.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock
from chassis.codec import Codec
from chassis.crypto import PersonalSeal
from chassis.postgres import Pool
from chassis.processor import Kept
from schemas.events.orders import OrderAmended, OrderLinesMatched, OrderPlaced
from services.console import words
from services.console.content import Content, content_of
from services.console.domain.model import HOURS_COUNTED, LASTING, Card, standing_flags
from services.console.domain.waiting import promise_of, waits_for

QUERY_CHARS_MAX = 64
TIMELINE_MAX = 500
"""An order with more lines than this shows its newest ones."""
FLAGGED_COUNTED_MAX = 1000
"""Orders keep 售后中 and 整单已退 for ever; of a flag's orders only so many are counted, the newest."""
FUNNEL_STATES = tuple(state for state in words.STATES if state)

_decoder = msgspec.json.Decoder(Kept[Card])


class Shown(BaseModel):
    """Base of what is shown: immutable."""

    model_config = ConfigDict(frozen=True)


class Flag(Shown):
    """Something special about an order."""

    code: str
    title: str


class OrderItem(Shown):
    """One order in a list. Money in the minor unit of its currency (fen of yuan), times in UTC."""

    order_id: str = Field(description="订单号；已隔离的报文为来源键")
    state: str
    state_title: str
    channel: str
    channel_title: str
    shop: str
    channel_order_no: str
    line_summary: str
    payable_fen: int
    paid_fen: int
    refund_fen: int
    currency: str = Field(description="币种；以上金额都是它的最小单位，人民币就是分")
    province: str
    city: str
    placed_at: datetime | None
    accepted_at: datetime | None
    held_at: datetime | None
    routed_at: datetime | None
    updated_at: datetime | None
    ship_by: datetime | None
    promised_for: datetime | None = Field(description="预售答应的发货日期；没有预售时为空")
    promise: str = Field(description="距承诺发货时间；不需要发货时为空")
    promise_tone: str = Field(description="late 已超时，soon 临近，calm 充裕；不需要发货时为空")
    warehouse: str
    warehouse_title: str
    carrier: str
    carrier_title: str
    waybill_no: str
    other_waybill_nos: tuple[str, ...] = Field(description="其他包裹的和换下来的运单号")
    flags: tuple[Flag, ...]


class OrderList(Shown):
    """One page of orders, newest first."""

    orders: tuple[OrderItem, ...]
    before: str = Field(description="下一页的游标；空 = 没有更早的订单")


class TimelineEntry(Shown):
    """One thing that happened to an order."""

    at: datetime
    title: str
    detail: str
    source: str
    source_title: str
    actor: str
    basis: str
    kind: str
    version: int
    partition: int
    offset: int


class OrderDetail(Shown):
    """All that is known of one order."""

    order: OrderItem
    waits_for: str
    content: Content | None
    timeline: tuple[TimelineEntry, ...]
    open_refunds: tuple[str, ...]
    payouts_given_up: tuple[str, ...] = Field(description="打款已停下、等人核实的退款单号")
    payouts_by_hand: tuple[str, ...] = Field(
        description="其中支付渠道不收币种、要在店铺后台退款的退款单号"
    )
    double_refunds: tuple[str, ...] = Field(description="疑似重复退款、等人核实的退款单号")


class Waiting(Shown):
    """How many orders have a payout that was given up, and money that may have gone twice."""

    payouts: int
    double_refunds: int


class FunnelStep(Shown):
    """How many orders are in one state."""

    state: str
    title: str
    orders: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; "" = not at all. Filters of different kinds all hold at once."""

    state: str = ""
    channel: str = ""
    hour: str = ""
    """Shanghai hour of ordering, `2026-11-11T09`."""
    flag: str = ""
    query: str = ""
    """One order: our id, the channel's number or the waybill number. The other filters then rest."""
    before: str = ""
    """Cursor of the page before."""

    def sane(self) -> Filters:
        """The same without values that mean nothing."""
        return replace(
            self,
            state=self.state if self.state in words.STATES else "",
            channel=self.channel if self.channel in words.CHANNELS else "",
            hour=self.hour if hour_start(self.hour) else "",
            flag=self.flag if self.flag in words.FLAGS else "",
            query=self.query.strip()[:QUERY_CHARS_MAX].replace("\x00", ""),
            before=self.before if _cursor(self.before) else "",
        )


def hour_start(text: str) -> datetime | None:
    """The UTC start of a Shanghai hour `2026-11-11T09`, or None."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=words.SHANGHAI).astimezone(UTC)
    except ValueError:
        return None


def _cursor(text: str) -> tuple[datetime, str] | None:
    try:
        at, _, key = base64.urlsafe_b64decode(text.encode()).decode().partition("|")
        placed_at = datetime.fromisoformat(at)
    except (ValueError, binascii.Error):
        return None
    return (placed_at, key) if placed_at.tzinfo else None


def _cursor_text(placed_at: datetime, key: str) -> str:
    return base64.urlsafe_b64encode(f"{placed_at.isoformat()}|{key}".encode()).decode()


def conditions(filters: Filters) -> tuple[str, list[object]]:
    """SQL conditions of a list and their values, numbered from $1."""
    wanted: list[tuple[str, object]] = []
    if filters.state:
        wanted.append(("state = {}", filters.state))
    if filters.channel:
        wanted.append(("channel = {}", filters.channel))
    if start := hour_start(filters.hour):
        wanted.append(("placed_at >= {}", start))
        wanted.append(("placed_at < {}", start + timedelta(hours=1)))
    text = ["placed_at IS NOT NULL"]
    values: list[object] = []
    for condition, value in wanted:
        values.append(value)
        text.append(condition.format(f"${len(values)}"))
    if filters.flag:
        text += _flagged(filters.flag)
    if cursor := _cursor(filters.before):
        values += cursor
        text.append(f"(placed_at, key) < (${len(values) - 1}, ${len(values)})")
    return " AND ".join(text), values


def _flagged(flag: str) -> list[str]:
    """What is said of the flag's orders, in the indexes' own words: the planner takes the smallest that has them all."""
    assert flag in words.FLAGS, "filters are sane"
    with_flag = ["flags <> ''", f"strpos(flags, ' {flag} ') > 0"]
    return with_flag if flag in LASTING else [*with_flag, "state NOT IN ('completed', 'cancelled')"]


def counting(filters: Filters) -> tuple[str, list[object]]:
    """SQL that counts a list by state, and its values; under a flag its newest FLAGGED_COUNTED_MAX."""
    where, values = conditions(replace(filters, state="", before=""))
    newest = f" ORDER BY placed_at DESC LIMIT {FLAGGED_COUNTED_MAX:d}" if filters.flag else ""
    narrowed = f"SELECT state FROM console.cards WHERE {where}{newest}"  # noqa: S608 — our own texts
    return f"SELECT state, count(*) AS orders FROM ({narrowed}) AS narrowed GROUP BY state", values  # noqa: S608


class Views:
    """The queries. `seal` is None where no master key is set: receivers are then not shown at all."""

    def __init__(self, pool: Pool, codec: Codec, clock: Clock, seal: PersonalSeal | None) -> None:
        self._pool = pool
        self._codec = codec
        self._clock = clock
        self._seal = seal

    def now(self) -> datetime:
        """The time pages reckon from."""
        return self._clock.now()

    async def orders(self, filters: Filters, limit: int) -> OrderList:
        """One page, newest first."""
        if filters.query:
            rows = await self._found(filters.query, limit)
            return OrderList(orders=self._items(rows), before="")
        where, values = conditions(filters)
        rows = await self._pool.fetch(
            f"SELECT key, document, placed_at FROM console.cards WHERE {where} "  # noqa: S608 — our own texts
            f"ORDER BY placed_at DESC, key DESC LIMIT {limit + 1:d}",
            *values,
        )
        before = ""
        if len(rows) > limit:
            last = rows[limit - 1]
            before = _cursor_text(last["placed_at"], last["key"])
        return OrderList(orders=self._items(rows[:limit]), before=before)

    async def _found(self, query: str, limit: int) -> Sequence[Any]:
        return await self._pool.fetch(
            "SELECT key, document FROM console.cards WHERE key = $1 OR channel_order_no = $1 "
            "OR (waybill_no = $1 AND waybill_no <> '') "
            "OR key = ANY(ARRAY(SELECT order_id FROM console.waybills WHERE waybill_no = $1)) ORDER BY placed_at DESC NULLS LAST LIMIT $2",
            query,
            limit,
        )

    async def funnel(self, filters: Filters) -> tuple[FunnelStep, ...]:
        """Orders by state under all filters but the state's own. Exact, but for a flag that very many have."""
        start = hour_start(filters.hour)
        if filters.flag or (start and start < self._clock.now() - HOURS_COUNTED):
            statement, values = counting(filters)
            rows = await self._pool.fetch(statement, *values)
        else:
            rows = await self._pool.fetch(
                "SELECT state, sum(orders)::bigint AS orders FROM ("
                "  SELECT hour, channel, state, orders FROM console.funnel UNION ALL"
                "  SELECT hour, channel, state, orders FROM console.funnel_changes) AS counted "
                "WHERE ($1 = '' OR channel = $1) AND ($2::timestamptz IS NULL OR hour = $2) "
                "GROUP BY state",
                filters.channel,
                start,
            )
        counts = {row["state"]: row["orders"] for row in rows}
        return tuple(
            FunnelStep(state=state, title=words.STATES[state], orders=counts.get(state, 0))
            for state in FUNNEL_STATES
        )

    async def waiting(self) -> Waiting:
        """How many orders wait for a person because of their refunds."""
        # The conditions are the indexes' own.
        row = await self._pool.fetchrow(
            "SELECT (SELECT count(*) FROM console.cards WHERE strpos(flags, ' payout ') > 0) AS payouts, "
            "(SELECT count(*) FROM console.cards WHERE strpos(flags, ' double_refund ') > 0) AS double_refunds"
        )
        assert row is not None, "two counts are one row"
        return Waiting(payouts=row["payouts"], double_refunds=row["double_refunds"])

    async def order(self, order_id: str) -> OrderDetail | None:
        """One order with its timeline, or None when nothing is known under this id."""
        row = await self._pool.fetchrow(
            "SELECT key, document FROM console.cards WHERE key = $1", order_id.replace("\x00", "")
        )
        if row is None:
            return None
        lines = await self._pool.fetch(
            'SELECT at, seq, source, kind, title_zh, detail_zh, actor, basis, partition, "offset", content '
            "FROM console.timeline WHERE order_id = $1 "
            # In the same millisecond the cause stands before the state it led to.
            "ORDER BY at DESC, source = 'order-states' DESC, source, seq DESC LIMIT $2",
            order_id,
            TIMELINE_MAX,
        )
        kept = _decoder.decode(row["document"])
        card = kept.state or Card()
        return OrderDetail(
            order=self._item(row["key"], card),
            waits_for=waits_for(card),
            content=await self._content(order_id, lines),
            timeline=tuple(_line(line) for line in lines),
            open_refunds=card.open_refunds,
            payouts_given_up=card.payouts_given_up,
            payouts_by_hand=card.payouts_by_hand,
            double_refunds=card.double_refunds,
        )

    async def _content(self, order_id: str, lines: Sequence[Any]) -> Content | None:
        """What the channel said: the order as placed, with its newest amendment."""
        events = [self._codec.decode(line["content"]) for line in lines if line["content"]]
        placed = next((event for event in events if isinstance(event, OrderPlaced)), None)
        if placed is None:
            return None
        amended = next((event for event in events if isinstance(event, OrderAmended)), None)
        matched = next((event for event in events if isinstance(event, OrderLinesMatched)), None)
        if matched is not None:
            placed = msgspec.structs.replace(
                placed, lines=matched.lines, discount_fen=matched.discount_fen
            )
        wrapped = await self._pool.fetchval(
            "SELECT wrapped_key FROM chassis.personal_keys WHERE order_id = $1", order_id
        )
        return content_of(placed, amended, self._seal, wrapped)

    def _items(self, rows: Sequence[Any]) -> tuple[OrderItem, ...]:
        return tuple(
            self._item(row["key"], _decoder.decode(row["document"]).state or Card()) for row in rows
        )

    def _item(self, key: str, card: Card) -> OrderItem:
        promise = promise_of(card, self._clock.now())
        return OrderItem(
            order_id=key,
            state=card.state,
            state_title=words.state(card.state),
            channel=card.channel,
            channel_title=words.channel(card.channel),
            shop=card.shop,
            channel_order_no=card.channel_order_no,
            line_summary=card.line_summary,
            payable_fen=card.payable_fen,
            paid_fen=card.paid_fen,
            refund_fen=card.refund_fen,
            currency=card.currency,
            province=card.province,
            city=card.city,
            placed_at=card.placed_at,
            accepted_at=card.accepted_at,
            held_at=card.held_at,
            routed_at=card.routed_at,
            updated_at=card.updated_at,
            ship_by=card.ship_by,
            promised_for=card.promised_for if "presale" in standing_flags(card) else None,
            promise=promise.text if promise else "",
            promise_tone=promise.tone if promise else "",
            warehouse=card.warehouse,
            warehouse_title=words.warehouse(card.warehouse),
            carrier=card.carrier,
            carrier_title=words.carrier(card.carrier),
            waybill_no=card.waybill_no,
            other_waybill_nos=card.other_waybills,
            flags=tuple(Flag(code=code, title=words.flag(code)) for code in standing_flags(card)),
        )


def _line(row: Any) -> TimelineEntry:
    return TimelineEntry(
        at=row["at"],
        title=row["title_zh"],
        detail=words.say(row["detail_zh"]),
        source=row["source"],
        source_title=words.SOURCES.get(row["source"], words.say(row["source"])),
        actor=words.say(row["actor"]),
        basis=row["basis"],
        kind=row["kind"],
        version=row["seq"],
        partition=row["partition"],
        offset=row["offset"],
    )
