"""One call to the waybill provider and what follows from its answer: commands to the parcels' writer.

A call with an unknown outcome is made again with the same parcel ids, for which the provider gives the
same waybills. The intent of every call is on record before it, so that a parcel cancelled in the middle
still gets its label voided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, assert_never

from msgspec import Struct

from chassis import metrics, plugins
from chassis.clock import Clock
from chassis.commands import CommandDesk
from chassis.crypto import PersonalSeal
from chassis.errors import StartRefused
from chassis.ids import request_id
from chassis.log import logger
from chassis.outgoing import NoAnswer, Outgoing
from schemas.events.commands_fulfillment import (
    RecordWaybill,
    RecordWaybillDiscarded,
    RecordWaybillRefused,
)
from services.fulfillment.carriers import (
    Account,
    Ask,
    CallFailed,
    FailureKind,
    GivenBefore,
    HttpAnswer,
    HttpRequest,
    Item,
    Label,
    Provider,
    Sender,
    Waybills,
    WaybillsGiven,
)
from services.fulfillment.domain.model import FormerLabel, Parcel, asked_as
from services.fulfillment.pacing import Discard, Forget, Get, Job, Pace
from services.fulfillment.recipients import Unaddressed, recipient_of
from services.fulfillment.settings import FulfillmentSettings, read_senders
from services.fulfillment.store import ParcelReader, called_as

ACTOR = "dispatcher"
ATTEMPTS_WORTH_A_LINE = 5
COLLECTION_UNSUPPORTED = "collection_unsupported"
"""Why a parcel whose goods are paid at the door gets no label: no provider here can be told to collect."""

_A = TypeVar("_A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The waybill provider we use, and what we tell it."""

    name: str
    calls: Waybills
    account: Account
    senders: Mapping[str, Sender]


