"""What the channel of an order has to be told, and what became of it. Pure.

Guarantees: one document is told once, whatever is intended again; the first final answer stands, but for a parcel that
was refused while a buyer's request for a refund was open: once that request has ended, it is told again. A refusal of
a telling that began before is no answer then. Parcels of an order, and their new waybills, are told one after the
other in the order in which they left.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

SHIPMENT, WAYBILL, REFUND, REFUSAL = "shipment", "waybill", "refund", "refund_refusal"
CANCELLATION = "cancellation"
"""Kinds of what is told."""
OF_PARCELS = frozenset({SHIPMENT, WAYBILL})


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing a channel has to be told. `outcome`: due, applied or refused.

    `reason` of a refund's refusal is what a person wrote, "" where nothing.
    """

    kind: str
    document_no: str
    outcome: str = "due"
    carrier: str = ""
    waybill_no: str = ""
    lines: tuple[tuple[str, int], ...] = ()
    amount_fen: int = 0
    reason: str = ""
    again: int = 0
    """How often it was taken up again after the channel had refused it, or may have."""

    @property
    def parcel_id(self) -> str:
        """Which parcel a shipment or its n-th new waybill is of."""
        return self.document_no.partition("/")[0]


class WriteBacks(Struct, frozen=True, kw_only=True):
    """Everything the channel of one order has to be told."""

    told: tuple[Told, ...] = ()

    def due(self) -> tuple[Told, ...]:
        """What may be told now: of parcels the first that is not settled, of refunds all."""
        due = [told for told in self.told if told.outcome == "due"]
        parcels = [told for told in due if told.kind in OF_PARCELS]
        return tuple(told for told in due if told.kind not in OF_PARCELS or told is parcels[0])

    def parcels_before(self, shipment: Told) -> tuple[Told, ...]:
        """The parcels which left before this one, whatever the channel said to them."""
        before = self.told[: self.told.index(shipment)]
        return tuple(told for told in before if told.kind == SHIPMENT)

    def taken_last(self, waybill: Told) -> Told | None:
        """What the channel knows of a parcel before it is told this new waybill; None: nothing."""
        before = reversed(self.told[: self.told.index(waybill)])
        of_it = (told for told in before if told.kind in OF_PARCELS and told.outcome == "applied")
        return next((told for told in of_it if told.parcel_id == waybill.parcel_id), None)

    def replacements(self, parcel_id: str) -> int:
        """How many new waybills of a parcel there have been."""
        return sum(told.kind == WAYBILL and told.parcel_id == parcel_id for told in self.told)

    def find(self, kind: str, document_no: str) -> Told | None:
        """What is, or was, to be told about a document."""
        for told in self.told:
            if told.kind == kind and told.document_no == document_no:
                return told
        return None

    def intending(self, told: Told) -> WriteBacks:
        """With one thing more, unless it is known."""
        if self.find(told.kind, told.document_no) is not None:
            return self
        return WriteBacks(told=(*self.told, told))

    def settled(self, told: Told, outcome: str) -> WriteBacks:
        """With the channel's final answer to one thing."""
        return WriteBacks(
            told=tuple(replace(one, outcome=outcome) if one == told else one for one in self.told)
        )

    @property
    def lines_sent(self) -> frozenset[str]:
        """The channel's ids of the lines that left with some parcel, whatever the channel said to it."""
        parcels = [told for told in self.told if told.kind == SHIPMENT]
        return frozenset(line_id for told in parcels for line_id, _ in told.lines)

    @property
    def parcels_untaken(self) -> bool:
        """Whether there is a parcel which the channel has not taken."""
        return any(one.kind in OF_PARCELS and one.outcome != "applied" for one in self.told)

    def taken_up_again(self) -> WriteBacks:
        """With the parcels due once more that the channel refused, or whose answer is still to come."""
        return WriteBacks(
            told=tuple(
                replace(one, outcome="due", again=one.again + 1)
                if one.kind in OF_PARCELS and one.outcome != "applied"
                else one
                for one in self.told
            )
        )
