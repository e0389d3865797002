"""The discounts of a Youzan order, and what its after-sales requests mean for its lines."""

import msgspec

from services.ingest.channels import _order as orders
from services.ingest.channels._wire import Amount, clean, several, text_of, yuan
from services.ingest.channels.youzan import wire
from services.ingest.domain.model import (
    OPEN_REFUNDS,
    Bearer,
    LineRefundState,
    Problem,
    Promotion,
)

R = LineRefundState
# Of one request inside an order; the calls about after-sales write words instead.
REQUESTS = {
    "1": R.REQUESTED,
    "10": R.REFUSED,
    "20": R.RETURNING,
    "30": R.RETURNING,
    "40": R.REFUSED,
    "50": R.WITHDRAWN,
    "60": R.REFUNDED,
}
# Of the whole order: a part is being refunded or was, or all of it.
WHOLE = {"": R.NONE, "0": R.NONE, "1": R.REQUESTED, "2": R.PARTLY_REFUNDED, "11": R.REQUESTED,
         "12": R.REFUNDED}  # fmt: skip


class Refunds(msgspec.Struct, frozen=True, kw_only=True):
    """Why the order must not ship although none of its lines is held; "" when nothing is."""

    hold: str


def refunds(
    trade: wire.Trade,
    info: wire.OrderInfo,
    lines: list[orders.LineDraft],
    problems: list[Problem],
) -> Refunds:
    """Give every line its state; what is not told for a line counts for all of them."""
    states: dict[str, LineRefundState] = {}
    amounts: dict[str, int] = {}
    for request in several(trade.refund_order):
        state = REQUESTS.get(text_of(request.refund_state), R.UNKNOWN)
        for line_id in wire.line_ids(request.oids):
            before = states.get(line_id, R.NONE)
            if before not in OPEN_REFUNDS and (state in OPEN_REFUNDS or before is not R.REFUNDED):
                states[line_id] = state
            if state is R.REFUNDED:
                fee_fen = yuan(request.refund_fee, "refund_order.refund_fee", problems)
                amounts[line_id] = amounts.get(line_id, 0) + fee_fen
    whole = WHOLE.get(text_of(info.refund_state), R.UNKNOWN)
    known = {line.line_id for line in lines} & states.keys()
    hold = ""
    for line in lines:
        state = states.get(line.line_id, R.NONE)
        if state is R.REFUNDED and amounts.get(line.line_id, 0) < line.net_fen:
            state = R.PARTLY_REFUNDED
            # The amount does not say how many pieces it was for.
            hold = "refunded_pieces_unknown" if line.qty > 1 else hold
        if not known and whole is not R.PARTLY_REFUNDED:
            state = whole
        line.refund_state = state
        line.refunded_qty = line.qty if state is R.REFUNDED else 0
    if not known and whole is R.PARTLY_REFUNDED:
        hold = "refunded_line_unknown"
    return Refunds(hold=hold)


def promotions(
    native: wire.Promotions | None, discount_fen: int, problems: list[Problem]
) -> tuple[Promotion, ...]:
    """Name every discount; prices changed by hand count in the direction in which sums meet."""
    if native is None:
        return ()
    found = [
        _promotion(discount, discount.discount_fee, problems) for discount in several(native.order)
    ]
    of_lines = [
        _promotion(discount, discount.decrease or discount.discount_fee, problems)
        for line in several(native.item)
        for discount in several(line.promotions)
    ]
    _rest(found, "订单优惠", yuan(native.order_discount_fee, "order_discount_fee", problems))
    _rest(of_lines, "商品优惠", yuan(native.item_discount_fee, "item_discount_fee", problems))
    found = [promotion for promotion in (*found, *of_lines) if promotion.fen]
    adjusted_fen = yuan(native.adjust_fee, "adjust_fee", problems)
    open_fen = discount_fen - sum(promotion.fen for promotion in found)
    if adjusted_fen and abs(open_fen) == abs(adjusted_fen):
        found.append(Promotion(name="改价", fen=open_fen, borne_by=Bearer.SELLER))
    return tuple(found)


def _rest(named: list[Promotion], name: str, total_fen: int) -> None:
    """Add what the total of some discounts has above those which are named."""
    rest_fen = total_fen - sum(promotion.fen for promotion in named)
    if rest_fen > 0:
        named.append(Promotion(name=name, fen=rest_fen, borne_by=Bearer.SELLER))


def _promotion(native: wire.Discount, amount: Amount, problems: list[Problem]) -> Promotion:
    name = clean(native.promotion_title) or clean(native.promotion_type_name)
    amount_fen = yuan(amount, "order_promotion.discount_fee", problems)
    return Promotion(name=name or "优惠", fen=amount_fen, borne_by=Bearer.SELLER)