def peer_of(settings: FulfillmentSettings) -> Peer:
    """The waybill provider the settings name.

    Raises StartRefused when there is none such, or when it has a URL and not what else it needs.
    """
    found = plugins.load("services.fulfillment.carriers", "PROVIDER", Provider)
    provider = found.get(settings.waybill_provider)
    if provider is None or provider.waybills is None:
        able = sorted(name for name, one in found.items() if one.waybills is not None)
        raise StartRefused(
            f"DANSHU_FULFILLMENT_WAYBILL_PROVIDER: {settings.waybill_provider!r} gives no waybills; "
            f"choose one of {able}"
        )
    account = settings.account()
    missing = [name for name in provider.waybills.needs if not getattr(account, name)]
    if account.url and missing:
        variables = ", ".join(f"DANSHU_FULFILLMENT_WAYBILL_{name.upper()}" for name in missing)
        raise StartRefused(f"waybills of {provider.name} need {variables}")
    return Peer(
        name=provider.name,
        calls=provider.waybills,
        account=account,
        senders=read_senders(settings.warehouses_file),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Does one job at a time of the dispatcher; several run side by side."""

    reader: ParcelReader
    desk: CommandDesk
    clock: Clock
    peer: Peer
    seal: PersonalSeal
    outgoing: Outgoing
    pace: Pace

    async def do(self, job: Job) -> None:
        """Calls, issues the commands that follow, and tells the pace how it went."""
        match job:
            case Get():
                await self._get(job)
            case Discard(parcels=(parcel,)):
                await self._discard(parcel, job.label)
            case Forget():
                await self._issue([(p, self._discarded(p, "", "")) for p in job.parcels])
            case _:
                assert_never(job)

    async def _get(self, job: Get) -> None:
        sender = self.peer.senders.get(job.warehouse)
        if sender is None:
            reason = f"warehouse_unknown:{job.warehouse}"
            await self._issue([(p, self._refused(p, reason)) for p in job.parcels])
            return
        asks = await self._addressed(job)
        if not asks:
            return
        await self.reader.intend([called_as(parcel) for parcel, _ in asks])
        parcels = [parcel for parcel, _ in asks]
        answer = await self._given(sender, job.carrier, tuple(ask for _, ask in asks))
        if isinstance(answer, CallFailed):
            await self._not_given(parcels, answer)
            return
        given = [(p, answer.waybills.get(ask.parcel_id)) for p, ask in asks]
        await self._issue([(p, self._labelled(p, number)) for p, number in given if number])
        for parcel, number in given:
            if not number:
                self._again(parcel, "left_out")

    async def _given(
        self, sender: Sender, carrier: str, asks: tuple[Ask, ...]
    ) -> WaybillsGiven | CallFailed:
        calls, account = self.peer.calls, self.peer.account
        request = calls.get_request(account, sender, carrier, asks, self.clock.now())
        answer: WaybillsGiven | GivenBefore | CallFailed
        answer = await self._call("waybill_get", request, calls.read_get_answer)
        if not isinstance(answer, GivenBefore):
            return answer
        assert calls.find is not None, "who answers GivenBefore can be asked"
        request = calls.find.request(account, asks[0].parcel_id, self.clock.now())
        return await self._call("waybill_find", request, calls.find.read)

    async def _addressed(self, job: Get) -> list[tuple[Parcel, Ask]]:
        """Open the receivers. Parcels that cannot be addressed or served are refused here and now."""
        keys = await self.reader.wrapped_keys([parcel.order_id for parcel in job.parcels])
        asks: list[tuple[Parcel, Ask]] = []
        refused: list[tuple[Parcel, Struct]] = []
        for parcel in job.parcels:
            if parcel.collect_fen:
                refused.append((parcel, self._refused(parcel, COLLECTION_UNSUPPORTED)))
                continue
            recipient = recipient_of(self.seal, parcel, keys)
            if isinstance(recipient, Unaddressed):
                refused.append((parcel, self._refused(parcel, recipient.code)))
                continue
            ask = Ask(
                parcel_id=asked_as(parcel.parcel_id, parcel.asking),
                channel=parcel.channel,
                channel_order_no=parcel.channel_order_no,
                recipient=recipient,
                items=tuple(Item(name=line.title, count=line.quantity) for line in parcel.lines),
            )
            if why := self.peer.calls.unfit(job.carrier, ask):
                refused.append((parcel, self._refused(parcel, why)))
                continue
            asks.append((parcel, ask))
        await self._issue(refused)
        return asks

    async def _not_given(self, parcels: Sequence[Parcel], failure: CallFailed) -> None:
        if failure.kind is FailureKind.AGAIN:
            for parcel in parcels:
                self._again(parcel, failure.code)
        elif len(parcels) > 1:
            # Somebody in the call is the reason: ask for each alone to find out who.
            for parcel in parcels:
                self.pace.split(parcel.parcel_id)
        else:
            reason = f"{failure.code}:{failure.detail}"
            await self._issue([(parcels[0], self._refused(parcels[0], reason))])

    async def _discard(self, parcel: Parcel, unused: FormerLabel) -> None:
        if unused.spared:
            await self._left(parcel, unused, unused.spared)
            return
        label = Label(
            parcel_id=asked_as(parcel.parcel_id, unused.asking),
            carrier=unused.carrier,
            waybill_no=unused.waybill_no,
        )
        request = self.peer.calls.discard_request(self.peer.account, label, self.clock.now())
        answer = await self._call("waybill_discard", request, self.peer.calls.read_discard_answer)
        if isinstance(answer, CallFailed) and answer.kind is FailureKind.AGAIN:
            self._again(parcel, answer.code)
            return
        if isinstance(answer, CallFailed):
            # Unknown there or already on its way: nothing more can be done from here.
            await self._left(parcel, unused, f"{answer.code}:{answer.detail}")
            return
        await self._issue([(parcel, self._discarded(parcel, unused.waybill_no, ""))])

    async def _left(self, parcel: Parcel, unused: FormerLabel, why: str) -> None:
        logger.warning("waybill not voided", order_id=parcel.order_id, peer=self.peer.name, why=why)
        await self._issue([(parcel, self._discarded(parcel, unused.waybill_no, why))])

    async def _call(
        self, name: str, request: HttpRequest, read: Callable[[HttpAnswer], _A | CallFailed]
    ) -> _A | CallFailed:
        answer: _A | CallFailed
        try:
            came = await self.outgoing.call(
                "POST", request.url, headers=request.headers, body=request.body
            )
        except NoAnswer as error:
            answer = CallFailed(kind=FailureKind.AGAIN, code=str(error), detail="")
        else:
            answer = read(HttpAnswer(status=came.status, body=came.body))
        outcome = "ok"
        if isinstance(answer, CallFailed):
            outcome = "unknown" if answer.kind is FailureKind.AGAIN else "refused"
        if outcome == "unknown":
            self.pace.failed(self.clock.monotonic_ms())
        else:
            self.pace.answered()
        metrics.FOREIGN_CALLS.labels(self.peer.name, name, outcome).inc()
        return answer

    def _again(self, parcel: Parcel, why: str) -> None:
        attempts = self.pace.again(parcel.parcel_id, self.clock.monotonic_ms())
        if attempts == ATTEMPTS_WORTH_A_LINE:
            logger.warning(
                "waybill call keeps failing",
                order_id=parcel.order_id,
                peer=self.peer.name,
                attempts=attempts,
                why=why,
            )

    async def _issue(self, commands: Sequence[tuple[Parcel, Struct]]) -> None:
        if not commands:
            return
        await self.desk.issue([command for _, command in commands])
        now_ms = self.clock.monotonic_ms()
        for parcel, _ in commands:
            self.pace.settled(parcel.parcel_id, now_ms)

    def _labelled(self, parcel: Parcel, waybill_no: str) -> RecordWaybill:
        # A number that another parcel had may be free the next time; the same number again changes nothing.
        now = self.clock.now()
        return RecordWaybill(
            order_id=parcel.order_id,
            command_id=request_id("waybill", parcel.parcel_id, waybill_no, now.isoformat()),
            issued_at=now,
            actor=ACTOR,
            parcel_id=parcel.parcel_id,
            waybill_no=waybill_no,
            asking=parcel.asking or None,
            carrier=parcel.carrier,
        )

    def _refused(self, parcel: Parcel, reason: str) -> RecordWaybillRefused:
        # A parcel may be refused anew after somebody looked at it: each asking has its own due time.
        due_at = parcel.dispatch_due_at.isoformat() if parcel.dispatch_due_at else ""
        return RecordWaybillRefused(
            order_id=parcel.order_id,
            command_id=request_id("nowaybill", parcel.parcel_id, due_at, reason),
            issued_at=self.clock.now(),
            actor=ACTOR,
            parcel_id=parcel.parcel_id,
            reason=reason,
        )

    def _discarded(self, parcel: Parcel, waybill_no: str, refusal: str) -> RecordWaybillDiscarded:
        # A label that stayed alive may be taken up and replaced again; the writer takes the first word each time.
        now = self.clock.now()
        return RecordWaybillDiscarded(
            order_id=parcel.order_id,
            command_id=request_id("discard", parcel.parcel_id, waybill_no, now.isoformat()),
            issued_at=now,
            actor=ACTOR,
            parcel_id=parcel.parcel_id,
            waybill_no=waybill_no,
            refusal=refusal or None,
        )
