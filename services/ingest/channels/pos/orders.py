"""What a till's receipt means: goods handed over, goods to send, or goods that came back."""

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from chassis.currency import decimals
from services.ingest.channels import _order as orders
from services.ingest.channels._wire import (
    clean,
    fen,
    needed,
    problem,
    read_json,
    receiver,
    several,
    text_of,
    typed_kind,
    zoned_time,
)
from services.ingest.channels.pos import wire
from services.ingest.channels.pos.extension import Payment, PosExtension, Weighed
from services.ingest.domain.model import (
    Bearer,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    Problem,
    ProblemCode,
    Promotion,
    Receiver,
    Times,
)

S = OrderSnapshotState

_QUANTITY = re.compile(r"^-?([0-9]{1,7})(?:\.([0-9]{1,6}))?\Z")
# In-store barcodes of weighed goods: prefix 20-29, five digits of the article, then its price.
_PRICED = re.compile(r"^(2[0-9][0-9]{5})[0-9]{6}\Z")
_CLOCK_DRIFT = timedelta(days=2)
_TRAINING = problem(ProblemCode.NOT_AN_ORDER, "a training receipt", blocks=True)
_STATES = {"SALE": S.COMPLETED, "RETURN": S.CLOSED_REFUNDED, "VOID": S.CANCELLED}


def normalise(body: bytes) -> tuple[Normalised, ...]:
    """Read a batch; never raises, a second call gives the same."""
    batch = read_json(wire.decode_batch, body)
    if isinstance(batch, Problem):
        return orders.refused(batch)
    receipts = batch.receipts()
    if batch.schema != wire.SCHEMA or receipts is None:
        cause = f"schema is not {wire.SCHEMA}" if receipts is not None else "no receipts"
        return orders.refused(problem(ProblemCode.NOT_AN_ORDER, cause, blocks=True))
    return _without_reuse(_receipt(raw, batch) for raw in receipts)


def _without_reuse(found: Iterable[Normalised]) -> tuple[Normalised, ...]:
    """Keep each receipt once; two contents under one number are both refused, as one of them."""
    kept: dict[str, Normalised] = {}
    unnamed: list[Normalised] = []
    for one in found:
        order = one.order
        if order is None or not order.order_no:
            unnamed.append(one)
            continue
        before = kept.get(order.order_no)
        if before is not None and before.order is not None and before.order != order:
            detail = "two different receipts have this number"
            reused = problem(ProblemCode.ORDER_NO_REUSED, detail, blocks=True)
            one = Normalised(order=order, problems=(*one.problems, reused))  # noqa: PLW2901
        kept[order.order_no] = one
    return (*kept.values(), *unnamed)


def _receipt(raw: bytes, batch: wire.Batch) -> Normalised:
    receipt = read_json(wire.decode_receipt, raw)
    if isinstance(receipt, Problem):
        return Normalised(order=None, problems=(receipt,))
    if receipt.training:
        return Normalised(order=None, problems=(_TRAINING,))
    problems: list[Problem] = []
    kind = clean(receipt.type)
    to_be_sent = kind == "SALE" and receipt.delivery is not None
    state = S.AWAITING_SHIPMENT if to_be_sent else _STATES.get(kind, S.UNKNOWN)
    # A return states what goes back as negative amounts: its order is what had been paid.
    sign = -1 if kind == "RETURN" else 1
    handed_over = state is S.COMPLETED
    read = [
        _line(native, sign, kind, problems, handed_over=handed_over)
        for native in several(receipt.lines)
    ]
    lines = [line for line, _ in read]
    total_fen = sign * fen(receipt.total_fen, "total_fen", problems)
    discount_fen = fen(receipt.discount_fen, "discount_fen", problems)
    rounding_fen = sign * fen(receipt.rounding_fen, "rounding_fen", problems)
    _let_go(lines, rounding_fen)
    _take_off_rest(receipt, lines, discount_fen, total_fen)
    payments = _payments(receipt, problems)
    paid_fen = sign * sum(payment.fen for payment in payments)
    _check_header(receipt, state, paid_fen, total_fen, problems)
    hold = "payment_incomplete" if to_be_sent and paid_fen < total_fen else ""
    created, sold = _created(receipt, batch, problems), kind == "SALE"
    draft = orders.Draft(
        order_no=text_of(receipt.receipt_no),
        shop=text_of(batch.store_no),
        channel="pos",
        # Goods over the counter are gone; goods to send wait for the rest of their money.
        state=S.PAID_ON_HOLD if hold else state,
        raw_state=kind,
        hold=hold,
        payable_fen=total_fen,
        paid_fen=paid_fen if state is not S.CANCELLED else 0,
        freight_fen=0,
        goods_fen=total_fen + discount_fen + rounding_fen if sold else None,
        lines=lines,
        receiver=_receiver(receipt.delivery, problems),
        promotions=_promotions(discount_fen, rounding_fen) if sold else (),
        parcels=(),
        times=_times(created, paid=bool(payments), sent=state is S.AWAITING_SHIPMENT),
        buyer_memo="",
        seller_memo=clean(receipt.note),
        reservation_id=text_of(receipt.reservation_id),
        handed_over=handed_over,
        returns=_taken_back(receipt, kind, problems),
        extensions=_extension(
            receipt,
            batch,
            rounding_fen=rounding_fen,
            payments=payments,
            weighed=tuple(weighed for _, weighed in read if weighed is not None),
        ),
        currency=clean(receipt.currency) or "CNY",
    )
    return orders.finish(draft, problems)


