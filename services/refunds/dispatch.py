"""Paying out: the only place that talks to a gateway.

Guarantees: a payout's intent is committed before its request leaves, and its outcome, or that it is given up, is
written before the account is told; a dispatcher that dies in between leaves a row that is asked about or told, not
sent again; an answer that comes after its lease ran out can only tell that money moved, never that it did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from chassis import metrics as shared
from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.failpoints import failpoint
from chassis.ids import request_id
from chassis.log import logger
from chassis.outgoing import NoAnswer, Outgoing
from chassis.producer import DeliveryFailed
from schemas.events.commands_refunds import GiveUpPayout, RecordPayout
from services.refunds.domain.giving_up import ACTOR
from services.refunds.domain.payout import (
    Answer,
    Differs,
    Limits,
    Next,
    NotFound,
    NotNow,
    Payout,
    Settled,
    Stage,
    Unclear,
    Underway,
    after_asking,
    after_sending,
)
from services.refunds.gateways import Build, Credentials, Gateway, HttpAnswer, Read
from services.refunds.store import Journal

AWAY_PAUSE_S: Final = 1.0

Issue = Callable[[Sequence[Struct]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Everything one dispatcher works with. `issue` puts commands on Kafka."""

    journal: Journal
    gateway: Gateway
    credentials: Credentials
    limits: Limits
    clock: Clock
    issue: Issue
    outgoing: Outgoing
    lease_s: float
    calls_max: int
    idle_s: float

    async def run(self) -> None:
        """Works until cancelled; the calls in hand are cancelled with it and asked about later."""
        running: set[asyncio.Task[None]] = set()
        try:
            while True:
                taken = await self._take(self.calls_max - len(running))
                running |= {asyncio.create_task(self.step(payout)) for payout in taken}
                if not running:
                    await asyncio.sleep(self.idle_s)
                    continue
                done, running = await asyncio.wait(
                    running, timeout=self.idle_s, return_when=asyncio.FIRST_COMPLETED
                )
                for task in done:
                    task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self.outgoing.close()

    async def _take(self, count: int) -> tuple[Payout, ...]:
        if count <= 0:
            return ()
        try:
            return await self.journal.take(count, self.lease_s, self.gateway.currencies)
        except Unavailable as error:
            logger.warning("waiting", dispatcher="payouts", why=str(error))
            await asyncio.sleep(AWAY_PAUSE_S)
            return ()

    async def step(self, payout: Payout) -> None:
        """One call for one taken payout and what follows from it; lost work is taken again later."""
        try:
            match payout.stage:
                case Stage.SENDING:
                    answer = await self._call(
                        payout, "refund", self.gateway.refund_request, self.gateway.read_refund
                    )
                    await self._follow(after_sending(payout, answer, self.limits))
                case Stage.UNKNOWN:
                    answer = await self._call(
                        payout, "query", self.gateway.query_request, self.gateway.read_query
                    )
                    await self._follow(after_asking(payout, answer, self.limits))
                case Stage.SETTLED | Stage.REFUSED:
                    await self._record(payout)
                case Stage.NEEDS_PERSON:
                    await self._give_up(payout)
                case _:
                    raise AssertionError(f"a payout in {payout.stage} is never due")
        except (Unavailable, DeliveryFailed) as error:
            # The row is leased; when the lease is over it is due again and asked about.
            logger.warning("put off", refund_id=payout.refund_id, why=str(error))

    async def _call(self, payout: Payout, call: str, build: Build, read: Read) -> Answer:
        payment = payout.payment
        request = build(self.credentials, payment, self.clock.now())
        try:
            came = await self.outgoing.call(
                request.method, request.url, headers=request.headers, body=request.body
            )
        except NoAnswer as error:
            answer: Answer = Unclear(str(error))
        else:
            came_back = HttpAnswer(status=came.status, headers=came.headers, body=came.body)
            answer = read(self.credentials, payment, came_back)
        outcome = _outcome(answer)
        shared.FOREIGN_CALLS.labels(self.gateway.name, call, outcome).inc()
        if outcome != "ok":
            why = getattr(answer, "reason", "not found")
            logger.warning(
                "gateway", refund_id=payout.refund_id, call=call, outcome=outcome, why=why
            )
        return answer

    async def _follow(self, following: Next) -> None:
        payout = following.payout
        if payout.stage in (Stage.DUE, Stage.UNKNOWN):
            await self.journal.write(following)
            return
        # Due again after a lease: if we die before Kafka has the command, it is issued then.
        mine = await self.journal.write(Next(payout, self.lease_s))
        if payout.stage is Stage.NEEDS_PERSON:
            if mine:
                logger.error("needs a person", refund_id=payout.refund_id, why=payout.note)
                failpoint("payout.given_up")
                await self._give_up(payout)
        elif mine or payout.stage is Stage.SETTLED:
            await self._record(payout)

    async def _give_up(self, payout: Payout) -> None:
        """Has it told that a person is needed. What is told again is told once: the account knows."""
        command = GiveUpPayout(
            order_id=payout.order_id,
            # Of this turn: the next time it is given up is another.
            command_id=request_id("giveup", payout.order_id, payout.refund_id, str(payout.turn)),
            issued_at=self.clock.now(),
            actor=ACTOR,
            refund_id=payout.refund_id,
        )
        await self.issue([command])

    async def _record(self, payout: Payout) -> None:
        outcome = "settled" if payout.stage is Stage.SETTLED else "failed"
        command = RecordPayout(
            order_id=payout.order_id,
            command_id=request_id("payout", payout.order_id, payout.refund_id, outcome),
            issued_at=self.clock.now(),
            actor=ACTOR,
            refund_id=payout.refund_id,
            outcome=outcome,
            gateway=self.gateway.name,
            gateway_request_no=payout.payment.request_no,
            reason=payout.note if outcome == "failed" else "",
        )
        await self.issue([command])


def _outcome(answer: Answer) -> str:
    match answer:
        case Settled() | Underway() | NotFound():
            return "ok"
        case NotNow():
            return "throttled"
        case Unclear() | Differs():
            return "unknown"
        case _:
            return "refused"
