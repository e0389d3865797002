"""A corrected order, made by what makes every order: amounts shared to the fen, contradictions named.

Guarantees: a problem that blocks goes only where the correction answers it: an impossible quantity by a quantity
for every line that has none, an unreadable amount by all amounts (which of them it was is not in the canonical
order), a missing receiver by a receiver. What no correction can answer stays. Pure; a second call gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from services.ingest.channels._order import Draft, LineDraft, finish
from services.ingest.domain.correction import AMOUNTS, PERSON, Correction, holding
from services.ingest.domain.model import (
    CanonicalOrder,
    Normalised,
    OrderSnapshotState,
    PiiKind,
    Problem,
    ProblemCode,
    Receiver,
)

_RECEIVER_CODES = frozenset(
    {ProblemCode.RECEIVER_MISSING, ProblemCode.RECEIVER_MIXED, ProblemCode.RECEIVER_LOST}
)
_AMOUNT_CODES = frozenset(
    {ProblemCode.BAD_AMOUNT, ProblemCode.AMOUNT_MISSING, ProblemCode.NEGATIVE_AMOUNT}
)
_SUM_CODES = frozenset(
    {
        ProblemCode.FREIGHT_ABOVE_TOTAL,
        ProblemCode.PAID_ABOVE_PAYABLE,
        ProblemCode.LINES_DIFFER_FROM_TOTAL,
        ProblemCode.GOODS_DIFFER_FROM_TOTAL,
        ProblemCode.PROMOTIONS_DIFFER,
    }
)
UNBALANCED = _SUM_CODES - {ProblemCode.GOODS_DIFFER_FROM_TOTAL, ProblemCode.PROMOTIONS_DIFFER}
"""What a person's own amounts must not be."""


def corrected(found: Normalised, corrections: Sequence[Correction]) -> Normalised:
    """What the channel says, with the corrections that hold for it."""
    if found.order is None or not (held := holding(found.order, corrections)):
        return found
    draft = _draft(found.order, held)
    again = finish(draft, [])
    answered = _answered(draft, {c.path for c in held})
    counted = any(c.path[0] != "receiver" for c in held)
    redone = _SUM_CODES if counted else frozenset[ProblemCode]()
    kept = [
        p for p in found.problems if not (p.code in redone or (p.blocks and p.code in answered))
    ]
    new = [p for p in again.problems if p.code in redone or (p.blocks and p.code in answered)]
    return Normalised(order=again.order, problems=(*kept, *new))


def unbalanced(found: Normalised) -> tuple[Problem, ...]:
    """Where the amounts of a corrected order contradict each other."""
    return tuple(p for p in found.problems if p.code in UNBALANCED)


def _answered(draft: Draft, paths: set[tuple[str, ...]]) -> frozenset[ProblemCode]:
    answered: frozenset[ProblemCode] = frozenset()
    if any(path[0] == "receiver" for path in paths):
        answered |= _RECEIVER_CODES
    if any(path[-1] == "quantity" for path in paths) and all(line.qty > 0 for line in draft.lines):
        answered |= {ProblemCode.BAD_QUANTITY}
    amounts: set[tuple[str, ...]] = {("amounts", name) for name in AMOUNTS}
    for line in draft.lines:
        amounts |= {("lines", line.line_id, name) for name in ("unit_price_fen", "payable_fen")}
    return answered | _AMOUNT_CODES if amounts <= paths else answered


def _draft(order: CanonicalOrder, held: Sequence[Correction]) -> Draft:
    values = {c.path: c.value for c in held}
    state, hold = order.state, order.hold
    if hold == "nothing_left_to_ship" and state is OrderSnapshotState.PAID_ON_HOLD:
        # It was said of lines without a single piece: look at them again.
        state, hold = OrderSnapshotState.AWAITING_SHIPMENT, ""
    return Draft(
        order_no=order.order_no,
        shop=order.shop,
        channel=order.channel,
        state=state,
        raw_state=order.raw_state,
        hold=hold,
        payable_fen=int(values.get(("amounts", "payable_fen"), order.payable_fen)),
        paid_fen=int(values.get(("amounts", "paid_fen"), order.paid_fen)),
        freight_fen=int(values.get(("amounts", "freight_fen"), order.freight_fen)),
        goods_fen=None,
        lines=[
            LineDraft(
                line_id=item.line_id,
                sku_id=item.sku_id,
                merchant_sku=str(values.get(("lines", item.line_id, "sku"), item.merchant_sku)),
                title=item.title,
                qty=int(values.get(("lines", item.line_id, "quantity"), item.qty)),
                unit_price_fen=int(
                    values.get(("lines", item.line_id, "unit_price_fen"), item.unit_price_fen)
                ),
                net_fen=int(values.get(("lines", item.line_id, "payable_fen"), item.payable_fen)),
                is_gift=item.is_gift,
                refund_state=item.refund_state,
                shipped_qty=item.shipped_qty,
                refunded_qty=item.refunded_qty,
            )
            for item in order.items
        ],
        receiver=_receiver(order.receiver, values),
        promotions=order.promotions,
        parcels=order.parcels,
        times=order.times,
        buyer_memo=order.buyer_memo,
        seller_memo=order.seller_memo,
        extensions=order.extensions,
        currency=order.currency,
        dated=order.times.modified is not None,
        cash_on_delivery=order.cash_on_delivery,
    )


def _receiver(told: Receiver, values: dict[tuple[str, ...], str | int]) -> Receiver:
    named = {path[1]: str(value) for path, value in values.items() if path[0] == "receiver"}
    receiver = replace(told, **named)
    if not named.keys() & set(PERSON):
        return receiver
    # Whoever is written down by hand is readable, and equal to nobody whom the channel names by a key.
    return replace(
        receiver, pii=PiiKind.PLAIN, name_cipher="", phone_cipher="", address_cipher="", key=""
    )
