"""How far the goods of a Shopify order have come, beside lines that need no parcel: gift wrap, vouchers, downloads.

Shopify fulfils such lines as soon as they are paid, or never, and calls the order partly fulfilled with them.
"""

from collections.abc import Sequence

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import clean, text_of
from services.ingest.channels.shopify import wire
from services.ingest.domain.model import OrderSnapshotState

S = OrderSnapshotState


def ships(native: wire.Line) -> bool:
    """Say whether a line needs a parcel."""
    return native.requires_shipping is not False


def count_the_rest(natives: Sequence[wire.Line], lines: Sequence[orders.LineDraft]) -> None:
    """Count what needs no parcel as sent when no goods are left, so that it neither holds them nor is waited for."""
    together = list(zip(natives, lines, strict=True))
    goods = [line for native, line in together if ships(native)]
    gone = bool(goods) and all(line.shipped_qty + line.refunded_qty >= line.qty for line in goods)
    for native, line in together:
        if not ships(native):
            line.shipped_qty = line.qty if gone else 0


def by_the_goods(
    state: OrderSnapshotState,
    natives: Sequence[wire.Line],
    lines: Sequence[orders.LineDraft],
    shipped: dict[str, int],
) -> OrderSnapshotState:
    """Give the state that the goods alone have. `shipped` are pieces by line, as the fulfilments tell them."""
    if state not in {S.AWAITING_SHIPMENT, S.PARTLY_SHIPPED}:
        return state
    beside = {text_of(native.id) for native in natives if not ships(native)}
    sent = {line_id for line_id, pieces in shipped.items() if pieces}
    goods = [line for native, line in zip(natives, lines, strict=True) if ships(native)]
    if beside and goods and all(line.shipped_qty >= line.qty for line in goods):
        return S.SHIPPED
    if state is S.AWAITING_SHIPMENT:
        return S.PARTLY_SHIPPED if sent - beside else state
    sent |= {text_of(native.id) for native in natives if clean(native.fulfillment_status)}
    return S.AWAITING_SHIPMENT if goods and sent and sent <= beside else state
