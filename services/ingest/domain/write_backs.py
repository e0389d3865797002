"""What the channel of an order has to be told, and what became of it. Pure.

Guarantees: one document is told once, whatever is intended again; the first final answer stands.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


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


class WriteBacks(Struct, frozen=True, kw_only=True):
    """Everything the channel of one order has to be told."""

    told: tuple[Told, ...] = ()

    def due(self) -> tuple[Told, ...]:
        """What is not settled yet."""
        return tuple(told for told in self.told if told.outcome == "due")

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
