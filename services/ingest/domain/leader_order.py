"""Our own payload of an order that a group-buy's leader placed: `leader-order/1`, written by the door when the
order's round is released.

A JSON object of

- `schema` "leader-order/1", `order_no` ("lo-" and 20 of a-z2-7, derived from the submission, so that a retry never
  mints a second one), `number` (接龙号, from 1 within the campaign);
- `campaign_id`, `campaign_title`, `round` (the business day), `station` (pick-up point, leader and region);
- `accepted_at`: the moment the door accepted the order, which alone decides its round; `released_at`: when its goods
  were there to go out. Both with their offset, in whole milliseconds;
- `buyer` {name, phone}, `note`;
- `lines` [{sku, title, quantity, allotted, unit_price_fen}]: `allotted` < `quantity` where the article ran short.

The leader has taken the money when the order is placed, and gives back what is short.
"""

from datetime import date, datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from chassis.ids import request_id
from services.ingest.domain.campaigns import GOODS_MAX, PIECES_MAX, Code, Sku, Station, Title

SCHEMA: Final = "leader-order/1"
ORDER_KIND: Final = "lo"
"""Order numbers begin with it and a hyphen; no marketplace's does."""

Aware = Annotated[datetime, Meta(tz=True)]


class Buyer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The neighbour the order is for: personal data, in clear only in memory and under seal."""

    name: Annotated[str, Meta(min_length=1, max_length=20)]
    phone: Annotated[str, Meta(pattern=r"^1[3-9][0-9]{9}\Z")]


class OrderedGood(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article, with its title and price as they were when it was ordered."""

    sku: Sku
    title: Title
    quantity: Annotated[int, Meta(ge=1, le=PIECES_MAX)]
    allotted: Annotated[int, Meta(ge=0, le=PIECES_MAX)]
    unit_price_fen: Annotated[int, Meta(ge=1, le=10_000_000)]

    def __post_init__(self) -> None:
        """Nobody gets more than ordered."""
        if self.allotted > self.quantity:
            raise ValueError("allotted is above quantity")


class AcceptedOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the door accepted, and keeps sealed until the round is released."""

    order_no: Annotated[str, Meta(pattern=r"^lo-[a-z2-7]{20}\Z")]
    number: Annotated[int, Meta(ge=1, le=1_000_000)]
    campaign_id: Code
    campaign_title: Title
    round: date
    station: Station
    accepted_at: Aware
    buyer: Buyer
    note: Annotated[str, Meta(max_length=100)] = ""
    lines: Annotated[tuple[OrderedGood, ...], Meta(min_length=1, max_length=GOODS_MAX)]

    def __post_init__(self) -> None:
        """Each article stands in one line, and the order is of this century."""
        if len({line.sku for line in self.lines}) < len(self.lines):
            raise ValueError("a sku stands in two lines")
        if not 2000 <= self.accepted_at.year < 2100:
            raise ValueError("accepted_at is outside 2000-2099")

    @property
    def total_fen(self) -> int:
        """What the neighbour paid to the leader."""
        return sum(line.quantity * line.unit_price_fen for line in self.lines)


class LeaderOrder(AcceptedOrder, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload; see above."""

    schema: Literal["leader-order/1"] = SCHEMA
    released_at: Aware

    def __post_init__(self) -> None:
        """As for every accepted order, and released in this century too."""
        AcceptedOrder.__post_init__(self)
        if not 2000 <= self.released_at.year < 2100:
            raise ValueError("released_at is outside 2000-2099")

    @property
    def kept_fen(self) -> int:
        """What of it pays for pieces that came; the leader gives back the rest."""
        return sum(line.allotted * line.unit_price_fen for line in self.lines)


def order_no_of(campaign_id: str, leader_id: str, submission: str) -> str:
    """The number of the order that one submission of one leader makes."""
    return request_id(ORDER_KIND, campaign_id, leader_id, submission)
