"""The pure model's campaigns: which are open, and what of its book they keep. See claims.py."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from schemas.events.commands_inventory import BeginCampaign, CloseCampaign, OpenCampaign
from services.inventory.domain.campaigns import Allot, Allotment
from services.inventory.domain.model import Places, Row
from services.inventory.domain.quotas import Shares
from services.inventory.domain.rules import Book
from services.inventory.quotas import Quotas

COMMANDS = (OpenCampaign, BeginCampaign, CloseCampaign)
ALL = 1_000_000
"""Of an exclusive one: its own channels lose what all share."""
Held = Iterable[tuple[str, Places]]
"""(channel, where it holds what)."""


class ModelCampaigns:
    """All that were opened, by number. `rows` are those that goods ever came into: the others do not exist."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.rows: set[Row] = set()

    def take(self, book: Book, command: Any, now: datetime, held: Held, quotas: Quotas) -> str:
        """The state that the campaign has now; empty where it was refused."""
        if isinstance(command, OpenCampaign):
            return self._opened(book, command, now, held, quotas)
        number = command.document_no
        state = self.states.get(number, "")
        wanted = "running" if isinstance(command, BeginCampaign) else "ended"
        if state in {"", "ended", wanted}:
            return state
        for row, shares in book.shares.items():
            if (terms := shares.allotments.get(number)) is not None:
                begun = replace(terms, running=True) if wanted == "running" else None
                book.allot(Allot(*row, number, begun))
        self.states[number] = wanted
        return wanted

    def may_take(self, book: Book, command: Any) -> dict[str, int]:
        """Pieces that a command could take away from orders of its batch, by SKU."""
        if isinstance(command, OpenCampaign):
            return {line.sku: ALL if command.exclusive else line.quantity for line in command.lines}
        number = command.document_no
        limited = [row for row, shares in book.shares.items() if number in shares.allotments]
        if isinstance(command, BeginCampaign):
            return {sku: ALL for _, sku in limited}
        return {}

    def _opened(
        self, book: Book, command: OpenCampaign, now: datetime, held: Held, quotas: Quotas
    ) -> str:
        (line,) = command.lines
        row, number = (line.warehouse, line.sku), command.document_no
        self._counted(book, row, held, quotas)
        if number in self.states:
            return self.states[number]
        terms = Allotment(
            campaign=number,
            pieces=line.quantity,
            channels=command.channels,
            begins_at=command.begins_at,
            ends_at=command.ends_at,
            running=command.begins_at <= now,
            exclusive=command.exclusive,
        )
        shares = book.shares.get(row)
        room = shares.room(terms, *book.for_sale(row)) if shares else 0
        if command.ends_at <= now or not isinstance(room, int) or room < line.quantity:
            return ""
        book.allot(Allot(*row, number, terms))
        self.states[number] = "running" if terms.running else "set_aside"
        return self.states[number]

    def _counted(self, book: Book, row: Row, held: Held, quotas: Quotas) -> None:
        """The uses of a row are counted from now on, what is held of it included."""
        if row in book.shares or row not in self.rows:
            return
        shares = book.shares[row] = Shares(quotas.sharing(row[1]), {})
        for channel, places in held:
            for warehouse, goods in places:
                for sku, pieces in goods:
                    if (warehouse, sku) == row:
                        shares.use(channel, pieces)
