"""Inventory's doors for what is expected and promised. Bearer token at each.

GET /expected?sku=… shows each line of a SKU that is to come, what of it is promised and what each channel may still
promise; GET /promises shows promised orders, those due first, with `late=1` only those whose date has passed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chassis.clock import Clock
from chassis.http import as_json
from chassis.postgres import Pool, fetched
from services.inventory.availability_doors import asked_skus
from services.inventory.doors import guarded
from services.inventory.expectations import SQL
from services.inventory.outlook import FreeToChannel, Outlook

LISTED_MAX = 5_000


class ExpectedReceipt(Struct, frozen=True, kw_only=True):
    """A line of what is expected, in pieces. Without a purchase order: what is set aside of the shelf."""

    sku: str
    warehouse: str
    purchase_no: str
    expected_at: datetime | None
    outstanding: int
    promised: int
    """To orders that are not held yet."""
    came: int
    """Of these: lies there, set aside for them."""
    uncarried: int
    """Of these: nothing is to come for them; they are being moved or withdrawn."""
    promisable: tuple[FreeToChannel, ...]
    """By channel that may sell the SKU ahead; nothing of a line that is overdue, too far ahead, or has no date, nor of a row
    that keeps anything for channels."""


class PromisedOrder(Struct, frozen=True, kw_only=True):
    """One line of what an order was promised."""

    order_id: str
    sku: str
    warehouse: str
    purchase_no: str
    pieces: int
    expected_at: datetime | None
    promised_for: datetime


def presale_routes(pool: Pool, outlook: Outlook, clock: Clock, *, token: str) -> list[Route]:
    """The doors."""

    async def expected(request: Request) -> Response:
        skus = asked_skus(request)
        if isinstance(skus, Response):
            return skus
        found = await outlook.by_channel(pool, skus, clock.now())
        return as_json([_receipt(row, free) for row, free in found])

    async def promises(request: Request) -> Response:
        sku = request.query_params.get("sku", "").replace("\0", "")
        late = clock.now() if request.query_params.get("late") == "1" else None
        rows = await fetched(pool, SQL["promised_orders"], sku, late, LISTED_MAX)
        return as_json([PromisedOrder(**row) for row in rows])

    return [
        Route("/expected", guarded(expected, token)),
        Route("/promises", guarded(promises, token)),
    ]


def _receipt(row: Any, free: tuple[FreeToChannel, ...]) -> ExpectedReceipt:
    numbers = {name: row[name] for name in ExpectedReceipt.__struct_fields__ if name in row}
    return ExpectedReceipt(promisable=free, **numbers)
