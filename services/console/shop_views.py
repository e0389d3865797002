"""What the page of the channels shows: every shop with its standing, its orders, and what waits for a person.

Guarantees: as many queries for a hundred shops as for one, none of which walks through orders that are well; a
shop that only orders tell of is shown, too; one that is not configured any more is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from chassis.clock import Clock
from chassis.postgres import Pool
from chassis.processor import Kept
from schemas.events.shop_states import ShopStateChanged
from services.console import words
from services.console.domain.standing import RANKS, TROUBLED, standing_of
from services.console.domain.waiting import lasting

HOUR = timedelta(hours=1)
NEWEST_MAX = 20
"""Refusals and quarantined payloads shown at once."""
REFUSALS_SEARCHED_MAX = 5_000
"""A shop's own refusals are looked for among so many of all shops."""

MINUTES = """
SELECT channel, shop, max(minute) FILTER (WHERE orders > 0) AS last_order_at,
  coalesce(sum(orders) FILTER (WHERE minute >= $1), 0)::bigint AS orders_today,
  coalesce(sum(orders) FILTER (WHERE minute > $2), 0)::bigint AS orders_last_hour,
  coalesce(sum(applied) FILTER (WHERE minute >= $1), 0)::bigint AS applied_today,
  coalesce(sum(refused) FILTER (WHERE minute >= $1), 0)::bigint AS refused_today
FROM (SELECT * FROM console.shop_minutes UNION ALL SELECT * FROM console.shop_minute_changes) AS counted
GROUP BY channel, shop
"""
WAITING = """
SELECT channel, shop, sum(quarantined)::bigint AS quarantined, sum(refused)::bigint AS refused FROM (
  SELECT channel, document #>> '{state,2}' AS shop, 1 AS quarantined, 0 AS refused
  FROM console.cards WHERE state = 'quarantined'
  UNION ALL
  SELECT channel, document #>> '{state,2}', 0, 1
  FROM console.cards WHERE strpos(flags, ' write_back_refused ') > 0) AS waiting
WHERE channel <> ''
GROUP BY channel, shop
"""
# A line's basis is its write-back, "" on lines from before these were kept.
REFUSALS = """
SELECT told.order_id, told.at, told.detail_zh, card.channel, card.channel_order_no,
  card.document #>> '{state,2}' AS shop,
  strpos(card.flags, ' write_back_refused ') > 0
    AND (told.basis = '' OR (card.document #> '{state,26}')::jsonb ? told.basis) AS waiting
FROM (SELECT order_id, at, detail_zh, basis FROM console.timeline WHERE kind = 'WriteBackRefused'
  ORDER BY at DESC LIMIT $1) AS told
JOIN console.cards AS card ON card.key = told.order_id
WHERE $2 = '' OR card.channel || '|' || (card.document #>> '{state,2}') = $2
ORDER BY told.at DESC LIMIT $3
"""
QUARANTINED = """
SELECT key, placed_at, channel_order_no, document #>> '{state,18}' AS why FROM console.cards
WHERE state = 'quarantined' AND channel || '|' || (document #>> '{state,2}') = $1
ORDER BY placed_at DESC LIMIT $2
"""

_decoder = msgspec.json.Decoder(Kept[ShopStateChanged])


class Shown(BaseModel):
    """Base of what is shown: immutable."""

    model_config = ConfigDict(frozen=True)


class ErrorCount(Shown):
    """Polls in vain of one kind."""

    kind: str
    title: str
    times: int


