"""What to buy for a round of a group-buy, and who goes short of what could not be bought: pure.

Guarantees: a plan is the same whatever order its lines come in. Shares of a shortage add up to what was got, exactly;
nobody gets less than nothing or more than ordered; every pick-up point, and in it every order, is within one piece of
its proportion (largest remainder, `chassis.money.share_out`). The odd piece goes to the smaller station id, and within
a station to the order that was accepted first.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from msgspec import Struct

from chassis.money import share_out
from services.ingest.domain.campaigns import Opened


class OrderedLine(Struct, frozen=True, kw_only=True):
    """One article of one accepted order."""

    order_no: str
    number: int
    station_id: str
    accepted_at: datetime
    sku: str
    quantity: int


class Share(Struct, frozen=True, kw_only=True):
    """What one order gets of an article that ran short. `refund_fen` is the price of what it does not get."""

    order_no: str
    number: int
    station_id: str
    ordered: int
    allotted: int
    refund_fen: int


class Shortage(Struct, frozen=True, kw_only=True):
    """One decision: of `ordered` pieces only `got` came. Made once a round and article."""

    sku: str
    ordered: int
    got: int
    decided_by: str
    decided_at: datetime
    reason: str
    shares: tuple[Share, ...]


class StationNeed(Struct, frozen=True, kw_only=True):
    """Pieces of one article for one pick-up point."""

    station_id: str
    name: str
    leader_id: str
    ordered: int
    allotted: int


class PlanLine(Struct, frozen=True, kw_only=True):
    """One article to buy. `allotted` is less than `ordered` where a shortage was decided."""

    sku: str
    title: str
    price_fen: int
    ordered: int
    allotted: int
    amount_fen: int
    stations: tuple[StationNeed, ...]
    shortage: Shortage | None


class PurchasePlan(Struct, frozen=True, kw_only=True):
    """The purchase of one round. `final`: no order that belongs to it can still come in."""

    campaign_id: str
    title: str
    day: date
    over_at: datetime
    final: bool
    orders: int
    amount_fen: int
    lines: tuple[PlanLine, ...]


def share_short(lines: Iterable[OrderedLine], got: int, *, price_fen: int) -> tuple[Share, ...]:
    """Share the pieces of one article that came, first over the stations, then over each one's orders.

    Raises ValueError unless 0 ≤ `got` ≤ pieces ordered. Sorted by station, then by time of acceptance.
    """
    by_station: dict[str, list[OrderedLine]] = {}
    for line in sorted(lines, key=lambda one: (one.station_id, _first(one))):
        by_station.setdefault(line.station_id, []).append(line)
    needs = [sum(line.quantity for line in here) for here in by_station.values()]
    if not 0 <= got <= sum(needs):
        raise ValueError(f"{got} of {sum(needs)} pieces cannot be shared")
    found: list[Share] = []
    for here, pieces in zip(
        by_station.values(), share_out(got, needs, tuple(by_station)), strict=True
    ):
        weights = [line.quantity for line in here]
        shares = share_out(pieces, weights, [_first(line) for line in here])
        found += [
            Share(
                order_no=line.order_no,
                number=line.number,
                station_id=line.station_id,
                ordered=line.quantity,
                allotted=allotted,
                refund_fen=(line.quantity - allotted) * price_fen,
            )
            for line, allotted in zip(here, shares, strict=True)
        ]
    return tuple(found)


def roll_up(
    opened: Opened,
    day: date,
    lines: Sequence[OrderedLine],
    shortages: Mapping[str, Shortage],
    *,
    now: datetime,
) -> PurchasePlan:
    """The plan of one round. `shortages` are those decided for it, by SKU."""
    by_sku: dict[str, list[OrderedLine]] = {}
    for line in lines:
        by_sku.setdefault(line.sku, []).append(line)
    plan = [_plan_line(opened, sku, by_sku[sku], shortages.get(sku)) for sku in sorted(by_sku)]
    return PurchasePlan(
        campaign_id=opened.campaign.campaign_id,
        title=opened.campaign.title,
        day=day,
        over_at=opened.over_at(day),
        final=now >= opened.settles_at(day),
        orders=len({line.order_no for line in lines}),
        amount_fen=sum(line.amount_fen for line in plan),
        lines=tuple(plan),
    )


def _plan_line(
    opened: Opened, sku: str, lines: Sequence[OrderedLine], shortage: Shortage | None
) -> PlanLine:
    good = next(one for one in opened.campaign.goods if one.sku == sku)
    allotted = {share.order_no: share.allotted for share in shortage.shares} if shortage else {}
    stations = []
    for station in sorted(opened.campaign.stations, key=lambda one: one.station_id):
        here = [line for line in lines if line.station_id == station.station_id]
        if here:
            stations.append(
                StationNeed(
                    station_id=station.station_id,
                    name=station.name,
                    leader_id=station.leader_id,
                    ordered=sum(line.quantity for line in here),
                    allotted=sum(allotted.get(line.order_no, line.quantity) for line in here),
                )
            )
    pieces = sum(station.allotted for station in stations)
    return PlanLine(
        sku=sku,
        title=good.title,
        price_fen=good.price_fen,
        ordered=sum(line.quantity for line in lines),
        allotted=pieces,
        amount_fen=pieces * good.price_fen,
        stations=tuple(stations),
        shortage=shortage,
    )


def _first(line: OrderedLine) -> str:
    """Sorts by time of acceptance; the order number only tells apart what came in the same millisecond."""
    moment = line.accepted_at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{moment} {line.order_no}"
