"""What an `import/1` document means, whichever channel it is of.

A spreadsheet tells no modified time, so its snapshot has none: whatever the channel itself tells, before or after,
is the newer one (`domain/snapshots.py`). Who gets the parcel is often masked or missing; such an order holds its
stock and waits until the channel tells.
"""

from __future__ import annotations

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import clean, read_json, receiver
from services.ingest.domain.model import (
    SHIPPABLE,
    Extension,
    Normalised,
    PiiKind,
    Problem,
    Receiver,
    Times,
)
from services.ingest.imports import document
from services.ingest.imports.document import ImportedLine, ImportedOrder

RECEIVER_AWAITED = "receiver_awaited"


class ImportExtension(Extension, frozen=True, kw_only=True, tag="import"):
    """A spreadsheet has nothing of this kind."""


def is_import(door: str, body: bytes) -> bool:
    """Whether a payload is one of these documents and not a channel's own words."""
    return door == document.DOOR and body.startswith(document.BEGINS)


def normalise(body: bytes, channel: str) -> tuple[Normalised, ...]:
    """Read one document; never raises, a second call gives the same."""
    found = read_json(document.decode, body)
    if isinstance(found, Problem):
        return orders.refused(found)
    return (normalised(found, channel),)


def normalised(order: ImportedOrder, channel: str) -> Normalised:
    """The canonical order of a document, with everything that contradicts it."""
    problems: list[Problem] = []
    lines = [_line(line) for line in order.lines]
    if all(line.payable_fen is None for line in order.lines):
        # Only the order's total is told: what list prices are above it was taken off all of them.
        orders.take_off(
            lines,
            sum(line.net_fen for line in lines) - (order.payable_fen - order.freight_fen),
        )
    to = _receiver(order, problems)
    awaited = order.state in SHIPPABLE and (to.pii is not PiiKind.PLAIN or not to.province)
    draft = orders.Draft(
        order_no=order.order_no,
        shop="",
        channel=channel,
        state=order.state,
        raw_state=clean(order.raw_state),
        hold=RECEIVER_AWAITED if awaited else "",
        payable_fen=order.payable_fen,
        paid_fen=order.paid_fen,
        freight_fen=order.freight_fen,
        goods_fen=None,
        lines=lines,
        receiver=to,
        promotions=(),
        parcels=(),
        times=Times(
            created=order.times.created,
            paid=order.times.paid,
            modified=None,
            shipped=order.times.shipped,
            ended=order.times.ended,
            ship_by=order.times.ship_by,
        ),
        buyer_memo=clean(order.buyer_memo),
        seller_memo=clean(order.seller_memo),
        extensions=ImportExtension(buyer_key=""),
        names_shop=False,
        # Nothing is sent while the receiver is awaited, so that nobody is missing yet.
        collected=awaited,
        dated=False,
    )
    return orders.finish(draft, problems)


def _line(line: ImportedLine) -> orders.LineDraft:
    list_fen = line.unit_price_fen * line.quantity
    return orders.LineDraft(
        line_id=line.line_id,
        sku_id=line.sku_id,
        merchant_sku=line.merchant_sku,
        title=clean(line.title),
        qty=line.quantity,
        unit_price_fen=line.unit_price_fen,
        net_fen=list_fen if line.payable_fen is None else line.payable_fen,
        is_gift=list_fen == 0 and not line.payable_fen,
        refund_state=line.refund,
        shipped_qty=0,
    )


def _receiver(order: ImportedOrder, problems: list[Problem]) -> Receiver:
    to = order.receiver
    return receiver(
        region=(to.province, to.city, to.district),
        town=to.town,
        person=(to.name, to.phone, to.address),
        key="",
        problems=problems,
    )
