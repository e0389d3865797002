"""What an order that is short was promised, and how the date of a purchase order moved. Values only."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

ExpectedKey = tuple[str, str, str]
"""(sku, warehouse, purchase order): one line of what is expected. Without an order: what is set aside of the shelf."""
OF_SHELF = ""
"""In the place of a purchase order: the pieces lie there already, and are set aside."""


class Promise(Struct, frozen=True, array_like=True):
    """Pieces of one SKU that an order is to have."""

    warehouse: str
    sku: str
    quantity: int
    purchase_no: str = OF_SHELF
    """Out of what they are to come."""
    expected_at: datetime | None = None
    """When they are expected there, as it was when they were promised; None of what lies there."""
    handling_days: int = 0
    """From then until they can be sent."""

    @property
    def key(self) -> ExpectedKey:
        """The line of what is expected."""
        return (self.sku, self.warehouse, self.purchase_no)


class PromiseOff(Struct, frozen=True, array_like=True):
    """Signed pieces that are missing from one line of what is expected."""

    purchase_no: str
    promised: int
    """To come to the live promises."""
    outstanding: int
    """To come to what the purchase order says."""
    expected_at: datetime | None = None
    """As the purchase order says, where the line itself is missing."""


class Redate(Struct, frozen=True, array_like=True):
    """One time that a purchase order was expected at another moment than before."""

    was: datetime | None
    expected_at: datetime
    by: str
    reason: str
