"""Stock as events, for tests of the console: what inventory would have told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from schemas.events.replenishment import ReplenishmentSuggested, SafetyStockCrossed
from schemas.events.reservations import (
    HeldLine,
    ReservationConfirmed,
    ReservationEnded,
    ReservationMade,
)
from schemas.events.stock import (
    DeductedLine,
    ReservedLine,
    ReturnedLine,
    StockDeducted,
    StockReleased,
    StockReserved,
    StockReturned,
)
from schemas.events.stock_books import (
    BooksChecked,
    StockDifferenceChanged,
    StockTaskChanged,
    WarehouseReconciled,
)
from schemas.events.stock_campaigns import CampaignChanged, CampaignRow
from schemas.events.stock_levels import StockLevelChanged
from schemas.events.stock_movements import MovedLine, StockMoved
from schemas.events.stock_outlook import (
    CampaignUse,
    ExpectedReceipt,
    PromisableGoods,
    StockOutlookChanged,
)
from tests.browser.story import NOON

HOLD_FOR = timedelta(minutes=30)


def level(
    warehouse: str, sku: str, on_hand: int, reserved: int = 0, *, at: datetime = NOON
) -> StockLevelChanged:
    """How much lies there and is promised, in pieces."""
    return StockLevelChanged(
        level_key=f"{warehouse}|{sku}",
        version=int(at.timestamp() * 1_000_000),
        occurred_at=at,
        warehouse=warehouse,
        sku=sku,
        on_hand=on_hand,
        reserved=reserved,
    )


def reserved(
    order_id: str,
    goods: Mapping[str, int],
    *,
    version: int = 1,
    at: datetime = NOON,
    paid: bool = False,
    warehouse: str = "HZ",
) -> StockReserved:
    """An order's goods are held, for half an hour unless it is paid."""
    return StockReserved(
        order_id=order_id,
        version=version,
        occurred_at=at,
        warehouse=warehouse,
        lines=tuple(
            ReservedLine(line_no=number, sku=sku, quantity=pieces)
            for number, (sku, pieces) in enumerate(goods.items(), start=1)
        ),
        expires_at=None if paid else at + HOLD_FOR,
        generation=version,
        rule="sourcing/default@1#all",
    )


def released(order_id: str, *, version: int, at: datetime = NOON) -> StockReleased:
    """They are let go."""
    return StockReleased(order_id=order_id, version=version, occurred_at=at, reason="cancelled")


def fell(
    order_id: str, goods: Mapping[str, int], *, version: int, at: datetime = NOON
) -> StockDeducted:
    """A parcel took them away."""
    return StockDeducted(
        order_id=order_id,
        version=version,
        occurred_at=at,
        warehouse="HZ",
        lines=tuple(DeductedLine(sku=sku, quantity=pieces) for sku, pieces in goods.items()),
    )


def returned(
    order_id: str,
    goods: Mapping[str, int],
    document_no: str,
    *,
    version: int = 1,
    at: datetime = NOON,
) -> StockReturned:
    """They came back."""
    return StockReturned(
        order_id=order_id,
        version=version,
        occurred_at=at,
        warehouse="HZ",
        document_no=document_no,
        lines=tuple(ReturnedLine(sku=sku, quantity=pieces) for sku, pieces in goods.items()),
    )


def campaign(
    document_no: str,
    state: str,
    pieces: Mapping[str, int],
    *,
    version: int = 1,
    sold: int | None = None,
    at: datetime = NOON,
    exclusive: bool = False,
) -> CampaignChanged:
    """What is set aside in HZ for a campaign of taobao: SKU → pieces; `sold` of each once it has ended."""
    return CampaignChanged(
        document_no=document_no,
        version=version,
        occurred_at=at,
        name="双11 主会场",
        state=state,
        channels=("taobao",),
        begins_at=at,
        ends_at=at + timedelta(days=1),
        exclusive=exclusive,
        actor="李娜",
        reason="",
        lines=tuple(
            CampaignRow(
                warehouse="HZ",
                sku=sku,
                pieces=count,
                sold=sold,
                given_back=None if sold is None else count - sold,
            )
            for sku, count in pieces.items()
        ),
    )


