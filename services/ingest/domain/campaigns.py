"""A community group-buy (团) and what its door may take: pure, and decided by the time of acceptance.

Guarantees: which day's round an order belongs to follows from the moment the door accepted it and from nothing
else, so that an order which is told late is counted all the same. An order is taken whole or refused with every
reason, each beside the field it is about.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from services.ingest.shanghai import SHANGHAI, business_day

GOODS_MAX = 50
STATIONS_MAX = 100
PIECES_MAX = 999
SETTLE_GRACE = timedelta(seconds=60)
"""How far the clocks of two doors may be apart, with the orders they had in hand: only then is a round settled."""

Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
"""Stands in links, so it must say nothing about a person."""
Sku = Annotated[str, Meta(pattern=r"^[^\s|]([^\x00-\x1f\x7f|]{0,62}[^\s|])?\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=60)]
Region = Annotated[str, Meta(min_length=2, max_length=20)]
_PHONE = re.compile(r"1[3-9][0-9]{9}")


class LatePolicy(StrEnum):
    """What happens to an order of which the door hears at or after the cut-off."""

    REJECT = "reject"
    NEXT_DAY = "next_day"


class Station(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pick-up point and the leader who hands out there. One leader may have several."""

    station_id: Code
    leader_id: Code
    leader_name: Title
    name: Title
    province: Region
    city: Region
    district: Annotated[str, Meta(max_length=20)] = ""
    address: Annotated[str, Meta(min_length=1, max_length=120)]


