"""What a merchant may do to a Shopify order: fulfil, cancel, pay back.

Guarantees: a parcel is applied once; what is gone or was told before is refused in Shopify's words. Lines
leave and come back whole.
"""

from typing import Any

import msgspec

from simulators.desk import Desk
from simulators.doors import Answer
from simulators.marketplaces.shopify.fulfillment_orders import (
    fulfillment_line_no,
    fulfillment_order_no,
    left,
    status_of,
)
from simulators.marketplaces.shopify.payloads import (
    DECIMALS,
    detail,
    fulfillment,
    fulfillment_no,
    refund,
)
from simulators.money import minor_units
from simulators.orders import Order, Shop


class _FulfilledLine(msgspec.Struct):
    id: int
    quantity: int


class _Fulfilled(msgspec.Struct):
    fulfillment_order_id: int
    fulfillment_order_line_items: list[_FulfilledLine] = []


class _Tracking(msgspec.Struct):
    number: str
    company: str


class _Fulfillment(msgspec.Struct):
    line_items_by_fulfillment_order: list[_Fulfilled]
    tracking_info: _Tracking


class _Update(msgspec.Struct):
    tracking_info: _Tracking


class _UpdateWanted(msgspec.Struct):
    fulfillment: _Update


class _FulfillmentWanted(msgspec.Struct):
    fulfillment: _Fulfillment


class _RefundLine(msgspec.Struct):
    line_item_id: int
    quantity: int


class _Transaction(msgspec.Struct):
    kind: str
    amount: str


class _Refund(msgspec.Struct):
    refund_line_items: list[_RefundLine] = []
    transactions: list[_Transaction] = []


class _CancelWanted(msgspec.Struct):
    amount: str = ""


class _Level(msgspec.Struct):
    location_id: int
    inventory_item_id: int
    available: int


class _RefundWanted(msgspec.Struct):
    refund: _Refund


def ok(content: object, *, status: int = 200, wrote: bool = False) -> Answer:
    """Return an answer of success."""
    return Answer(body=msgspec.json.encode(content), status=status, wrote=wrote)


def failure(status: int, errors: object, *, wrote: bool = False) -> Answer:
    """Return an answer of failure; `wrote` when it repeats what was done before."""
    return Answer(body=msgspec.json.encode({"errors": errors}), status=status, wrote=wrote)