def _taken_back(receipt: wire.Receipt, kind: str, problems: list[Problem]) -> str:
    if kind != "RETURN":
        return ""
    original = text_of(receipt.original_receipt_no)
    if not original:
        problems.append(problem(ProblemCode.SALE_MISSING, "original_receipt_no", blocks=True))
    return original


def _check_header(
    receipt: wire.Receipt,
    state: OrderSnapshotState,
    paid_fen: int,
    total_fen: int,
    problems: list[Problem],
) -> None:
    currency = clean(receipt.currency)
    if currency and decimals(currency) is None:
        problems.append(problem(ProblemCode.CURRENCY_UNKNOWN, currency[:8], blocks=True))
    if receipt.total_fen is None or receipt.total_fen == "":
        problems.append(problem(ProblemCode.AMOUNT_MISSING, "total_fen", blocks=True))
    if state in orders.PAID_STATES and 0 <= paid_fen < total_fen:
        detail = f"paid {paid_fen}, total {total_fen}"
        problems.append(problem(ProblemCode.STATE_CONTRADICTS_PAYMENT, detail, blocks=False))


def _promotions(discount_fen: int, rounding_fen: int) -> tuple[Promotion, ...]:
    return tuple(
        Promotion(name=name, fen=amount_fen, borne_by=Bearer.SELLER)
        for name, amount_fen in (("优惠", discount_fen), ("抹零", rounding_fen))
        if amount_fen > 0
    )


def _times(created: datetime | None, *, paid: bool, sent: bool) -> Times:
    """A receipt is never changed, so the time it was made orders it among its repeats."""
    return Times(
        created=created,
        paid=created if paid else None,
        modified=created,
        shipped=None,
        ended=None if sent else created,
        ship_by=None,
    )


def _extension(
    receipt: wire.Receipt,
    batch: wire.Batch,
    *,
    rounding_fen: int,
    payments: tuple[Payment, ...],
    weighed: tuple[Weighed, ...],
) -> PosExtension:
    return PosExtension(
        buyer_key=text_of(receipt.member_no),
        terminal_no=text_of(batch.terminal_no),
        batch_no=text_of(batch.batch_no),
        business_date=clean(batch.business_date),
        cashier=text_of(receipt.cashier),
        original_receipt_no=text_of(receipt.original_receipt_no),
        rounding_fen=rounding_fen,
        payments=payments,
        weighed=weighed,
        content_hash=_content_hash(receipt),
    )


def _content_hash(receipt: wire.Receipt) -> str:
    """Equal for equal receipts, also those read before receipts could name a reservation."""
    told = msgspec.structs.asdict(receipt)
    if receipt.reservation_id is None:
        del told["reservation_id"]
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()[:32]


