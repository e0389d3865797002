"""A suggestion: what to order of a SKU for a warehouse now, and why. Pure.

Guarantees: it follows from the plan of the day and from the position of the moment alone, so that an order that was placed
takes its suggestion away at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from services.inventory.domain.model import Aggregate, Goods, Hold, Purchase, Row, Transfer
from services.inventory.domain.replenishment import Plan, Position, ordered
from services.inventory.domain.wanted import wanted

CLASSES = {
    "smooth": "平稳",
    "erratic": "波动",
    "intermittent": "间断",
    "lumpy": "间断且波动",
}


class Suggested(Struct, frozen=True, kw_only=True):
    """What to order now. Pieces; 0 = nothing."""

    warehouse: str
    sku: str
    quantity: int
    supplier: str
    demand_class: str
    forecaster: str
    """Empty = demand is not forecast, the explanation says why."""
    daily_demand_milli: int
    lead_time_days: int
    review_days: int
    service_level_permille: int
    over_receipt_percent: int
    safety_stock: int
    reorder_point: int
    order_up_to: int
    on_hand: int
    reserved: int
    on_order: int
    in_transit: int
    backordered: int
    position: int
    below_safety: bool
    planned_at: datetime
    rule: str
    explanation: str


class OnTheWay(Struct, frozen=True, kw_only=True):
    """Pieces that will come, and those that wait for them, by row of stock."""

    ordered: Mapping[Row, int]
    in_transit: Mapping[Row, int]
    backordered: Mapping[Row, int]

    def position(self, row: Row, on_hand: int, reserved: int) -> Position:
        """The position of a row."""
        return Position(
            on_hand=on_hand,
            reserved=reserved,
            on_order=self.ordered.get(row, 0),
            in_transit=self.in_transit.get(row, 0),
            backordered=self.backordered.get(row, 0),
        )


def on_the_way(
    documents: Iterable[Aggregate | None], sends: Callable[[Hold, Goods], str]
) -> OnTheWay:
    """What purchase orders and transfers bring to the warehouses they name, and what paid orders wait for.

    `sends` names the warehouse that would send an order of these goods first; "" = nobody would.
    """
    bought: dict[Row, int] = {}
    sent: dict[Row, int] = {}
    awaited: dict[Row, int] = {}
    for one in documents:
        if isinstance(one, Purchase):
            where, goods, into = one.warehouse, one.outstanding, bought
        elif isinstance(one, Transfer):
            where, goods, into = one.to_warehouse, one.in_transit, sent
        elif isinstance(one, Hold) and one.state == "short" and one.paid:
            goods, into = wanted(one.lines) or (), awaited
            where = sends(one, goods)
        else:
            continue
        for sku, quantity in goods:
            into[where, sku] = into.get((where, sku), 0) + quantity
    return OnTheWay(ordered=bought, in_transit=sent, backordered=awaited)


def suggestion(row: Row, plan: Plan, position: Position, planned_at: datetime) -> Suggested:
    """What to order of a row of stock."""
    quantity = ordered(plan, position)
    terms = plan.terms
    return Suggested(
        warehouse=row[0],
        sku=row[1],
        quantity=quantity,
        supplier=terms.supplier,
        demand_class=plan.pattern.demand_class,
        forecaster=plan.forecaster,
        daily_demand_milli=plan.daily_demand_milli,
        lead_time_days=terms.lead_time_days,
        review_days=terms.review_days,
        service_level_permille=terms.service_level_permille,
        over_receipt_percent=terms.over_receipt_percent,
        safety_stock=plan.safety_stock,
        reorder_point=plan.reorder_point,
        order_up_to=plan.order_up_to,
        on_hand=position.on_hand,
        reserved=position.reserved,
        on_order=position.on_order,
        in_transit=position.in_transit,
        backordered=position.backordered,
        position=position.pieces,
        below_safety=position.available < plan.safety_stock,
        planned_at=planned_at,
        rule=terms.rule,
        explanation=_explained(plan, position, quantity),
    )


def _explained(plan: Plan, position: Position, quantity: int) -> str:
    seen, terms = plan.pattern, plan.terms
    if not plan.forecaster:
        if seen.demand_class == "idle":
            return f"有货的 {seen.known_days} 天里没有卖过，不预测"
        if seen.demand_class == "new":
            return f"有货的日子只有 {seen.known_days} 天，太少，不预测"
        return "规则说不预测"
    before = f"，其中 {plan.days_from_before} 天是导入的历史销量" if plan.days_from_before else ""
    said = (
        f"日均 {_thousandths(plan.daily_demand_milli)} 件（{CLASSES[seen.demand_class]}，{plan.forecaster_label}{before}）；"
        f"提前期 {terms.lead_time_days}±{terms.lead_time_sd_days} 天，每 {terms.review_days} 天订一次，"
        f"服务水平 {Decimal(terms.service_level_permille) / 10:f} %："
        f"安全库存 {plan.safety_stock}，订货点 {plan.reorder_point}，补到 {plan.order_up_to}。"
        f"可售实物 {position.on_hand} − 预占 {position.reserved} + 采购在途 {position.on_order} "
        f"+ 调拨在途 {position.in_transit} − 欠发 {position.backordered} = {position.pieces}"
    )
    if not quantity:
        return f"{said}，够用" if position.pieces > plan.reorder_point else f"{said}，没有需求"
    return f"{said}，不高于订货点，订 {quantity}（起订 {terms.order_pieces_min}，每箱 {terms.pack_pieces}）"


def _thousandths(milli: int) -> str:
    return f"{Decimal(milli) / 1000:f}"
