"""Builders of the events inventory lives on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from schemas.events.commands_inventory import ExtendHold, ReceiptLine, ReceiveStock
from schemas.events.order_states import OrderClosed
from schemas.events.orders import NoMatch, OrderLine, OrderLinesMatched, OrderPaid, OrderPlaced
from schemas.events.refunds import RefundSettled, RestockLine
from schemas.events.shipments import ParcelShipped, ShippedLine

NOW = datetime(2026, 11, 11, 4, 0, tzinfo=UTC)


def placed(
    order_id: str,
    goods: Sequence[tuple[str, int]],
    *,
    channel: str = "taobao",
    province: str = "浙江省",
    reservation_id: str | None = None,
) -> OrderPlaced:
    """An order of these goods, which may name the reservation that was made for it."""
    return OrderPlaced(
        order_id=order_id,
        version=1,
        occurred_at=NOW,
        channel=channel,
        shop="shop-1",
        channel_order_no=order_id,
        channel_state="WAIT_BUYER_PAY",
        accepted_at=NOW,
        lines=tuple(
            OrderLine(
                line_no=line_no,
                channel_line_id=f"{order_id}-{line_no}",
                channel_sku_id=f"c-{sku}",
                sku=sku,
                title="示例商品",
                quantity=quantity,
                unit_price_fen=1_000,
                discount_fen=0,
                paid_fen=1_000 * quantity,
                is_gift=False,
            )
            for line_no, (sku, quantity) in enumerate(goods, start=1)
        ),
        payable_fen=1_000 * sum(quantity for _, quantity in goods),
        freight_fen=0,
        discount_fen=0,
        currency="CNY",
        promotions=(),
        province=province,
        city="杭州市",
        district="余杭区",
        personal=b"",
        personal_kind="absent",
        receiver_key="",
        address_vague=False,
        hold="",
        problems=(),
        reservation_id=reservation_id,
    )


def unmatched(order_id: str) -> OrderPlaced:
    """An order whose first line has a SKU and whose second has none."""
    order = placed(order_id, [("A", 2), ("", 1)])
    no_match = NoMatch(reason="no_merchant_code", merchant_code="")
    return replace(order, lines=(order.lines[0], replace(order.lines[1], unmatched=no_match)))


def matched(order_id: str, goods: Sequence[tuple[str, int]]) -> OrderLinesMatched:
    """Its lines have SKUs now."""
    lines = placed(order_id, goods).lines
    return OrderLinesMatched(
        order_id=order_id, version=2, occurred_at=NOW, lines=lines, discount_fen=0
    )


def paid(order_id: str) -> OrderPaid:
    """Its payment."""
    return OrderPaid(order_id=order_id, version=2, occurred_at=NOW, paid_fen=1_000)


def extended(order_id: str, key: str, *, for_s: int = 0, command_id: str = "") -> ExtendHold:
    """Somebody sees that it is being paid."""
    return ExtendHold(
        order_id=order_id,
        command_id=command_id or f"extend-{order_id}-{key}",
        issued_at=NOW,
        actor="test",
        extension_key=key,
        for_s=for_s or None,
        reason="pays",
    )


def receipt(document_no: str, warehouse: str, goods: Sequence[tuple[str, int]]) -> ReceiveStock:
    """Goods that come in."""
    return ReceiveStock(
        document_no=document_no,
        command_id=f"receipt-{document_no}",
        issued_at=NOW,
        actor="test",
        warehouse=warehouse,
        lines=tuple(ReceiptLine(sku=sku, quantity=quantity) for sku, quantity in goods),
        cause="receipt",
    )


def cancelled(order_id: str, version: int = 1) -> OrderClosed:
    """The orders service gave the order up."""
    return OrderClosed(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        reason="",
        actor="test",
        basis="",
    )


def shipped(
    order_id: str, warehouse: str, goods: Sequence[tuple[str, int]], *, version: int = 1
) -> ParcelShipped:
    """A parcel left."""
    return ParcelShipped(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        parcel_id=f"P{order_id}-{version}",
        warehouse=warehouse,
        carrier="SF",
        waybill_no=f"SF{order_id}",
        lines=tuple(
            ShippedLine(line_no=number, channel_line_id="", sku=sku, quantity=quantity)
            for number, (sku, quantity) in enumerate(goods, start=1)
        ),
        actor="test",
    )


def refunded(order_id: str, goods: Sequence[tuple[str, int]], *, version: int = 1) -> RefundSettled:
    """A refund is settled and these goods are back."""
    return RefundSettled(
        order_id=order_id,
        version=version,
        occurred_at=NOW,
        refund_id=f"F{order_id}-{version}",
        amount_fen=1_000,
        gateway="alipay",
        gateway_request_no="",
        restock=tuple(RestockLine(sku=sku, quantity=quantity) for sku, quantity in goods),
        order_fully_refunded=True,
        shipped=True,
    )