class ShopItem(Shown):
    """One shop of one channel. Times are UTC, today is Shanghai's."""

    shop_key: str
    channel: str
    channel_title: str
    shop: str
    state: str
    state_title: str
    tone: str = Field(description="late 有问题，soon 留意，good 正常，calm 不轮询或未上报")
    troubled: bool = Field(description="订单进不来，或越来越晚")
    since: datetime | None = Field(description="从何时起处于这个状态；未知为空")
    lasting: str
    delay_s: int | None = Field(description="距已拉取到的时间，秒；不轮询或从未拉取为空")
    delay: str
    polled_until: datetime | None
    last_order_at: datetime | None = Field(
        description="最近一单的下单时间（到分钟）；一天内没有为空"
    )
    orders_today: int
    orders_last_hour: int
    quarantined: int = Field(description="等待处理的隔离报文")
    applied_today: int = Field(description="今天回传成功的次数")
    refused_today: int = Field(description="今天回传被拒的次数")
    refused_waiting: int = Field(description="有回传被拒、还要人处理的订单")
    failures: int = Field(description="连续失败的拉取次数")
    errors: tuple[ErrorCount, ...] = Field(description="各类拉取错误的累计次数")
    last_error: str
    last_error_at: datetime | None
    pushes: int = Field(description="累计收到的推送")
    pushed_at: datetime | None

    @property
    def waiting(self) -> int:
        """What waits for a person."""
        return self.quarantined + self.refused_waiting


class Refusal(Shown):
    """A write-back that the channel refused."""

    order_id: str
    channel_order_no: str
    channel: str
    channel_title: str
    shop: str
    at: datetime
    reason: str
    waiting: bool = Field(description="还要人处理：之后没有回传成功，也不是无需处理的")


class QuarantinedItem(Shown):
    """A payload that waits for a person."""

    source_key: str
    channel_order_no: str
    at: datetime
    why: str


class ShopList(Shown):
    """Every shop, and the newest refusals of all of them."""

    shops: tuple[ShopItem, ...]
    refusals: tuple[Refusal, ...]

    @property
    def troubled(self) -> tuple[ShopItem, ...]:
        """Those to look at, worst first."""
        return by_trouble([shop for shop in self.shops if shop.troubled])


class ShopDetail(Shown):
    """One shop with what was refused and quarantined last."""

    shop: ShopItem
    advice: str
    refusals: tuple[Refusal, ...]
    quarantined: tuple[QuarantinedItem, ...]


class _Counts(Struct, frozen=True, kw_only=True):
    """What the console's own tables say of a shop."""

    last_order_at: datetime | None = None
    orders_today: int = 0
    orders_last_hour: int = 0
    applied_today: int = 0
    refused_today: int = 0


class _Waiting(Struct, frozen=True, kw_only=True):
    quarantined: int = 0
    refused: int = 0


def _trouble(shop: ShopItem) -> tuple[Any, ...]:
    rank = min(RANKS[shop.state], RANKS["normal"])
    # Shops that are well are some seconds behind, one more, one less: rows that people read must not dance.
    behind_s = 0 if rank == RANKS["normal"] else shop.delay_s or 0
    return rank, -shop.waiting, RANKS[shop.state], -behind_s, shop.channel_title, shop.shop


def by_trouble(shops: Sequence[ShopItem]) -> tuple[ShopItem, ...]:
    """The worst first."""
    return tuple(sorted(shops, key=_trouble))


def _most(name: str) -> Callable[[ShopItem], Any]:
    value = attrgetter(name)
    return lambda shop: (-(value(shop) or 0), *_trouble(shop))


ORDERINGS: Mapping[str, Callable[[ShopItem], Any]] = MappingProxyType(
    {
        "trouble": _trouble,
        "shop": attrgetter("channel_title", "shop"),
        "delay": _most("delay_s"),
        "orders": _most("orders_last_hour"),
        "quarantined": _most("quarantined"),
        "refused": _most("refused_waiting"),
    }
)
"""How the list can be sorted."""