class Good(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article. Limits are pieces over the whole campaign; 0 = no limit.

    `picture_url`: the picture of a catalogue entry, https only; an uploaded picture goes before it.
    """

    sku: Sku
    title: Title
    price_fen: Annotated[int, Meta(ge=1, le=10_000_000)]
    limit_per_buyer: Annotated[int, Meta(ge=0, le=PIECES_MAX)] = 0
    stock_cap: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    picture_url: Annotated[str, Meta(max_length=500, pattern=r"^(https://[^\s\"'<>\\]+)?\Z")] = ""


class Campaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group-buy as it was opened. One round a day, up to and including `ends_on`.

    `cut_off` is "HH:MM" in Shanghai; an order accepted at that very moment is late.
    """

    campaign_id: Code
    title: Title
    opens_at: Annotated[datetime, Meta(tz=True)]
    ends_on: date
    cut_off: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")] = "20:00"
    late: LatePolicy = LatePolicy.REJECT
    stations: Annotated[tuple[Station, ...], Meta(min_length=1, max_length=STATIONS_MAX)]
    goods: Annotated[tuple[Good, ...], Meta(min_length=1, max_length=GOODS_MAX)]

    def cut_off_at(self, day: date) -> datetime:
        """The moment at which the round of a business day is over."""
        return datetime.combine(day, time.fromisoformat(self.cut_off), SHANGHAI)

    def stations_of(self, leader_id: str) -> tuple[Station, ...]:
        """The pick-up points of a leader; none for a stranger."""
        return tuple(one for one in self.stations if one.leader_id == leader_id)


class Opened(Struct, frozen=True, kw_only=True):
    """A campaign, and from when on nothing more is taken for it, if somebody closed it by hand."""

    campaign: Campaign
    closed_at: datetime | None = None

    def over_at(self, day: date) -> datetime:
        """When the round of a day takes no more orders: its cut-off, or the closing before it."""
        cut_off_at = self.campaign.cut_off_at(day)
        return cut_off_at if self.closed_at is None else min(cut_off_at, self.closed_at)

    def settles_at(self, day: date) -> datetime:
        """From when on no order with an earlier time of acceptance can still come in."""
        return self.over_at(day) + SETTLE_GRACE

    def latest_round(self, now: datetime) -> date:
        """The last day whose round is over, else the first day."""
        first = business_day(self.campaign.opens_at)
        day = min(business_day(now), self.campaign.ends_on)
        while day > first and self.over_at(day) > now:
            day -= timedelta(days=1)
        return max(day, first)


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces of one article."""

    sku: Sku
    quantity: Annotated[int, Meta(ge=1, le=PIECES_MAX)]


class Taken(Struct, frozen=True, kw_only=True):
    """Pieces of one article which the campaign has taken already: by everyone, and by this buyer."""

    all_pieces: int = 0
    buyer_pieces: int = 0


class Refusal(Struct, frozen=True, kw_only=True):
    """Why an order is not taken. `field` names the place in the form, "" is the order as a whole."""

    code: str
    field: str
    title: str


class Admitted(Struct, frozen=True, kw_only=True):
    """The order is taken into the round of `day`."""

    day: date
    station: Station


def faults(campaign: Campaign) -> tuple[str, ...]:
    """What is wrong with a campaign beyond the shape of its fields; empty when it can be opened."""
    found = []
    for what, names in (
        ("station_id", [one.station_id for one in campaign.stations]),
        ("sku", [one.sku for one in campaign.goods]),
    ):
        found += [
            f"{what} {name} 重复" for name in sorted({n for n in names if names.count(n) > 1})
        ]
    leaders = {one.leader_id: one.leader_name for one in campaign.stations}
    found += [
        f"leader_id {one.leader_id} 有两个名字"
        for one in campaign.stations
        if leaders[one.leader_id] != one.leader_name
    ]
    if any(_PHONE.search(code) for code in (campaign.campaign_id, *leaders)):
        found.append("campaign_id 和 leader_id 会出现在链接里，不能含手机号")
    if campaign.cut_off == "00:00":
        found.append("cut_off 不能是 00:00：当天没有可下单的时间")
    elif campaign.cut_off_at(campaign.ends_on) <= campaign.opens_at:
        found.append("最后一天截单时还没有开团")
    return tuple(found)


def round_of(opened: Opened, accepted_at: datetime) -> date | Refusal:
    """The day in whose round an order belongs, by the moment the door accepted it (aware)."""
    campaign = opened.campaign
    if accepted_at < campaign.opens_at:
        starts = campaign.opens_at.astimezone(SHANGHAI)
        return _refused("not_open", f"还没有开团，{starts:%m月%d日 %H:%M} 开始")
    if opened.closed_at is not None and accepted_at >= opened.closed_at:
        return _refused("closed", "这个团已经关闭，不再接单")
    day = business_day(accepted_at)
    if accepted_at >= campaign.cut_off_at(day):
        if day < campaign.ends_on and campaign.late is LatePolicy.REJECT:
            return _refused("cut_off", f"今天 {campaign.cut_off} 已截单，明天再来")
        day += timedelta(days=1)
    if day > campaign.ends_on:
        return _refused("ended", "这个团已经结束，不再接单")
    return day


def admit(
    opened: Opened,
    leader_id: str,
    station_id: str,
    lines: tuple[Line, ...],
    taken: Mapping[str, Taken],
    *,
    accepted_at: datetime,
) -> Admitted | tuple[Refusal, ...]:
    """Take an order whole, or say everything that is against it. `taken` is by SKU."""
    day = round_of(opened, accepted_at)
    refusals = [day] if isinstance(day, Refusal) else []
    stations = {one.station_id: one for one in opened.campaign.stations_of(leader_id)}
    station = stations.get(station_id)
    if station is None:
        refusals.append(_refused("unknown_station", "请选择自提点", "station_id"))
    if not lines:
        refusals.append(_refused("nothing", "请至少选一件商品", "lines"))
    goods = {one.sku: one for one in opened.campaign.goods}
    for place, line in enumerate(lines):
        field = f"lines.{line.sku}"
        good = goods.get(line.sku)
        if good is None:
            refusals.append(_refused("unknown_sku", "这个团没有这件商品", field))
        elif line.sku in {one.sku for one in lines[:place]}:
            refusals.append(_refused("sku_twice", "同一商品请写在一行", field))
        elif (
            refusal := _over(good, line.quantity, taken.get(line.sku, Taken()), field)
        ) is not None:
            refusals.append(refusal)
    if refusals or station is None or isinstance(day, Refusal):
        return tuple(refusals)
    return Admitted(day=day, station=station)


def _over(good: Good, pieces: int, taken: Taken, field: str) -> Refusal | None:
    left = good.limit_per_buyer - taken.buyer_pieces
    if good.limit_per_buyer and pieces > left:
        title = f"每人限购 {good.limit_per_buyer} 件，还可买 {max(0, left)} 件"
        return _refused("over_limit", title, field)
    left = good.stock_cap - taken.all_pieces
    if good.stock_cap and pieces > left:
        return _refused("sold_out", f"只剩 {max(0, left)} 件", field)
    return None


def _refused(code: str, title: str, field: str = "") -> Refusal:
    return Refusal(code=code, field=field, title=title)
