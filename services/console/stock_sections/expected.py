"""采购在途与预售: what is on order of a SKU, what of it waiting orders were promised and for when, and what may still be.

Guarantees: by warehouse, those expected first; what is due and has not come is said to be late. Numbers are inventory's:
nothing is worked out here but what is late.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import Field

from chassis.postgres import Pool
from schemas.events.stock_outlook import ExpectedReceipt, PromisableGoods
from services.console import words
from services.console.outlooks import OUTLOOKS, outlook_of
from services.console.sections import Section
from services.console.views import Shown

LAST = datetime.max.replace(tzinfo=UTC)


class PromisableItem(Shown):
    """What may still be promised of a receipt, in pieces. Times are UTC."""

    pieces: int = Field(description="件数；几个渠道合用")
    promised_for: datetime = Field(description="可答应的发货时间")
    channels: tuple[str, ...]
    channels_title: str


class ExpectedItem(Shown):
    """A line of a purchase order, or what is set aside of the shelf, in pieces. Times are UTC."""

    purchase_no: str = Field(description="采购单号；空 = 货架上给预售订单留出的")
    warehouse: str
    warehouse_title: str
    outstanding: int = Field(description="未到")
    expected_at: datetime | None = Field(description="预计到货；没人说过为空")
    late: bool = Field(description="过了预计到货还没到齐")
    promised: int = Field(description="已预售：答应给等货订单的")
    came: int = Field(description="已预售的里面已经到货、给它们留着的")
    first_due_at: datetime | None = Field(description="最早答应的发货时间；没有预售为空")
    last_due_at: datetime | None = Field(description="最晚答应的发货时间；没有预售为空")
    promisable: tuple[PromisableItem, ...] = Field(description="还可预售；空 = 不能预售")


class Expected(Shown):
    """What is to come of a SKU."""

    outstanding: int = Field(description="各仓未到合计")
    promised: int = Field(description="各仓已预售合计")
    items: tuple[ExpectedItem, ...] = Field(description="按仓库，先到的在前")


async def read(pool: Pool, sku: str, now: datetime) -> Expected | None:
    """What is to come and promised of it; None where nothing is."""
    told = await outlook_of(pool, sku)
    if told is None or not told.receipts:
        return None
    receipts = sorted(told.receipts, key=lambda one: (one.warehouse, one.expected_at or LAST))
    return Expected(
        outstanding=sum(one.outstanding for one in receipts),
        promised=sum(one.promised for one in receipts),
        items=tuple(_item(one, now) for one in receipts),
    )


def _item(one: ExpectedReceipt, now: datetime) -> ExpectedItem:
    return ExpectedItem(
        purchase_no=one.purchase_no,
        warehouse=one.warehouse,
        warehouse_title=words.warehouse(one.warehouse),
        outstanding=one.outstanding,
        expected_at=one.expected_at,
        late=bool(one.outstanding and one.expected_at is not None and one.expected_at <= now),
        promised=one.promised,
        came=one.came,
        first_due_at=one.first_due_at,
        last_due_at=one.last_due_at,
        promisable=tuple(_promisable(part) for part in one.promisable),
    )


def _promisable(one: PromisableGoods) -> PromisableItem:
    return PromisableItem(
        pieces=one.pieces,
        promised_for=one.promised_for,
        channels=one.channels,
        channels_title="、".join(words.channel(channel) for channel in one.channels),
    )


SECTION = Section(
    name="expected",
    title="采购在途与预售",
    place=9,
    kind=Expected,
    read=read,
    processors=(OUTLOOKS,),
)