def _line(
    native: wire.Line, sign: int, kind: str, problems: list[Problem], *, handed_over: bool
) -> tuple[orders.LineDraft, Weighed | None]:
    """Read one line; goods by weight are one piece at the price of what was weighed."""
    line_id = text_of(native.line_no)
    unit_fen = fen(native.unit_price_fen, "lines.unit_price_fen", problems)
    needed(native.unit_price_fen, "lines.unit_price_fen", problems)
    needed(native.amount_fen, "lines.amount_fen", problems)
    amount_fen = sign * fen(native.amount_fen, "lines.amount_fen", problems)
    discount_fen = fen(native.discount_fen, "lines.discount_fen", problems)
    text = repr(native.qty) if isinstance(native.qty, float) else text_of(native.qty)
    matched = _QUANTITY.match(text)
    thousands = _thousandths(matched)
    if matched is None or thousands == 0 or text.startswith("-") is not (sign < 0):
        problems.append(problem(ProblemCode.BAD_QUANTITY, "lines.qty", blocks=True))
    qty, weighed, listed_fen = thousands // 1_000_000, None, unit_fen
    if thousands % 1_000_000:
        qty, listed_fen = 1, max(0, amount_fen + discount_fen)
        weighed = Weighed(
            line_id=line_id, quantity=text, unit=clean(native.unit), unit_price_fen=unit_fen
        )
        exact = unit_fen * thousands
        if kind == "SALE" and abs(exact - listed_fen * 1_000_000) > 1_000_000:
            detail = f"line {line_id}: {text} at {unit_fen} is not {listed_fen}"
            problems.append(problem(ProblemCode.GOODS_DIFFER_FROM_TOTAL, detail, blocks=False))
    barcode = text_of(native.barcode)
    priced = _PRICED.match(barcode)
    refunded = kind == "RETURN"
    return orders.LineDraft(
        line_id=line_id,
        sku_id=priced[1] if priced else barcode,
        merchant_sku=text_of(native.sku),
        title=clean(native.name),
        qty=qty,
        unit_price_fen=listed_fen,
        net_fen=amount_fen,
        is_gift=listed_fen == 0,
        refund_state=LineRefundState.REFUNDED if refunded else LineRefundState.NONE,
        shipped_qty=qty if handed_over else 0,
        refunded_qty=qty if refunded else 0,
    ), weighed


def _thousandths(matched: re.Match[str] | None) -> int:
    """Return a quantity in millionths; 0 for what is none."""
    if matched is None:
        return 0
    return int(matched[1]) * 1_000_000 + int((matched[2] or "").ljust(6, "0"))


def _let_go(lines: list[orders.LineDraft], rounding_fen: int) -> None:
    """Take what the till let go off the dearest line: it is a few fen of the whole receipt."""
    if lines and rounding_fen:
        dearest = max(lines, key=lambda line: (line.net_fen, line.line_id))
        dearest.net_fen -= rounding_fen


def _take_off_rest(
    receipt: wire.Receipt, lines: list[orders.LineDraft], discount_fen: int, total_fen: int
) -> None:
    """Share out what is off the whole receipt and off none of its lines, where only then the sums meet."""
    if receipt.type != "SALE":
        return
    of_lines_fen = sum(fen(native.discount_fen, "", []) for native in several(receipt.lines))
    rest_fen = discount_fen - of_lines_fen
    if rest_fen == sum(line.net_fen for line in lines) - total_fen:
        orders.take_off(lines, rest_fen)


def _payments(receipt: wire.Receipt, problems: list[Problem]) -> tuple[Payment, ...]:
    return tuple(
        Payment(
            method=clean(native.method),
            fen=fen(native.amount_fen, "payments.amount_fen", problems),
            transaction_no=text_of(native.txn_no),
        )
        for native in several(receipt.payments)
    )


def _created(receipt: wire.Receipt, batch: wire.Batch, problems: list[Problem]) -> datetime | None:
    """Return when a receipt was made; a till whose clock is days away from the business day it sells on is named."""
    created = zoned_time(receipt.created_at, "created_at", problems)
    midnight = zoned_time(f"{clean(batch.business_date)}T00:00:00+08:00", "business_date", [])
    if batch.business_date and midnight is None:
        problems.append(problem(ProblemCode.BAD_TIME, "business_date", blocks=False))
    elif created is not None and midnight is not None and abs(created - midnight) > _CLOCK_DRIFT:
        problems.append(problem(ProblemCode.BAD_TIME, "created_at, business_date", blocks=False))
    return created


def _receiver(delivery: wire.Delivery | None, problems: list[Problem]) -> Receiver:
    to = delivery or wire.Delivery()
    return receiver(
        region=(to.province, to.city, to.district),
        town="",
        person=(to.name, text_of(to.phone), to.address),
        key="",
        problems=problems,
        kind_of=typed_kind,
    )
