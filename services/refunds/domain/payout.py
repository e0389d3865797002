"""One payout's journal: what was sent, what came back, what to do next. Pure.

Guarantees: money is asked for under one request number only, and with one amount; an outcome that is not
known is asked for, never assumed; a request is sent again (same number, same amount) only after the gateway
twice knew nothing of it, and never once its channel has paid; a refusal ends a payout only where no earlier
sending is in doubt, or where it is of the very request; every count is bounded, and what cannot be decided waits
for a person.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from chassis.currency import CNY

NOT_FOUND_TIMES: Final = 2
"""How often the gateway must not know a request before it is sent again."""
PAID_THERE_NOT_FOUND_TIMES: Final = 6
"""The same before a request is over whose channel has paid meanwhile: it is not sent again, under whose number the gateway
would pay once, so a gateway that books late must have had its time. The questions come further and further apart."""
BACKOFF_MAX_S: Final = 300.0
UNDERWAY_WAIT_MAX_S: Final = 1800.0
"""Between questions about money that is on its way: a card's bank takes days."""


class Stage(StrEnum):
    """Where a payout stands.

    `sending` is committed before the first byte leaves, so whoever finds it after a crash asks first.
    """

    DUE = "due"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    REFUSED = "refused"
    NEEDS_PERSON = "needs_person"
    DONE = "done"


class GaveUp(StrEnum):
    """Why a payout came to need a person."""

    NO_ANSWER = "no_answer"
    """Nothing usable was answered, question after question."""
    NOT_TAKEN = "not_taken"
    """It was sent as often as it may be, and the gateway still has none of it."""
    UNDERWAY_TOO_LONG = "underway_too_long"
    DIFFERS = "differs"
    CURRENCY_NOT_TAKEN = "currency_not_taken"
    """It was not sent: the gateway does not pay in its currency."""


class Payment(Struct, frozen=True, kw_only=True):
    """What a gateway is asked to pay. Sent again, it is the same to the letter."""

    trade_no: str
    """The payment to give back from: `<channel>:<channel_order_no>`."""
    request_no: str
    """Our stable number of this refund."""
    amount_fen: int
    currency: str
    """One that the gateway takes."""
    paid_fen: int
    """What the whole payment was; some gateways want to hear it."""
    reason: str


class Settled(Struct, frozen=True):
    """The money moved, now or earlier, under this request number."""


class Declined(Struct, frozen=True):
    """The gateway will not pay this, however often it is asked."""

    reason: str


class NotNow(Struct, frozen=True):
    """Nothing happened and the request was not judged (throttled, our access is wrong)."""

    reason: str


class NotFound(Struct, frozen=True):
    """Asked about a request, the gateway does not know it."""


class Differs(Struct, frozen=True):
    """The gateway knows the request, but a person must look: another amount, or no way back for the money."""

    reason: str


class Underway(Struct, frozen=True):
    """The gateway took the request and moves the money in its own time."""

    reason: str


class Closed(Struct, frozen=True):
    """The gateway ended this very request without paying: no sending of it ever will."""

    reason: str


class Unclear(Struct, frozen=True):
    """No answer, or none to be believed. The money may have moved."""

    reason: str


Answer: TypeAlias = Settled | Declined | NotNow | NotFound | Differs | Underway | Closed | Unclear


class Payout(Struct, frozen=True, kw_only=True):
    """One row of the journal, as taken by a dispatcher; `turn` tells its takers apart."""

    order_id: str
    refund_id: str
    trade_no: str
    amount_fen: int
    reason: str
    stage: Stage
    currency: str = CNY
    paid_fen: int = 0
    turn: int = 0
    sends: int = 0
    asks: int = 0
    """Questions without a usable answer since the last sending."""
    not_found: int = 0
    underway: int = 0
    """How often the gateway said that the money is on its way."""
    declined: str = ""
    """A refusal that came while an earlier sending was in doubt."""
    note: str = ""
    """What was last heard, for people."""
    paid_there: bool = False
    """Whether its channel has paid: it is not sent any more."""
    gave_up: GaveUp | None = None
    """None until it needs a person."""

    @property
    def payment(self) -> Payment:
        """What the gateway is asked for."""
        return Payment(
            trade_no=self.trade_no,
            request_no=self.refund_id,
            amount_fen=self.amount_fen,
            currency=self.currency,
            paid_fen=self.paid_fen,
            reason=self.reason,
        )


