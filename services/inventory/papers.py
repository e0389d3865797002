"""Documents as they are sent to us, and the commands they become.

Guarantees: what is let in has lines, codes that can be kept and whole pieces within bounds. Each sending is a command
of its own, so that what was refused may be sent again; that a document is done once, its number says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Struct

from chassis.clock import Clock
from chassis.ids import request_id
from chassis.texts import SAID
from schemas.events.commands_inventory import (
    AdjustmentLine,
    AdjustStock,
    ApproveStockDocument,
    ArrivedLine,
    CountedLine,
    InspectBatch,
    OpenCount,
    RecallBatch,
    ReceiveTransfer,
    RecordCount,
    RejectStockDocument,
    RepairStock,
    TransferLine,
    TransferStock,
)
from services.inventory.domain.stock import PIECES_MAX
from services.inventory.doors import Code

LINES_MAX = 5_000

Actor = Annotated[str, Meta(min_length=1, max_length=64, pattern=SAID)]
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=SAID)]
When = Annotated[datetime, Meta(tz=True)]


class Pieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many pieces of a SKU: of this batch, or of those that expire first."""

    sku: Code
    quantity: Annotated[int, Meta(ge=1, le=PIECES_MAX)]
    batch: Code | None = None


class SignedPieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces found (+) or lost (−)."""

    sku: Code
    quantity: Annotated[int, Meta(ge=-PIECES_MAX, le=PIECES_MAX)]
    batch: Code | None = None


class CountedPieces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pieces that lie there; 0 says that none do."""

    sku: Code
    quantity: Annotated[int, Meta(ge=0, le=PIECES_MAX)]
    batch: Code | None = None


class Written(Protocol):
    """A document as it is sent to us."""

    @property
    def document_no(self) -> str:
        """Number of the document."""
        ...

    def command(self, clock: Clock) -> Any:
        """The command this sending is."""
        ...


class Paper(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every document carries: its number and who sends it."""

    document_no: Code
    actor: Actor

    def _with(self, clock: Clock, **changes: Any) -> dict[str, Any]:
        """Its fields and what every command carries, lines as the event has them."""
        now = clock.now()
        content = msgspec.json.encode(self).decode()
        return {
            **msgspec.structs.asdict(self),
            "command_id": request_id("paper", type(self).__name__, content, now.isoformat()),
            "issued_at": now,
            **changes,
        }


class WrittenTransfer(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods leave `warehouse` for `to_warehouse`."""

    warehouse: Code
    to_warehouse: Code
    lines: Annotated[tuple[Pieces, ...], Meta(min_length=1, max_length=LINES_MAX)]
    reason: Reason

    def command(self, clock: Clock) -> TransferStock:
        """The command."""
        lines = tuple(TransferLine(**msgspec.structs.asdict(one)) for one in self.lines)
        return TransferStock(**self._with(clock, lines=lines))


class WrittenArrival(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Goods in transit arrive, or come back to where they left."""

    arrival_no: Code
    warehouse: Code
    lines: Annotated[tuple[Pieces, ...], Meta(min_length=1, max_length=LINES_MAX)]

    def command(self, clock: Clock) -> ReceiveTransfer:
        """The command."""
        lines = tuple(ArrivedLine(**msgspec.structs.asdict(one)) for one in self.lines)
        return ReceiveTransfer(**self._with(clock, lines=lines))


class WrittenAdjustment(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The book of a warehouse is off by these signed pieces."""

    warehouse: Code
    lines: Annotated[tuple[SignedPieces, ...], Meta(min_length=1, max_length=LINES_MAX)]
    reason: Reason

    def command(self, clock: Clock) -> AdjustStock:
        """The command."""
        lines = tuple(AdjustmentLine(**msgspec.structs.asdict(one)) for one in self.lines)
        return AdjustStock(**self._with(clock, lines=lines))


class WrittenCount(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """These SKUs of a warehouse are to be counted."""

    warehouse: Code
    skus: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=LINES_MAX)]
    reason: Reason

    def command(self, clock: Clock) -> OpenCount:
        """The command."""
        return OpenCount(**self._with(clock))


class WrittenCounted(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lay on the shelves of a count at one moment."""

    warehouse: Code
    counted_at: When
    lines: Annotated[tuple[CountedPieces, ...], Meta(min_length=1, max_length=LINES_MAX)]

    def command(self, clock: Clock) -> RecordCount:
        """The command."""
        lines = tuple(CountedLine(**msgspec.structs.asdict(one)) for one in self.lines)
        return RecordCount(**self._with(clock, lines=lines))


class WrittenApproval(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second person's yes to an adjustment or a count."""

    def command(self, clock: Clock) -> ApproveStockDocument:
        """The command."""
        return ApproveStockDocument(**self._with(clock))


class WrittenRejection(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The no to an adjustment or a count."""

    reason: Reason

    def command(self, clock: Clock) -> RejectStockDocument:
        """The command."""
        return RejectStockDocument(**self._with(clock))


class WrittenRepair(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The books of one row are to agree."""

    warehouse: Code
    sku: Code
    reason: Reason

    def command(self, clock: Clock) -> RepairStock:
        """The command."""
        return RepairStock(**self._with(clock))


class WrittenRecall(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What remains of a batch in a warehouse is not to be sold."""

    warehouse: Code
    sku: Code
    batch: Code
    reason: Reason

    def command(self, clock: Clock) -> RecallBatch:
        """The command."""
        return RecallBatch(**self._with(clock))


class WrittenInspection(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Returned pieces that waited were looked at."""

    warehouse: Code
    sku: Code
    batch: Code
    good: Annotated[int, Meta(ge=0, le=PIECES_MAX)]
    bad: Annotated[int, Meta(ge=0, le=PIECES_MAX)]
    reason: Reason

    def command(self, clock: Clock) -> InspectBatch:
        """The command."""
        return InspectBatch(**self._with(clock))


DOORS: Mapping[str, type[Written]] = {
    "/transfers": WrittenTransfer,
    "/arrivals": WrittenArrival,
    "/adjustments": WrittenAdjustment,
    "/counts": WrittenCount,
    "/counted": WrittenCounted,
    "/approvals": WrittenApproval,
    "/rejections": WrittenRejection,
    "/repairs": WrittenRepair,
    "/recalls": WrittenRecall,
    "/inspections": WrittenInspection,
}