class ShopViews:
    """The queries."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def shops(self, sort: str = "trouble") -> ShopList:
        """Every shop; an unknown ordering is the worst first."""
        shops = sorted(await self._items(), key=ORDERINGS.get(sort, _trouble))
        refusals = await self._pool.fetch(REFUSALS, NEWEST_MAX, "", NEWEST_MAX)
        return ShopList(shops=tuple(shops), refusals=tuple(_refusal(row) for row in refusals))

    async def shop(self, shop_key: str) -> ShopDetail | None:
        """One shop, or None when nothing is known of it or it is not configured any more."""
        found = [item for item in await self._items() if item.shop_key == shop_key]
        if not found:
            return None
        refusals = await self._pool.fetch(REFUSALS, REFUSALS_SEARCHED_MAX, shop_key, NEWEST_MAX)
        quarantined = await self._pool.fetch(QUARANTINED, shop_key, NEWEST_MAX)
        return ShopDetail(
            shop=found[0],
            advice=words.SHOP_ADVICE[found[0].state],
            refusals=tuple(_refusal(row) for row in refusals),
            quarantined=tuple(
                QuarantinedItem(
                    source_key=row["key"],
                    channel_order_no=row["channel_order_no"],
                    at=row["placed_at"],
                    why=words.say(row["why"]),
                )
                for row in quarantined
            ),
        )

    async def _items(self) -> list[ShopItem]:
        now = self._clock.now()
        states = {
            (state.channel, state.shop): state
            for row in await self._pool.fetch("SELECT document FROM console.shops")
            if (state := _decoder.decode(row["document"]).state) is not None
        }
        counts = await self._by_shop(MINUTES, _Counts, _midnight(now), now - HOUR)
        waiting = await self._by_shop(WAITING, _Waiting)
        return [
            _item(name, states.get(name), counts.get(name), waiting.get(name), now)
            for name in {*states, *counts, *waiting}
            if name not in states or states[name].configured
        ]

    async def _by_shop(self, query: str, kind: type[Any], *values: object) -> dict[Any, Any]:
        names = kind.__struct_fields__
        return {
            (row["channel"], row["shop"]): kind(**{name: row[name] for name in names})
            for row in await self._pool.fetch(query, *values)
        }


def _midnight(now: datetime) -> datetime:
    return now.astimezone(words.SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)


def _item(
    name: tuple[str, str],
    state: ShopStateChanged | None,
    counts: _Counts | None,
    waiting: _Waiting | None,
    now: datetime,
) -> ShopItem:
    channel, shop = name
    counted, waits = counts or _Counts(), waiting or _Waiting()
    standing = standing_of(state, now)
    return ShopItem(
        shop_key=f"{channel}|{shop}",
        channel=channel,
        channel_title=words.channel(channel),
        shop=shop,
        state=standing.code,
        state_title=words.SHOP_STATES[standing.code],
        tone=standing.tone,
        troubled=standing.code in TROUBLED,
        since=standing.since,
        lasting="" if standing.since is None else lasting(now - standing.since),
        delay_s=None if standing.delay is None else int(standing.delay.total_seconds()),
        delay="" if standing.delay is None else lasting(standing.delay),
        polled_until=state.polled_until if state else None,
        last_order_at=counted.last_order_at,
        orders_today=counted.orders_today,
        orders_last_hour=counted.orders_last_hour,
        quarantined=waits.quarantined,
        applied_today=counted.applied_today,
        refused_today=counted.refused_today,
        refused_waiting=waits.refused,
        failures=state.failures if state else 0,
        errors=tuple(
            ErrorCount(
                kind=one.kind,
                title=words.SHOP_ERRORS.get(one.kind) or words.say(one.kind),
                times=one.times,
            )
            for one in (state.errors if state else ())
        ),
        last_error=words.say(state.error) if state else "",
        last_error_at=state.failed_at if state else None,
        pushes=state.pushes if state else 0,
        pushed_at=state.pushed_at if state else None,
    )


def _refusal(row: Any) -> Refusal:
    return Refusal(
        order_id=row["order_id"],
        channel_order_no=row["channel_order_no"],
        channel=row["channel"],
        channel_title=words.channel(row["channel"]),
        shop=row["shop"],
        at=row["at"],
        reason=words.say(row["detail_zh"]),
        waiting=row["waiting"],
    )