class Limits(Struct, frozen=True, kw_only=True):
    """How patient a payout is. `query_wait_s`: gateways book a moment after they answer."""

    query_wait_s: float = 10.0
    sends_max: int = 5
    asks_max: int = 20
    underway_max: int = 400


class Next(Struct, frozen=True):
    """The journal after an answer; it is due again in `wait_s`."""

    payout: Payout
    wait_s: float


def after_sending(payout: Payout, answer: Answer, limits: Limits) -> Next:
    """What follows from the answer to a refund request."""
    match answer:
        case Settled():
            return Next(replace(payout, stage=Stage.SETTLED), 0.0)
        case Declined(reason) if payout.sends == 1:
            return Next(replace(payout, stage=Stage.REFUSED, note=reason), 0.0)
        case Declined(reason):
            doubted = replace(
                payout, stage=Stage.UNKNOWN, not_found=0, declined=reason, note=reason
            )
            return Next(doubted, limits.query_wait_s)
        case Closed(reason):
            return Next(replace(payout, stage=Stage.REFUSED, note=reason), 0.0)
        case NotNow(reason):
            return _send_again(replace(payout, note=reason), limits)
        case NotFound():
            return _doubt(replace(payout, note="not found"), limits)
        case Differs(reason) | Underway(reason) | Unclear(reason):
            return _doubt(replace(payout, note=reason), limits)
        case _:
            assert_never(answer)


def after_asking(payout: Payout, answer: Answer, limits: Limits) -> Next:
    """What follows from the answer to the question whether a refund is known."""
    match answer:
        case Settled():
            return Next(replace(payout, stage=Stage.SETTLED), 0.0)
        case Differs(reason):
            return _given_up(replace(payout, note=reason), GaveUp.DIFFERS)
        case Closed(reason):
            return Next(replace(payout, stage=Stage.REFUSED, note=reason), 0.0)
        case Underway(reason):
            return _underway(replace(payout, underway=payout.underway + 1, note=reason), limits)
        case NotFound():
            return _not_found(replace(payout, not_found=payout.not_found + 1), limits)
        case Declined(reason) | NotNow(reason) | Unclear(reason):
            asked = replace(payout, asks=payout.asks + 1, note=reason)
            if asked.asks >= limits.asks_max:
                return _given_up(asked, GaveUp.NO_ANSWER)
            return Next(asked, _backoff_s(asked.asks, limits))
        case _:
            assert_never(answer)


def _doubt(payout: Payout, limits: Limits) -> Next:
    return Next(
        replace(payout, stage=Stage.UNKNOWN, not_found=0, asks=0, declined=""), limits.query_wait_s
    )


def _underway(payout: Payout, limits: Limits) -> Next:
    if payout.underway >= limits.underway_max:
        return _given_up(payout, GaveUp.UNDERWAY_TOO_LONG)
    known = replace(payout, asks=0, not_found=0, declined="")
    doublings = min(payout.underway - 1, 20)
    return Next(known, min(UNDERWAY_WAIT_MAX_S, limits.query_wait_s * 2.0**doublings))


def _not_found(payout: Payout, limits: Limits) -> Next:
    if payout.paid_there and not payout.declined:
        if payout.not_found < PAID_THERE_NOT_FOUND_TIMES:
            return Next(payout, _backoff_s(payout.not_found, limits))
        return Next(replace(payout, stage=Stage.REFUSED, note="not found, paid there"), 0.0)
    if payout.not_found < NOT_FOUND_TIMES:
        return Next(payout, limits.query_wait_s)
    if payout.declined:
        return Next(replace(payout, stage=Stage.REFUSED, note=payout.declined), 0.0)
    return _send_again(payout, limits)


def _send_again(payout: Payout, limits: Limits) -> Next:
    if payout.sends >= limits.sends_max:
        return _given_up(payout, GaveUp.NOT_TAKEN)
    due = replace(payout, stage=Stage.DUE, not_found=0, asks=0)
    return Next(due, _backoff_s(payout.sends, limits))


def _given_up(payout: Payout, why: GaveUp) -> Next:
    return Next(replace(payout, stage=Stage.NEEDS_PERSON, gave_up=why), 0.0)


def _backoff_s(times: int, limits: Limits) -> float:
    return min(BACKOFF_MAX_S, limits.query_wait_s * 2.0 ** (times - 1))
