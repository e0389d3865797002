"""Orders for inventory and its peers, the stock they meet, and what must come of both.

Guarantees: the same seed gives the same orders; how many pieces of a SKU end up promised does not depend on who comes
first, so that `check` can say it beforehand for anybody who keeps the stock in one place or cut into shares.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeAlias

from msgspec import Struct

from chassis.codec import codec
from schemas.events.orders import OrderLine, OrderPlaced, Payment
from schemas.events.stock import StockReserved, StockShort
from services.inventory.domain.model import Row
from tests.bench.outcomes import Outcome

WAREHOUSES = ("HZ", "HF", "GZ")
PROVINCES = ("浙江省", "江苏省", "上海市", "广东省", "福建省", "湖北省", "河南省", "四川省", "新疆")
CHANNELS = ("taobao", "jd", "douyin")
LINES = (1, 1, 1, 2, 2, 2, 3, 3, 4, 4)
"""Lines an order, 2.3 on average."""
PLENTY = 1_000_000
SCARCE_SKUS = 20
SCARCE_EVERY = 50
"""Of so many orders one asks for one piece of a SKU of which half of the asked pieces are there."""
HOT_SKU = "hot"
HOT_SHARE_PCT = 90
"""Of the orders for the one hot SKU so many find a piece."""
PERSONAL_BYTES = 160
NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)

Lines: TypeAlias = tuple[tuple[str, int], ...]
"""(sku, pieces) by line."""


class Wrong(Exception):
    """What was promised is not what had to be promised."""


class Workload(Struct, frozen=True, kw_only=True):
    """Stock, and orders that meet it."""

    opening: dict[Row, int]
    """Pieces by (warehouse, sku)."""
    wanted: dict[str, Lines]
    """By order, in the order they are placed."""

    def events(self, start: int = 0) -> Iterator[OrderPlaced]:
        """The orders from number `start` on, each paid when first seen, so that no hold expires."""
        personal = random.Random(0).randbytes(PERSONAL_BYTES)
        for number, (order_id, lines) in enumerate(self.wanted.items()):
            if number >= start:
                yield _placed(number, order_id, lines, personal)


def mixed(
    count: int, seed: int, *, skus: int = 5_000, warehouses: tuple[str, ...] = WAREHOUSES
) -> Workload:
    """Orders of one to four lines over SKUs that lie in all warehouses, and a few for what is scarce."""
    rng = random.Random(seed)
    opening = {(one, f"sku-{n:06}"): PLENTY for one in warehouses for n in range(skus)}
    asked_a_sku = count // SCARCE_EVERY // SCARCE_SKUS
    # A remainder would make the shares of partitions differ; the oracle counts in pieces all the same.
    opening |= {
        (warehouses[0], f"few-{n:02}"): max(1, asked_a_sku // 2) for n in range(SCARCE_SKUS)
    }
    wanted: dict[str, Lines] = {}
    for number in range(count):
        order_id = f"b{seed:02}{rng.getrandbits(64):016x}{number:07}"
        if number % SCARCE_EVERY == 0:
            wanted[order_id] = ((f"few-{number // SCARCE_EVERY % SCARCE_SKUS:02}", 1),)
        else:
            chosen = rng.sample(range(skus), rng.choice(LINES))
            wanted[order_id] = tuple((f"sku-{n:06}", rng.randint(1, 3)) for n in chosen)
    return Workload(opening=opening, wanted=wanted)


def hot(count: int, seed: int) -> Workload:
    """Everybody wants one piece of the same SKU, which lies in one warehouse; there are too few."""
    rng = random.Random(seed)
    return Workload(
        opening={(WAREHOUSES[0], HOT_SKU): count * HOT_SHARE_PCT // 100},
        wanted={
            f"h{seed:02}{rng.getrandbits(64):016x}{number:07}": ((HOT_SKU, 1),)
            for number in range(count)
        },
    )


def share_of(pieces: int, share: int, shares: int) -> int:
    """Pieces of one share where stock is cut; the first ones get the odd pieces."""
    return pieces // shares + (share < pieces % shares)


def check(outcomes: Iterable[Outcome], workload: Workload, shares: int = 1) -> int:
    """Units promised, when each order has exactly one outcome and every SKU exactly what it had to give.

    `shares`: into how many equal parts the stock was cut, one a partition; an outcome lies in its order's partition.

    Raises:
        Wrong: an order was lost or answered twice, a line is not as ordered, a row gave more than it had, or a SKU
            less than it could.
    """
    promised: Counter[tuple[int, Row]] = Counter()
    demand: Counter[tuple[int, str]] = Counter()
    waiting = set(workload.wanted)
    for outcome in outcomes:
        event = codec().decode(outcome.value)
        if not isinstance(event, StockReserved | StockShort):
            raise Wrong(f"{type(event).__name__} is no answer")
        if event.order_id not in waiting:
            raise Wrong(f"{event.order_id} was answered twice, or never asked")
        waiting.remove(event.order_id)
        share, lines = outcome.partition % shares, workload.wanted[event.order_id]
        demand.update({(share, sku): pieces for sku, pieces in lines})
        if isinstance(event, StockReserved):
            if tuple((line.sku, line.quantity) for line in event.lines) != lines:
                raise Wrong(f"{event.order_id} was promised other lines than it ordered")
            promised.update({(share, (event.warehouse, sku)): pieces for sku, pieces in lines})
    if waiting:
        raise Wrong(f"{len(waiting)} orders have no answer")
    return _units(promised, demand, workload.opening, shares)


def _units(
    promised: Mapping[tuple[int, Row], int],
    demand: Mapping[tuple[int, str], int],
    opening: Mapping[Row, int],
    shares: int,
) -> int:
    there: Counter[tuple[int, str]] = Counter()
    for (_, sku), pieces in opening.items():
        there.update({(share, sku): share_of(pieces, share, shares) for share in range(shares)})
    given: Counter[tuple[int, str]] = Counter()
    for (share, row), pieces in promised.items():
        part = share_of(opening.get(row, 0), share, shares)
        if pieces > part:
            raise Wrong(f"{row}: {pieces} promised of {part}")
        given[share, row[1]] += pieces
    for asked, pieces in demand.items():
        if given[asked] != min(pieces, there[asked]):
            raise Wrong(f"{asked}: {given[asked]} promised, {pieces} asked of {there[asked]}")
    return sum(given.values())


def _placed(number: int, order_id: str, lines: Lines, personal: bytes) -> OrderPlaced:
    units = sum(pieces for _, pieces in lines)
    return OrderPlaced(
        order_id=order_id,
        version=1,
        occurred_at=NOW,
        channel=CHANNELS[number % len(CHANNELS)],
        shop="shop-1",
        channel_order_no=f"{number:018}",
        channel_state="WAIT_SELLER_SEND_GOODS",
        accepted_at=NOW,
        lines=tuple(
            OrderLine(
                line_no=line_no,
                channel_line_id=f"{number:018}{line_no}",
                channel_sku_id=f"c-{sku}",
                sku=sku,
                title="示例商品 秋冬新款",
                quantity=pieces,
                unit_price_fen=9_900,
                discount_fen=0,
                paid_fen=9_900 * pieces,
                is_gift=False,
            )
            for line_no, (sku, pieces) in enumerate(lines, start=1)
        ),
        payable_fen=9_900 * units,
        freight_fen=0,
        discount_fen=0,
        currency="CNY",
        promotions=(),
        province=PROVINCES[number % len(PROVINCES)],
        city="市",
        district="区",
        personal=personal,
        personal_kind="plain",
        receiver_key=f"{number:032x}",
        address_vague=False,
        hold="",
        problems=(),
        payment=Payment(paid_at=NOW, paid_fen=9_900 * units),
    )
