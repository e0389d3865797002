"""A parcel and the stages it goes through, as values. An order is one parcel, or one for each warehouse that sends it.

Guarantees: a parcel's id is derived from its order's, so that nobody has to look it up; whatever the
dispatcher must still do about a parcel is in `dispatch_due_at`, committed with the stage that asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct


class Stage(StrEnum):
    """Where a parcel stands. `domain/rules.py` has the table of what may follow what."""

    UNPLANNED = "unplanned"  # only holds are known yet: the order is not ready
    PLANNED = "planned"
    WAYBILL_REFUSED = "waybill_refused"
    LABELLED = "labelled"
    PICKED = "picked"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


TITLES: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.UNPLANNED: "未派单",
        Stage.PLANNED: "待取号",
        Stage.WAYBILL_REFUSED: "取号被拒",
        Stage.LABELLED: "待拣货",
        Stage.PICKED: "已拣货",
        Stage.PACKED: "已打包",
        Stage.SHIPPED: "已出库",
        Stage.DELIVERED: "已签收",
        Stage.CANCELLED: "已取消",
    }
)

OPEN = (Stage.PLANNED, Stage.WAYBILL_REFUSED, Stage.LABELLED, Stage.PICKED, Stage.PACKED)
"""Stages in which somebody still has to do something before the deadline."""


class Line(Struct, frozen=True, kw_only=True):
    """One line of the parcel; `quantity` is pieces."""

    line_no: int
    channel_line_id: str
    sku: str
    title: str
    quantity: int


class Tracking(Struct, frozen=True, kw_only=True):
    """One step of the journey: picked_up, in_transit, delivering, problem, returning or delivered."""

    status: str
    moved_at: datetime
    place: str
    text: str


class FormerLabel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A label that another one has replaced.

    `spared` says why nobody is asked to void it (`scanned`, `by_hand`), or "". `settled`: it is void or, where `left`
    says why, it stays alive. `asking`: which asking of the parcel's it came of.
    """

    carrier: str
    waybill_no: str
    spared: str = ""
    settled: bool = False
    left: str = ""
    asking: int = 0


class Parcel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One parcel. `holds` are the codes that keep the order back; a held parcel is not handed over.

    `personal` is the sealed block, needed for the waybill only and dropped at hand-over. `by_hand`: a person gave its
    number, so no provider of ours made its label. `asking` counts the receivers its label was asked for, from 0. `discarded`: of a cancelled parcel,
    no waybill is left at the provider. `further`: the order's other parcels, kept with its first one, where several warehouses send it.
    `collect_fen`: what is to be collected at the door, of the whole order and on each of its parcels: who ships them by hand decides which one bears it.
    """

    order_id: str
    stage: Stage = Stage.UNPLANNED
    parcel_id: str = ""
    holds: tuple[str, ...] = ()
    channel: str = ""
    shop: str = ""
    channel_order_no: str = ""
    province: str = ""
    city: str = ""
    district: str = ""
    personal: bytes = b""
    warehouse: str = ""
    carrier: str = ""
    service: str = ""
    reason: str = ""
    rule: str = ""
    lines: tuple[Line, ...] = ()
    weight_g: int = 0
    weight_estimated: bool = False
    ship_by: datetime | None = None
    waybill_no: str = ""
    by_hand: bool = False
    asking: int = 0
    formers: tuple[FormerLabel, ...] = ()
    waybill_refusal: str = ""
    tracking: Tracking | None = None
    discarded: bool = False
    dispatch_due_at: datetime | None = None
    further: tuple[Parcel, ...] = ()
    collect_fen: int = 0


class Addressed(Struct, frozen=True, kw_only=True):
    """Where a parcel goes: the region and the sealed block."""

    province: str
    city: str
    district: str
    personal: bytes


class Carriage(Struct, frozen=True, kw_only=True):
    """Who carries a parcel and why; `rule` is `table@version#row`."""

    carrier: str
    service: str
    reason: str
    rule: str


class TakeWaybill(Struct, frozen=True):
    """Effect: a waybill number belongs to this order from now on."""

    waybill_no: str
    order_id: str


class Refusal(Struct, frozen=True):
    """Why something is not done; `code` is in `REFUSALS`."""

    code: str


REFUSALS: Mapping[str, str] = MappingProxyType(
    {
        "unknown_parcel": "没有这个包裹",
        "held": "订单已挂起",
        "cancelled": "包裹已取消",
        "waybill_missing": "还没有运单号",
        "not_picked": "还没有拣货",
        "not_packed": "还没有打包",
        "already_done": "这一步已经做过",
        "already_shipped": "包裹已出库",
        "waybill_differs": "包裹已有另一个运单号",
        "waybill_taken": "运单号属于另一个包裹",
        "waybill_void": "这个运单号已换下并作废，不能再用",
        "already_labelled": "包裹已有运单号",
        "not_cancelled": "包裹没有取消",
        "unknown_waybill": "运单号与包裹不符",
        "already_delivered": "包裹已签收",
        "carrier_malformed": "快递公司代码只有大写字母和数字，2到16位",
        "waybill_malformed": "运单号只有字母、数字和连字符，6到40位",
        "reason_missing": "请写明理由",
    }
)
"""Code → what people read."""


def parcel_id_of(order_id: str, number: int = 1) -> str:
    """Return the id of an order's parcel; most have one."""
    return f"{order_id}-{number}"


def asked_as(parcel_id: str, asking: int) -> str:
    """Return what a label is asked for under. A provider gives the same label for the same id, also to another receiver."""
    return f"{parcel_id}R{asking}" if asking else parcel_id