def outlook(
    sku: str,
    *receipts: ExpectedReceipt,
    campaigns: Mapping[str, tuple[int, int, int]] = MappingProxyType({}),
    version: int = 1,
    at: datetime = NOON,
) -> StockOutlookChanged:
    """What is to come of a SKU, and by campaign in HZ the pieces set aside, held and sent."""
    uses = tuple(
        CampaignUse(warehouse="HZ", document_no=campaign, pieces=pieces, held=held, sent=sent)
        for campaign, (pieces, held, sent) in campaigns.items()
    )
    return StockOutlookChanged(
        sku=sku, version=version, occurred_at=at, receipts=receipts, campaigns=uses
    )


def to_come(
    purchase_no: str,
    outstanding: int,
    promised: int = 0,
    free: int = 0,
    came: int = 0,
    *,
    days: int = 5,
    warehouse: str = "HZ",
) -> ExpectedReceipt:
    """A line expected so many days after noon, to be sent two days later; of which taobao and douyin may promise `free`."""
    expected_at = NOON + timedelta(days=days)
    due = expected_at + timedelta(days=2)
    goods = PromisableGoods(pieces=free, promised_for=due, channels=("taobao", "douyin"))
    return ExpectedReceipt(
        warehouse=warehouse,
        purchase_no=purchase_no,
        outstanding=outstanding,
        promised=promised,
        came=came,
        expected_at=expected_at,
        first_due_at=due if promised else None,
        last_due_at=due + timedelta(days=1) if promised else None,
        promisable=(goods,) if free else (),
    )


def moved(
    document_no: str,
    kind: str,
    goods: Mapping[str, tuple[int, int]],
    *,
    actor: str = "李娜",
    reason: str = "",
    at: datetime = NOON,
    warehouse: str = "HZ",
) -> StockMoved:
    """A paper moved goods: SKU → (signed pieces, what lies there after)."""
    return StockMoved(
        document_no=document_no,
        version=1,
        occurred_at=at,
        entry_no=document_no,
        warehouse=warehouse,
        kind=kind,
        actor=actor,
        reason=reason,
        lines=tuple(
            MovedLine(sku=sku, quantity=pieces, balance_after=balance)
            for sku, (pieces, balance) in goods.items()
        ),
    )


def till(
    reservation_id: str, goods: Mapping[str, tuple[int, int]], *, at: datetime = NOON
) -> ReservationMade:
    """A till asks: SKU → (wanted, held)."""
    return ReservationMade(
        reservation_id=reservation_id,
        version=1,
        occurred_at=at,
        reference="till-7",
        warehouse="HZ",
        lines=tuple(
            HeldLine(sku=sku, wanted=wanted, held=held) for sku, (wanted, held) in goods.items()
        ),
        expires_at=at + HOLD_FOR,
        rule="asked",
    )


def till_sold(
    reservation_id: str, *, version: int, handed_over: bool = False, at: datetime = NOON
) -> ReservationConfirmed:
    """The goods are sold there, perhaps also gone."""
    return ReservationConfirmed(
        reservation_id=reservation_id,
        version=version,
        occurred_at=at,
        reference="till-7",
        warehouse="HZ",
        handed_over=handed_over,
    )


def till_ended(reservation_id: str, *, version: int, at: datetime = NOON) -> ReservationEnded:
    """They are not wanted any more."""
    return ReservationEnded(
        reservation_id=reservation_id,
        version=version,
        occurred_at=at,
        reference="till-7",
        reason="released",
    )


def checked(at: datetime, **more: Any) -> BooksChecked:
    """The books agree, unless said otherwise."""
    usual: dict[str, Any] = {
        "book_key": "books",
        "occurred_at": at,
        "oversold_units": 0,
        "negative_rows": 0,
        "ledger_mismatch": 0,
        "reserved_mismatch": 0,
        "broken_rows": 0,
    }
    return BooksChecked(**usual | more)


