"""From what a channel claims to a canonical order whose amounts add up, with every contradiction named.

What quarantines an order (it could not be shipped or paid right): no number, no lines, a line twice,
an impossible quantity, a missing, unreadable or negative amount, no modified time, nowhere to send it.
All else is taken in: the order's header decides what was paid, and lines share it exactly.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import msgspec

from chassis.money import share_out
from services.ingest.channels._wire import AMOUNT_MAX, problem, read_json, starts_with
from services.ingest.domain.model import (
    OPEN_REFUNDS,
    SHIPPABLE,
    CanonicalOrder,
    Extension,
    Item,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Parcel,
    PiiKind,
    Problem,
    ProblemCode,
    Promotion,
    Receiver,
    Times,
)
from services.ingest.domain.snapshots import Rank, rank_of
from services.ingest.domain.text import is_lost

S = OrderSnapshotState
PAID_STATES = frozenset(
    {
        S.PAID_ON_HOLD,
        S.AWAITING_SHIPMENT,
        S.PARTLY_SHIPPED,
        S.SHIPPED,
        S.COMPLETED,
        S.CLOSED_REFUNDED,
    }
)
ENDED_STATES = frozenset({S.CANCELLED, S.CLOSED_REFUNDED})
RESERVATION = "danshu_reservation"
"""Under this name an own shop keeps the id of a reservation with its order, where the shop has names for notes."""
_RESERVATION_ID = re.compile(r"^rsv-[a-z2-7]{20}\Z")
_ORDER_NO = re.compile(r"^[0-9A-Za-z_\-]{1,64}$")
_decode_listed = msgspec.json.Decoder(list[msgspec.Raw]).decode


class LineDraft(msgspec.Struct, kw_only=True):
    """One line as claimed: `net_fen` is what the channel says is payable for it."""

    line_id: str
    sku_id: str
    merchant_sku: str
    title: str
    qty: int
    unit_price_fen: int
    net_fen: int
    is_gift: bool
    refund_state: LineRefundState
    shipped_qty: int
    refunded_qty: int = 0


class Draft(msgspec.Struct, kw_only=True):
    """An order as claimed.

    `goods_fen` is the channel's own total of list prices, None if it gives none. `pays_later`: the channel itself
    collects the money later, or there is none, so that shipping unpaid is no contradiction. `cash_on_delivery`: neither
    is it here, but whoever carries the goods has to collect the money. `partial`: a list row or a push, which
    has no lines and asks for the detail. `names_shop`: false where the channel's orders do not say
    which shop they are of. `rounding_fen`: what list prices are too high because they have to be
    whole fen. `adjusted_fen`: what the seller lowered by hand, negative where raised, if that is none of
    the promotions. `collected`: the buyer fetches it, or it is handed over already. `dated`: false where
    nobody tells when it was modified, so that it is older than whatever the channel tells.
    `reservation_id`: the reservation of ours that the order names, as it stands there. `handed_over`: the buyer took
    the goods along from a store of ours. `returns`: the order whose goods it takes back.
    """

    order_no: str
    shop: str
    channel: str
    state: OrderSnapshotState
    raw_state: str
    hold: str
    payable_fen: int
    paid_fen: int
    freight_fen: int
    goods_fen: int | None
    lines: Sequence[LineDraft]
    receiver: Receiver
    promotions: tuple[Promotion, ...]
    parcels: tuple[Parcel, ...]
    times: Times
    buyer_memo: str
    seller_memo: str
    extensions: Extension
    currency: str = "CNY"
    pays_later: bool = False
    cash_on_delivery: bool = False
    partial: bool = False
    names_shop: bool = True
    collected: bool = False
    rounding_fen: int = 0
    adjusted_fen: int = 0
    dated: bool = True
    reservation_id: str = ""
    handed_over: bool = False
    returns: str = ""


def finish(draft: Draft, problems: list[Problem]) -> Normalised:
    """Make the canonical order of a draft; `problems` are those met while reading it."""
    _check_header(draft, problems)
    payable_fen = max(0, draft.payable_fen)
    freight_fen = min(max(0, draft.freight_fen), payable_fen)
    paid_fen = max(0, draft.paid_fen)
    items: tuple[Item, ...] = ()
    if draft.partial:
        problems.append(problem(ProblemCode.DETAIL_NEEDED, "carries no lines", blocks=True))
    elif not draft.lines:
        problems.append(problem(ProblemCode.LINES_MISSING, "no lines", blocks=True))
    else:
        _check_lines(draft, problems)
        goods_fen = payable_fen - freight_fen
        items = _share(draft.lines, goods_fen, min(paid_fen, goods_fen), problems)
    gross_fen = sum(line.unit_price_fen * line.qty for line in draft.lines)
    discount_fen = gross_fen + freight_fen - payable_fen if items else 0
    _check_sums(draft, gross_fen=gross_fen, discount_fen=discount_fen, problems=problems)
    state, hold = _held(draft)
    order = CanonicalOrder(
        order_no=draft.order_no,
        shop=draft.shop,
        channel=draft.channel,
        state=state,
        raw_state=draft.raw_state,
        paid_fen=paid_fen,
        payable_fen=payable_fen,
        freight_fen=freight_fen,
        discount_total_fen=discount_fen,
        currency=draft.currency,
        items=items,
        receiver=draft.receiver,
        promotions=draft.promotions,
        parcels=draft.parcels,
        hold=hold,
        times=draft.times,
        buyer_memo=draft.buyer_memo,
        seller_memo=draft.seller_memo,
        extensions=draft.extensions,
        reservation_id=_reservation(draft.reservation_id, problems),
        handed_over=draft.handed_over,
        returns=draft.returns,
        cash_on_delivery=draft.cash_on_delivery,
    )
    return Normalised(order=order, problems=tuple(problems))


def _reservation(named: str, problems: list[Problem]) -> str:
    """Without it the order is held for itself, so what is no id is named and does no harm."""
    if not named or _RESERVATION_ID.match(named):
        return named
    problems.append(problem(ProblemCode.RESERVATION_MALFORMED, "reservation", blocks=False))
    return ""


def _check_header(draft: Draft, problems: list[Problem]) -> None:
    if not draft.order_no:
        problems.append(problem(ProblemCode.ORDER_NO_MISSING, "no order number", blocks=True))
    elif not _ORDER_NO.match(draft.order_no):
        problems.append(problem(ProblemCode.ORDER_NO_MALFORMED, "order number", blocks=True))
    if draft.times.modified is None and draft.dated and not draft.partial:
        # Without it an older snapshot could overwrite a newer one.
        problems.append(problem(ProblemCode.MODIFIED_MISSING, "modified time", blocks=True))
    if draft.state is S.UNKNOWN and not (draft.partial and not draft.raw_state):
        problems.append(problem(ProblemCode.STATE_UNKNOWN, draft.raw_state, blocks=False))
    if draft.partial:
        return
    if draft.names_shop and not draft.shop:
        problems.append(problem(ProblemCode.SHOP_MISSING, "shop", blocks=False))
    if draft.state in SHIPPABLE and not draft.collected and not _has_receiver(draft.receiver):
        problems.append(problem(ProblemCode.RECEIVER_MISSING, "receiver", blocks=True))
    _check_texts(draft, problems)
    paid = draft.times.paid is not None
    if not (draft.pays_later or draft.cash_on_delivery) and draft.payable_fen > 0:
        if draft.state in PAID_STATES and not paid:
            detail = f"{draft.raw_state} without a time of payment"
            problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))
        elif draft.state is S.UNPAID and paid:
            detail = f"{draft.raw_state} with a time of payment"
            problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))
        elif draft.state is S.DEPOSIT_PAID and draft.paid_fen == 0 and not _names_missing(problems):
            detail = f"{draft.raw_state} without a deposit"
            problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))


def _names_missing(problems: Sequence[Problem]) -> bool:
    return any(one.code is ProblemCode.AMOUNT_MISSING for one in problems)


def _has_receiver(to: Receiver) -> bool:
    """Say whether a parcel finds its way: a region, a street, and a name or a phone.

    The channel's e-waybill takes the key in place of all but the region.
    """
    if not to.province or to.key:
        return bool(to.province)
    address = to.address or to.address_cipher
    return bool(address and (to.name or to.name_cipher or to.phone or to.phone_cipher))


def _check_texts(draft: Draft, problems: list[Problem]) -> None:
    """An address nobody can read any more cannot be shipped to; a name can, by the phone."""
    region = f"{draft.receiver.province} {draft.receiver.city}"
    if is_lost(region):
        blocks = draft.state in SHIPPABLE
        problems.append(problem(ProblemCode.RECEIVER_LOST, "receiver region", blocks=blocks))
    if draft.receiver.pii is not PiiKind.PLAIN:
        return
    for name in ("name", "address"):
        if is_lost(getattr(draft.receiver, name)):
            blocks = name == "address" and draft.state in SHIPPABLE and not draft.collected
            problems.append(problem(ProblemCode.RECEIVER_LOST, f"receiver {name}", blocks=blocks))


def _check_lines(draft: Draft, problems: list[Problem]) -> None:
    seen: set[str] = set()
    for line in draft.lines:
        if not line.line_id:
            problems.append(problem(ProblemCode.LINE_ID_MISSING, "line", blocks=True))
        elif line.line_id in seen:
            detail = f"line {line.line_id}"
            problems.append(problem(ProblemCode.LINE_ID_REPEATED, detail, blocks=True))
        seen.add(line.line_id)
        if not line.sku_id and not line.merchant_sku:
            detail = f"line {line.line_id}"
            problems.append(problem(ProblemCode.SKU_MISSING, detail, blocks=False))
        if line.unit_price_fen < 0 or line.net_fen < 0:
            detail = f"line {line.line_id}"
            problems.append(problem(ProblemCode.NEGATIVE_AMOUNT, detail, blocks=True))


def _check_sums(
    draft: Draft, *, gross_fen: int, discount_fen: int, problems: list[Problem]
) -> None:
    for name, amount_fen in (
        ("payable", draft.payable_fen),
        ("paid", draft.paid_fen),
        ("freight", draft.freight_fen),
    ):
        if amount_fen < 0:
            problems.append(problem(ProblemCode.NEGATIVE_AMOUNT, name, blocks=True))
    if gross_fen > AMOUNT_MAX:
        problems.append(problem(ProblemCode.BAD_AMOUNT, "goods total", blocks=True))
    if draft.freight_fen > max(0, draft.payable_fen):
        detail = f"freight {draft.freight_fen}, payable {draft.payable_fen}"
        problems.append(problem(ProblemCode.FREIGHT_ABOVE_TOTAL, detail, blocks=False))
    if draft.paid_fen > draft.payable_fen:
        detail = f"paid {draft.paid_fen}, payable {draft.payable_fen}"
        problems.append(problem(ProblemCode.PAID_ABOVE_PAYABLE, detail, blocks=False))
    if not draft.lines:
        return
    if draft.goods_fen is not None and draft.goods_fen != gross_fen - draft.rounding_fen:
        detail = f"total {draft.goods_fen}, lines {gross_fen}"
        problems.append(problem(ProblemCode.GOODS_DIFFER_FROM_TOTAL, detail, blocks=False))
    promoted_fen = sum(promotion.fen for promotion in draft.promotions)
    granted_fen = discount_fen - draft.rounding_fen - draft.adjusted_fen
    # Some count what a gift would cost as a promotion, others do not.
    given_fen = sum(
        line.unit_price_fen * line.qty - line.net_fen for line in draft.lines if line.is_gift
    )
    if draft.promotions and promoted_fen not in {granted_fen, granted_fen - given_fen}:
        detail = f"promotions {promoted_fen}, discount {discount_fen}"
        problems.append(problem(ProblemCode.PROMOTIONS_DIFFER, detail, blocks=False))


def _share(
    lines: Sequence[LineDraft], goods_fen: int, goods_paid_fen: int, problems: list[Problem]
) -> tuple[Item, ...]:
    """Give each line its exact share of what is payable and of what is paid for goods.

    The channel's own shares stand where they add up to its header; otherwise the header is shared
    out in their proportion (largest remainder, ties by line id), and the difference is named.
    """
    nets = [max(0, line.net_fen) for line in lines]
    keys = [line.line_id for line in lines]
    if sum(nets) == goods_fen:
        payable = nets
    else:
        detail = f"lines {sum(nets)}, header {goods_fen}"
        problems.append(problem(ProblemCode.LINES_DIFFER_FROM_TOTAL, detail, blocks=False))
        if not any(nets):
            # A gift must not take a share of what was paid for the rest.
            nets = [max(0, line.unit_price_fen) * line.qty for line in lines]
        payable = list(share_out(goods_fen, nets, keys))
    if goods_paid_fen == goods_fen:
        paid = payable
    elif goods_paid_fen == 0:
        paid = [0] * len(payable)
    else:
        paid = list(share_out(goods_paid_fen, payable, keys))
    return tuple(
        [
            Item(
                line_id=line.line_id,
                sku_id=line.sku_id,
                merchant_sku=line.merchant_sku,
                title=line.title,
                qty=line.qty,
                unit_price_fen=line.unit_price_fen,
                discount_fen=line.unit_price_fen * line.qty - payable_fen,
                paid_fen=paid_fen,
                is_gift=line.is_gift,
                refund_state=line.refund_state,
                shipped_qty=line.shipped_qty,
                refunded_qty=line.refunded_qty,
            )
            for line, payable_fen, paid_fen in zip(lines, payable, paid, strict=True)
        ]
    )


def _held(draft: Draft) -> tuple[OrderSnapshotState, str]:
    """Hold what must not ship: unknown states, and lines with an open refund.

    An order of which nothing may ship is paid-on-hold; one of which a part has shipped keeps that
    progress and carries the reason beside it.
    """
    if draft.state is S.UNKNOWN:
        return S.UNKNOWN, draft.hold or "unknown_state"
    if draft.state not in SHIPPABLE or draft.hold or not draft.lines:
        return draft.state, draft.hold
    # Gifts go with what they were given for: alone they neither ship nor keep an order shipping.
    bought = [line for line in draft.lines if not line.is_gift] or draft.lines
    left = [
        line.refund_state
        for line in bought
        if line.shipped_qty + line.refunded_qty < line.qty
        and line.refund_state is not LineRefundState.REFUNDED
    ]
    open_count = sum(state in OPEN_REFUNDS for state in left)
    if left and not open_count:
        return draft.state, ""
    hold = "refund_open" if open_count else "nothing_left_to_ship"
    if open_count < len(left) or draft.state is S.PARTLY_SHIPPED:
        return draft.state, hold
    return S.PAID_ON_HOLD, hold


def take_off(drafts: Sequence[LineDraft], amount_fen: int) -> None:
    """Lower the lines by a discount, in proportion and to the fen (ties by line id).

    A coupon may be worth more than what it is used on; the rest of it pays for nothing.
    """
    nets = [draft.net_fen for draft in drafts]
    if amount_fen <= 0 or not nets or min(nets) < 0:
        return
    keys = [draft.line_id for draft in drafts]
    shares = share_out(min(amount_fen, sum(nets)), nets, keys)
    for draft, share_fen in zip(drafts, shares, strict=True):
        draft.net_fen -= share_fen


def newest(found: Iterable[Normalised]) -> tuple[Normalised, ...]:
    """Keep one snapshot per order number, the newest, whatever order they come in."""
    kept: dict[str, Normalised] = {}
    unnamed: list[Normalised] = []
    for normalised in found:
        order = normalised.order
        if order is None or not order.order_no:
            unnamed.append(normalised)
            continue
        before = kept.setdefault(order.order_no, normalised)
        if before is not normalised:
            kept[order.order_no] = max(before, normalised, key=_standing)
    return (*kept.values(), *unnamed)


def _standing(one: Normalised) -> tuple[datetime, bool, Rank, bytes]:
    """Of two equally new ones, one that can be worked with goes before one that cannot."""
    assert one.order is not None, "only orders are compared"
    rank = rank_of(one.order, "")
    return rank.modified_at, not one.blocked, rank, msgspec.json.encode(one)


def of_each(body: bytes, read: Callable[[bytes], Iterable[Normalised]]) -> tuple[Normalised, ...]:
    """Read several payloads which stand in one list, as a file that was collected from answers has them."""
    found = read_json(_decode_listed, body)
    if isinstance(found, Problem):
        return refused(found)
    payloads = [bytes(raw) for raw in found]
    if not payloads or any(starts_with(payload, b"[") for payload in payloads):
        return refused(problem(ProblemCode.NOT_AN_ORDER, "no list of payloads", blocks=True))
    return newest([one for payload in payloads for one in read(payload)])


def refused(cause: Problem) -> tuple[Normalised, ...]:
    """Wrap a payload of which not even the number could be read."""
    return (Normalised(order=None, problems=(cause,)),)
