"""What is kept of a payout that was given up: a person has to look, and everybody is told once. Pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.refunds.domain.model import ENDED, Case, GivenUp
from services.refunds.domain.payout import Stage
from services.refunds.domain.rules import Refused

ACTOR: Final = "payout"
"""Who gives up, and tells outcomes: the dispatcher."""


class PayoutStands(Struct, frozen=True):
    """What the journal holds of a payout, for one decision. `given_up` is to be told while it needs a person."""

    stage: Stage
    given_up: GivenUp


def given_up(case: Case, payout: PayoutStands | None) -> Case | Refused:
    """The case that waits for a person from now on. One that does already is left as it is.

    `payout` is None where the journal has none.
    """
    if case.state in ENDED:
        return Refused("already_ended")
    if payout is None or payout.stage is not Stage.NEEDS_PERSON:
        return Refused("payout_not_given_up")
    return case if case.given_up else replace(case, given_up=payout.given_up)
