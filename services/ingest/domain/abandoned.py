"""When a detail that the channel says does not exist is given up, and how the order is told as quarantined.

Channels refuse a detail in their own words and codes, and some answer without the order; both also happen for
a moment after an order was made. So it is asked for many times over a long time, less and less often, before
it is believed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import Struct

from services.ingest.channels import ChannelError, ErrorKind
from services.ingest.domain.model import Problem, ProblemCode

REFUSALS_MIN = 10
REFUSED_FOR = timedelta(hours=1)
UNANSWERED_FOR = timedelta(hours=24)
"""An answer without the order may be a fault of the platform's, so it is believed later."""
PAUSES_S = (0.5, 2.0, 5.0, 15.0, 60.0, 300.0, 600.0)
NO_ORDER_IN_IT = "no_answer"


class Abandoned(Struct, frozen=True, kw_only=True):
    """What fetching has to say of an order in the place of its detail."""

    code: str
    refusals: int
    since: datetime

    def problem(self) -> Problem:
        """The reason for quarantine."""
        detail = f"{self.code}, {self.refusals} times since {self.since:%Y-%m-%d %H:%M}Z"
        return Problem(code=ProblemCode.DETAIL_GONE, detail=detail, blocks=True)


def says_gone(error: ChannelError) -> bool:
    """Whether the channel answered, and not with the order: asking again will hardly help."""
    return error.kind is ErrorKind.REFUSED or error.code == NO_ORDER_IN_IT


def abandoned(
    error: ChannelError, refusals: int, since: datetime, now: datetime
) -> Abandoned | None:
    """The end of an order refused `refusals` times since then, this one included; None: ask again."""
    patience = REFUSED_FOR if error.kind is ErrorKind.REFUSED else UNANSWERED_FOR
    if refusals < REFUSALS_MIN or now - since < patience:
        return None
    return Abandoned(code=error.code, refusals=refusals, since=since)
