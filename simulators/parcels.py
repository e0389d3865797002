"""Which lines of an order leave with a parcel, and what becomes of parcels that have left. Pure."""

from msgspec.structs import replace

from simulators.orders import Line, Order, Shipment, State


def with_shipment(order: Order, shipment: Shipment, at_ms: int) -> Order:
    """Return the order after a parcel of it has left."""
    lines = tuple(
        replace(line, waybill=shipment.waybill) if line.line_no in shipment.line_nos else line
        for line in order.lines
    )
    left = any(not line.waybill and line.refund != "agreed" for line in lines)
    state: State = "part_shipped" if left else "shipped"
    return replace(
        order,
        lines=lines,
        state=state,
        shipped_at_ms=order.shipped_at_ms or at_ms,
        shipments=(*order.shipments, shipment),
    )


def going(order: Order, line_nos: tuple[str, ...] | None) -> list[Line]:
    """Return the lines (None = all) which are still here and wanted."""
    return [
        line
        for line in order.lines
        if not line.waybill
        and line.refund != "agreed"
        and (line_nos is None or line.line_no in line_nos)
    ]


def refusal_to_ship(order: Order, line_nos: tuple[str, ...] | None) -> str:
    """Return why lines (None = all left) of an order cannot leave now; empty when they can."""
    match order.state:
        case "unpaid" | "cancelled" | "closed":
            return "not_paid"
        case "shipped" | "finished":
            return "already_shipped"
        case "paid" | "part_shipped":
            if order.refund_open:
                return "refund_open"
            return "" if going(order, line_nos) else "already_shipped"


def with_waybill(order: Order, former: str, waybill: str, company: str) -> Order:
    """Return the order after its parcel `former` got another number."""
    return replace(
        order,
        lines=tuple(
            replace(line, waybill=waybill) if line.waybill == former else line
            for line in order.lines
        ),
        shipments=tuple(
            replace(one, waybill=waybill, company=company, changes=one.changes + 1)
            if one.waybill == former
            else one
            for one in order.shipments
        ),
    )
