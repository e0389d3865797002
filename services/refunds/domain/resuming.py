"""Whether a payout that was given up may be asked about again, and what is kept of who wanted it. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from schemas.events.commands_refunds import ResumePayout
from services.refunds.domain.giving_up import PayoutStands
from services.refunds.domain.model import ENDED, Case, CaseState, Resumption
from services.refunds.domain.payout import Stage
from services.refunds.domain.rules import Refused

RESUMPTIONS_KEPT: Final = 20
"""Newest first to stay; the stream has them all."""


def resumed(
    case: Case, command: ResumePayout, payout: PayoutStands | None, now: datetime
) -> Case | Refused:
    """The case with who resumed its payout, when and why. A command it knows leaves it as it is.

    `payout` is None where it was opened a moment ago, in the very batch of the command.
    """
    if any(one.command_id == command.command_id for one in case.resumptions):
        return case
    if not command.actor.strip() or not command.reason.strip():
        return Refused("resumed_without_reason")
    if case.state in ENDED:
        return Refused("already_ended")
    if case.state is not CaseState.PAYING:
        return Refused("not_paying")
    if payout is None or payout.stage is not Stage.NEEDS_PERSON:
        answered = payout is not None and payout.stage in {Stage.SETTLED, Stage.REFUSED}
        return Refused("payout_answered" if answered else "payout_not_given_up")
    resumption = Resumption(
        command_id=command.command_id,
        actor=command.actor,
        reason=command.reason,
        resumed_at=now,
        last_heard=payout.given_up.last_heard,
        given_up_at=payout.given_up.given_up_at,
    )
    return replace(
        case, given_up=None, resumptions=(*case.resumptions, resumption)[-RESUMPTIONS_KEPT:]
    )