def reconciled(
    difference_ppm: int,
    *,
    at: datetime,
    source: str = "wms",
    warehouse: str = "HZ",
    number: str = "1",
) -> WarehouseReconciled:
    """A warehouse's hundred thousand pieces in 200 rows were compared with a sheet."""
    return WarehouseReconciled(
        book_key=f"reconciled|recon-{number}|{warehouse}",
        occurred_at=at,
        reconciliation=f"recon-{number}",
        source=source,
        warehouse=warehouse,
        at=at,
        listed_only=False,
        rows=200,
        book_pieces=100_000,
        differing_rows=3,
        difference_pieces=difference_ppm // 10,
        difference_ppm=difference_ppm,
        rule="stock-reconciliation/default@1#warning",
        actor="李娜",
    )


def difference(
    sku: str,
    book: int,
    outside: int,
    *,
    at: datetime,
    hint: str = "unbooked_out",
    warehouse: str = "HZ",
    **more: Any,
) -> StockDifferenceChanged:
    """The book and a sheet of a warehouse system differ in a row."""
    usual: dict[str, Any] = {
        "book_key": f"difference|recon-1|{warehouse}|{sku}",
        "occurred_at": at,
        "reconciliation": "recon-1",
        "source": "wms",
        "warehouse": warehouse,
        "sku": sku,
        "at": at,
        "book": book,
        "outside": outside,
        "hint": hint,
        "oversold": False,
        "documents": (),
        "closed_by": "",
        "superseded_by": "",
    }
    return StockDifferenceChanged(**usual | more)


def task(kind: str, *, at: datetime, warehouse: str = "HZ", **more: Any) -> StockTaskChanged:
    """What the table of thresholds asks people to do."""
    usual: dict[str, Any] = {
        "book_key": f"task|task-{kind}",
        "occurred_at": at,
        "task_id": f"task-{kind}",
        "kind": kind,
        "source": "wms",
        "warehouse": warehouse,
        "day": "2026-11-11",
        "reconciliation": "recon-1",
        "reason": "差异率超过 0.5 %",
        "opened_at": at,
        "closed_by": "",
        "closed_why": "",
    }
    return StockTaskChanged(**usual | more)


def suggested(
    warehouse: str, sku: str, quantity: int, *, version: int = 1, at: datetime = NOON, **more: Any
) -> ReplenishmentSuggested:
    """What inventory says to order."""
    usual: dict[str, Any] = {
        "level_key": f"{warehouse}|{sku}",
        "version": version,
        "occurred_at": at,
        "warehouse": warehouse,
        "sku": sku,
        "quantity": quantity,
        "supplier": "茶厂",
        "demand_class": "smooth",
        "forecaster": "seasonal-drift",
        "daily_demand_milli": 12_340,
        "lead_time_days": 7,
        "review_days": 7,
        "service_level_permille": 950,
        "safety_stock": 31,
        "reorder_point": 204,
        "order_up_to": 290,
        "on_hand": 60,
        "on_order": 24,
        "reserved": 40,
        "backordered": 0,
        "rule": "replenishment/default@1#usual",
        "explanation": f"可售实物 60 − 预占 40 + 采购在途 24 = 44，不高于订货点，订 {quantity}",
    }
    return ReplenishmentSuggested(**usual | more)


def crossed(
    warehouse: str, sku: str, *, below: bool, version: int, at: datetime = NOON
) -> SafetyStockCrossed:
    """It fell below its safety stock of 31 pieces, or is back at it."""
    return SafetyStockCrossed(
        level_key=f"{warehouse}|{sku}",
        version=version,
        occurred_at=at,
        warehouse=warehouse,
        sku=sku,
        below=below,
        available=20 if below else 31,
        safety_stock=31,
    )
