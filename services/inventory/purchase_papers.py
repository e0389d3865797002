"""Purchase orders and their receipts as they are sent to us, and the commands they become; like `papers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from chassis.clock import Clock
from schemas.events.commands_inventory import (
    CancelPurchase,
    OpenPurchase,
    PurchaseLine,
    PurchaseReceiptLine,
    ReceivePurchase,
    RedatePurchase,
)
from services.inventory.doors import Code
from services.inventory.papers import LINES_MAX, Paper, Pieces, Reason, When, Written

Lines = Annotated[tuple[Pieces, ...], Meta(min_length=1, max_length=LINES_MAX)]


class WrittenPurchase(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These goods were ordered from a supplier for a warehouse."""

    warehouse: Code
    supplier: Code
    lines: Lines
    reason: Reason
    expected_at: When | None = None
    over_receipt_percent: Annotated[int, Meta(ge=0, le=100)] = 0

    def command(self, clock: Clock) -> OpenPurchase:
        """The command."""
        lines = tuple(PurchaseLine(sku=one.sku, quantity=one.quantity) for one in self.lines)
        return OpenPurchase(**self._with(clock, lines=lines))


class WrittenPurchaseReceipt(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods of the purchase order `document_no` came in."""

    receipt_no: Code
    warehouse: Code
    lines: Lines

    def command(self, clock: Clock) -> ReceivePurchase:
        """The command."""
        lines = tuple(PurchaseReceiptLine(sku=one.sku, quantity=one.quantity) for one in self.lines)
        return ReceivePurchase(**self._with(clock, lines=lines))


class WrittenPurchaseEnd(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rest of the purchase order `document_no` will not come."""

    reason: Reason

    def command(self, clock: Clock) -> CancelPurchase:
        """The command."""
        return CancelPurchase(**self._with(clock))


class WrittenPurchaseRedate(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is still to come of the purchase order `document_no` is expected at another time."""

    expected_at: When
    reason: Reason

    def command(self, clock: Clock) -> RedatePurchase:
        """The command."""
        return RedatePurchase(**self._with(clock))


PURCHASE_DOORS: Mapping[str, type[Written]] = {
    "/purchases": WrittenPurchase,
    "/purchase-receipts": WrittenPurchaseReceipt,
    "/purchase-redates": WrittenPurchaseRedate,
    "/purchase-cancellations": WrittenPurchaseEnd,
}
