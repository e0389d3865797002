"""A campaign of two leaders and three pick-up points, to be changed where a test needs it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from services.ingest.domain.campaigns import Campaign, Good, Opened, Station
from services.ingest.domain.purchase import OrderedLine
from services.ingest.shanghai import SHANGHAI

FIRST, LAST = date(2025, 9, 18), date(2025, 9, 20)


def shanghai(text: str) -> datetime:
    """A moment of 2025 in Shanghai, as in "09-18 19:59:59.999"."""
    return datetime.fromisoformat(f"2025-{text}").replace(tzinfo=SHANGHAI)


AT_NOON = shanghai("09-18 12:00")


def station(station_id: str, leader_id: str, name: str) -> Station:
    return Station(
        station_id=station_id,
        leader_id=leader_id,
        leader_name=f"团长{leader_id}",
        name=name,
        province="浙江省",
        city="杭州市",
        district="西湖区",
        address="示例路 1 号",
    )


APPLES = Good(
    sku="APPLE-5", title="红富士苹果 5斤", price_fen=2990, limit_per_buyer=3, stock_cap=20
)
EGGS = Good(sku="EGG-30", title="鲜鸡蛋 30枚", price_fen=2500)
CAMPAIGN = Campaign(
    campaign_id="autumn",
    title="中秋水果团",
    opens_at=shanghai("09-18 08:00"),
    ends_on=LAST,
    stations=(
        station("s1", "lin", "东门"),
        station("s2", "lin", "西门"),
        station("s3", "wu", "水岸"),
    ),
    goods=(APPLES, EGGS),
)


def opened(closed_at: datetime | None = None, **changed: Any) -> Opened:
    return Opened(campaign=replace(CAMPAIGN, **changed), closed_at=closed_at)


def ordered(number: int, quantity: int, station_id: str = "s1", sku: str = "EGG-30") -> OrderedLine:
    """One line; orders with greater numbers were accepted later."""
    return OrderedLine(
        order_no=f"lo-{number:04d}",
        number=number,
        station_id=station_id,
        accepted_at=datetime(2025, 9, 18, 2, tzinfo=UTC) + timedelta(seconds=number),
        sku=sku,
        quantity=quantity,
    )