class Writes:
    """The calls which change something."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def fulfill(self, shop: Shop, body: bytes) -> Answer:
        """POST fulfillments.json: one parcel of lines of one fulfilment order (none named = all left)."""
        try:
            wanted = msgspec.json.decode(body, type=_FulfillmentWanted).fulfillment
        except msgspec.MsgspecError as error:
            return failure(400, {"fulfillment": str(error)})
        if len(wanted.line_items_by_fulfillment_order) != 1 or not wanted.tracking_info.number:
            self._desk.note("send", "refused")
            return failure(422, ["One fulfillment order and a tracking number are required"])
        part = wanted.line_items_by_fulfillment_order[0]
        order = self._desk.order(shop, f"5{str(part.fulfillment_order_id)[1:]}")
        if order is None or fulfillment_order_no(order) != part.fulfillment_order_id:
            self._desk.note("send", "refused")
            return failure(404, "Not Found")
        return self._fulfill(shop, order, part, wanted.tracking_info)

    def _fulfill(self, shop: Shop, order: Order, part: _Fulfilled, tracking: _Tracking) -> Answer:
        told = any(one.waybill == tracking.number for one in order.shipments)
        wrong = _wrong_lines(order, part)
        if wrong and not told:
            self._desk.note("send", "refused")
            return failure(422, [wrong])
        chosen = {line.id for line in part.fulfillment_order_line_items}
        line_nos = tuple(
            line.line_no
            for line in order.lines
            if not chosen or fulfillment_line_no(line) in chosen
        )
        outcome, reason = self._desk.world.ship(
            order.key, waybill=tracking.number, company=tracking.company, line_nos=line_nos
        )
        wrote = self._desk.note("send", outcome)
        if reason:
            # A parcel told before: its lines are gone, and Shopify knows nothing but that.
            return failure(422, [wrong or reason], wrote=wrote)
        order = self._desk.records.orders[order.key]
        content = {"fulfillment": fulfillment(order, order.shipments[-1], shop)}
        return ok(content, status=201, wrote=True)

    def update_tracking(self, shop: Shop, number: str, body: bytes) -> Answer:
        """POST fulfillments/{id}/update_tracking.json: another number for a parcel."""
        try:
            wanted = msgspec.json.decode(body, type=_UpdateWanted).fulfillment.tracking_info
        except msgspec.MsgspecError as error:
            return failure(400, {"fulfillment": str(error)})
        order = self._desk.order(shop, number[:-1])
        parcels = order.shipments if order is not None else ()
        told = [one for one in parcels if order and str(fulfillment_no(order, one)) == number]
        if order is None or not told:
            self._desk.note("waybill", "refused")
            return failure(404, "Not Found")
        outcome, reason = self._desk.change_waybill(
            order, former=told[0].waybill, waybill=wanted.number, company=wanted.company
        )
        if reason:
            return failure(422, [reason])
        order = self._desk.records.orders[order.key]
        parcel = next(one for one in order.shipments if one.waybill == wanted.number)
        content = {"fulfillment": fulfillment(order, parcel, shop)}
        return ok(content, wrote=outcome != "refused")

    def set_level(self, shop: Shop, body: bytes) -> Answer:
        """POST inventory_levels/set.json: so many pieces of an inventory item at a location."""
        try:
            wanted = msgspec.json.decode(body, type=_Level)
        except msgspec.MsgspecError as error:
            return failure(400, {"inventory_level": str(error)})
        listing = next(
            (
                one
                for one in self._desk.world.shelves.listings(shop.shop)
                if one.item_id == str(wanted.inventory_item_id)
            ),
            None,
        )
        if listing is None or str(wanted.location_id) != shop.stock_location:
            self._desk.note("stock", "refused")
            return failure(404, "Not Found")
        outcome, reason = self._desk.tell_stock(
            shop, sku_id=listing.sku_id, quantity=wanted.available
        )
        if reason:
            return failure(422, {"available": ["must be greater than or equal to 0"]})
        level = msgspec.structs.asdict(wanted)
        return ok({"inventory_level": level}, wrote=outcome != "refused")

    def cancel(self, shop: Shop, order: Order, body: bytes) -> Answer:
        """POST orders/{id}/cancel.json: before anything has left; what was paid is paid back where an amount is given."""
        try:
            wanted = msgspec.json.decode(body or b"{}", type=_CancelWanted)
        except msgspec.MsgspecError as error:
            return failure(400, {"order": str(error)})
        if order.state in {"cancelled", "closed"}:
            wrote = self._desk.note("cancel", "duplicate")
            return failure(422, "Order has already been cancelled", wrote=wrote)
        if order.shipments:
            self._desk.note("cancel", "refused")
            return failure(422, "Cannot cancel a paid and fulfilled order")
        pays_back = bool(wanted.amount) and order.state == "paid"
        world = self._desk.world
        if not (
            world.act(order.key, "cancel_paid") if pays_back else world.cancel_by_shop(order.key)
        ):
            self._desk.note("cancel", "refused")
            return failure(422, "Order cannot be cancelled")
        self._desk.note("cancel", "applied")
        cancelled = self._desk.records.orders[order.key]
        return ok({**detail(cancelled, shop), "notice": "Order has been canceled"}, wrote=True)

    def refund(self, shop: Shop, order: Order, body: bytes) -> Answer:
        """POST orders/{id}/refunds.json: pay back whole lines, or less money than they cost."""
        try:
            wanted = msgspec.json.decode(body, type=_RefundWanted).refund
        except msgspec.MsgspecError as error:
            return failure(400, {"refund": str(error)})
        lines = {int(line.line_no): line for line in order.lines}
        asked = [lines.get(one.line_item_id) for one in wanted.refund_line_items]
        chosen = [line for line in asked if line is not None and line.refund != "agreed"]
        whole = all(
            line is not None and line.quantity == one.quantity
            for line, one in zip(asked, wanted.refund_line_items, strict=True)
        )
        amounts = [
            minor_units(one.amount, DECIMALS.get(shop.currency, 2))
            for one in wanted.transactions
            if one.kind == "refund"
        ]
        if not chosen or len(chosen) < len(asked) or not whole or None in amounts:
            self._desk.note("refund", "refused")
            return failure(
                422, {"refund_line_items": ["cannot refund more items than were bought"]}
            )
        due_fen = sum(line.paid_fen for line in chosen)
        others = [one for one in left(order) if one.paid_fen and one not in chosen]
        if order.state == "paid" and not others:
            due_fen += order.freight_fen
        amount_fen = sum(one for one in amounts if one is not None) if amounts else due_fen
        if amount_fen > due_fen or (len(chosen) > 1 and amount_fen != due_fen):
            self._desk.note("refund", "refused")
            return failure(422, {"transactions": ["amount is not what the lines are worth"]})
        line_nos = tuple(line.line_no for line in chosen)
        if not self._desk.world.claim(order, line_nos=line_nos, amount_fen=amount_fen):
            self._desk.note("refund", "refused")
            return failure(422, {"order": ["is not paid"]})
        self._desk.note("refund", "applied")
        refunded = self._desk.records.orders[order.key]
        content: dict[str, Any] = {"refund": refund(refunded.refunds[-1], refunded, shop)}
        return ok(content, status=201, wrote=True)


def _wrong_lines(order: Order, part: _Fulfilled) -> str:
    """Say in Shopify's words why these lines cannot leave; empty when they can."""
    status = status_of(order)
    if status not in {"open", "in_progress"}:
        number = part.fulfillment_order_id
        return f"Fulfillment order {number} has an unfulfillable status= {status}."
    going = {fulfillment_line_no(line): line.quantity for line in left(order)}
    for line in part.fulfillment_order_line_items:
        if going.get(line.id) != line.quantity:
            return "Invalid fulfillment order line item quantity requested."
    return ""
