"""What people ask of a parcel as commands, for doors and CLI alike."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from schemas.events.commands_fulfillment import (
    PackParcel,
    PickParcel,
    ReplaceWaybill,
    ShipParcel,
)
from services.fulfillment.domain.model import parcel_id_of
from services.fulfillment.domain.rules import Step

AskedOfParcel: TypeAlias = PickParcel | PackParcel | ShipParcel | ReplaceWaybill
COMMANDS: Mapping[Step, type[PickParcel | PackParcel | ShipParcel]] = MappingProxyType(
    {Step.PICK: PickParcel, Step.PACK: PackParcel, Step.SHIP: ShipParcel}
)


def step_command(
    order_id: str,
    step: Step,
    *,
    actor: str,
    command_id: str,
    issued_at: datetime,
    parcel_id: str = "",
) -> PickParcel | PackParcel | ShipParcel:
    """Return the command for one step of an order's parcel: its first one, unless another is named.

    Without a `command_id` of the asker's own, asking again is a new command; that is safe, because a
    step that was taken is refused as already done.
    """
    return COMMANDS[step](
        order_id=order_id,
        command_id=command_id or str(uuid.uuid4()),
        issued_at=issued_at,
        actor=actor,
        parcel_id=parcel_id or parcel_id_of(order_id),
    )


def replace_command(
    order_id: str,
    *,
    carrier: str,
    waybill_no: str,
    reason: str,
    actor: str,
    command_id: str,
    issued_at: datetime,
    parcel_id: str = "",
) -> ReplaceWaybill:
    """Return the command that gives an order's parcel another carrier or number; the same twice is one.

    Its first parcel, unless another is named.
    """
    return ReplaceWaybill(
        order_id=order_id,
        command_id=command_id or str(uuid.uuid4()),
        issued_at=issued_at,
        actor=actor,
        parcel_id=parcel_id or parcel_id_of(order_id),
        carrier=carrier,
        waybill_no=waybill_no,
        reason=reason,
    )
