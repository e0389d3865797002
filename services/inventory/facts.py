"""What a batch knows about stock: true numbers, who may send what, and what follows for Valkey.

Guarantees: decisions see the locked numbers of Postgres and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.direct import Answered
from chassis.extension_facts import Told
from chassis.processor import Kept
from schemas.events.orders import ChannelExtension
from services.inventory.approvals import Approvals
from services.inventory.counters import Epoch
from services.inventory.domain.adopting import offer_to_owner
from services.inventory.domain.batches import Stand
from services.inventory.domain.campaigns import Allot
from services.inventory.domain.choosing import (
    Available,
    choose,
    choose_part,
    passed_over,
    shortfall,
    spare_of,
)
from services.inventory.domain.counters import Arrival, Target
from services.inventory.domain.model import (
    AGREEING,
    REPAIR,
    Deduct,
    Goods,
    Held,
    HeldPart,
    Hold,
    Lease,
    Mend,
    Off,
    Receive,
    Release,
    Reserve,
    Row,
    Short,
    merged,
    pieces_of,
)
from services.inventory.domain.presale import PresaleEffect, Promised
from services.inventory.domain.quotas import Recount
from services.inventory.domain.splitting import by_rank, split
from services.inventory.foreseen import Foreseen, Moment, Plan, plan_for, rows_of
from services.inventory.leases import Leases
from services.inventory.presale import NO_PRESALE, Presale
from services.inventory.promised_facts import PromisedFacts
from services.inventory.quotas import Quotas
from services.inventory.shelf_life import ShelfLife
from services.inventory.sourcing import Sourcing
from services.inventory.targets import hold_target


class StockFacts(PromisedFacts):
    """The facts of one batch. Decisions ask it, effects change it; nothing else does."""

    def __init__(  # noqa: PLR0913 — wired once
        self,
        foreseen: Foreseen,
        kept: Mapping[str, Kept[Any]],
        sourcing: Sourcing,
        leases: Leases,
        remember: Callable[[Iterable[Row]], None],
        *,
        approvals: Approvals,
        shelf_life: ShelfLife,
        quotas: Quotas,
        presale: Presale = NO_PRESALE,
    ) -> None:
        super().__init__(foreseen, remember, shelf_life, presale=presale, quotas=quotas)
        self.buyer_holds: dict[str, int] = {}
        """How many unpaid holds each of them has."""
        self.seen: dict[Row, int] = {}
        """Available pieces of rows that were looked at and not locked."""
        self.books_at: dict[Moment, int] = {}
        """Pieces on hand by the book, as they were asked for."""
        self.batches_at: dict[Moment, dict[str, int]] = {}
        """The same by batch, of rows that have any."""
        self.differing: dict[Row, Off] = {}
        """How the books stood of rows that may be repaired, when they were locked."""
        self.epoch: Epoch | None = None
        """Under which Valkey was asked; None = it was not, and is not told either."""
        self.noted_at = 0.0
        """When Valkey took this batch's notes."""
        self.mended = False
        """Whether numbers changed of which Valkey cannot be told piece by piece."""
        self.results = {"held": 0, "short": 0}
        self.answers: dict[str, Any] = {}
        self.confirmed: list[Target] = []
        self.targets: list[Target] = []
        self.arrivals: list[Arrival] = []
        self.forgotten: list[tuple[str, float]] = []
        self._kept = kept
        self._sourcing = sourcing
        self._approvals = approvals
        self._leases = leases

    def sourcing_facts(self, channel: str, extension: ChannelExtension | None) -> Told:
        """What the table of sourcing asks of an order's extension."""
        return self._sourcing.told(channel, extension)

    def unknown_channels(self, channels: Sequence[str]) -> str:
        """Those of these channels that no table knows, and which are known; empty = all of them are."""
        known = dict.fromkeys((*self.quotas.channels, *self.presale.channels))
        unknown = [one for one in channels if one not in known]
        return f"{', '.join(unknown)}; known are {', '.join(known)}" if unknown else ""

    def offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        """Who could send these goods now, by the numbers of Postgres; what came for its promise is its own."""
        with self.without(hold.promises, drawn=True):
            return self._offer(order_id, hold, goods)

    def promise(self, hold: Hold, goods: Goods, now: datetime) -> Promised | None:
        """What is to come that makes a short order whole, its own promise taken back; None where nothing is."""
        choice = plan_for(self._sourcing, hold, goods).choice
        return self.promise_from(choice.warehouses, hold, goods, now)

    def _offer(self, order_id: str, hold: Hold, goods: Goods) -> Held | Short:
        plan = self.foreseen.plan(order_id)
        if plan is None:
            # A parked event came free in this very batch.
            plan = self.foreseen.plans[order_id] = plan_for(self._sourcing, hold, goods)
            plan.locked = plan.choice.warehouses
            self._require(plan.rows)
        available: Available = self.book.available
        if self.book.shares:
            available = self._available_to(order_id, hold.channel)
        own = self.own(order_id) if plan.takes_over else None
        if own is not None:
            answer = offer_to_owner(
                available, own[1], plan.choice.warehouses, plan.choice.rule, goods
            )
            self.results["short" if isinstance(answer, Short) else "held"] += 1
            return answer
        if self.promised and plan.promised:
            for sku, pieces in goods:
                self.promised[plan.promised, sku] -= pieces
        warehouse = choose(available, plan.locked, goods)
        if not warehouse and (several := self._several(plan, hold.channel, goods)) is not None:
            self.results["held"] += 1
            return several
        self.results["held" if warehouse else "short"] += 1
        candidates = plan.choice.warehouses
        if warehouse and warehouse == candidates[0]:
            return Held(warehouse=warehouse, rule=plan.choice.rule)
        shown, quota = self._shown_to(order_id, hold.channel), self.book.quota_used_up(hold.channel)
        if not warehouse:
            return shortfall(shown, candidates, goods, quota)
        return Held(
            warehouse=warehouse,
            rule=plan.choice.rule,
            passed_over=passed_over(shown, candidates, warehouse, goods, quota),
        )

    def own(self, order_id: str) -> tuple[str, Hold] | None:
        """The reservation that is the order's to take over now."""
        plan = self.foreseen.adoptions.get(order_id)
        state = self._kept[plan.takes_over].state if plan else None
        if plan is None or not isinstance(state, Hold) or state.state != "held":
            return None
        return plan.takes_over, state

    def gone_with(self, order_id: str) -> Hold | None:
        """The reservation that the order names and whose goods were handed over under it."""
        reservation_id = self.foreseen.gone.get(order_id)
        state = self._kept[reservation_id].state if reservation_id else None
        return state if isinstance(state, Hold) else None

    def _several(self, plan: Plan, channel: str, goods: Goods) -> Held | None:
        """What several warehouses together could send now, of what nobody else in the batch was promised."""
        if plan.choice.parcels_max < 2 or len(plan.locked) < 2:
            return None
        spare = spare_of(self.book.available_to(channel), self.promised)
        found = split(spare, by_rank(plan.locked), goods, plan.choice.parcels_max)
        if found is None:
            return None
        return Held(
            warehouse=found.places[0][0],
            rule=plan.choice.rule,
            passed_over=found.not_taken,
            several=found.places,
        )

    def lease(self, hold: Hold, warehouse: str, goods: Goods) -> Lease:
        """How long they are kept there for somebody who has not paid; the whole order's pieces count."""
        available = self.book.available_to(hold.channel)
        left = min(available((warehouse, sku)) - pieces for sku, pieces in goods)
        others = self.buyer_holds.get(hold.buyer, 0)
        in_all = sum([line.quantity for line in hold.lines])
        return self._leases.lease(hold.channel, in_all, others, left)

    def extension(self, hold: Hold) -> Lease:
        """How long a payment in progress may keep what is held, as it would be judged now."""
        shown = self._shown_to("", hold.channel)
        left = min(map(shown, rows_of(hold, [sku for sku, _ in hold.held])))
        others = max(0, self.buyer_holds.get(hold.buyer, 0) - 1)
        return self._leases.lease(hold.channel, pieces_of(hold.held), others, left)

    def part(self, order_id: str, hold: Hold, goods: Goods) -> HeldPart | Short:
        """Who could send most of these goods now, for who was just told that nobody has them all."""
        plan = self.foreseen.plan(order_id)
        assert plan is not None, order_id
        available = self._available_to(order_id, hold.channel)
        quota = self.book.quota_used_up(hold.channel)
        warehouse, given, missing = choose_part(available, plan.locked, goods, quota)
        if not given:
            shown = self._shown_to(order_id, hold.channel)
            return shortfall(shown, plan.choice.warehouses, goods, quota)
        self.results["short"] -= 1
        self.results["held"] += 1
        return HeldPart(warehouse=warehouse, rule=plan.choice.rule, goods=given, missing=missing)

    def book_at(self, warehouse: str, sku: str, at: datetime, batch: str | None = None) -> int:
        """Pieces on hand by the book at an earlier moment, which nothing in this batch can change.

        Of one batch ("" = of none) when it is given.
        """
        where = (warehouse, sku, at)
        return self.books_at[where] if batch is None else self.batches_at[where].get(batch, 0)

    def needs_second_person(self, warehouse: str, goods: Goods) -> bool:
        """Whether an adjustment by these signed pieces waits for somebody else's word."""
        return self._approvals.needs_second_person(warehouse, goods)

    def off(self, warehouse: str, sku: str) -> Off:
        """By how much the books of this row differ; a second repair in the batch finds them agreeing."""
        return self.differing[warehouse, sku]

    def apply(self, effect: Any) -> None:
        """Books one decision's effect."""
        kind = type(effect)
        if kind is Answered:
            self.answers[effect.key] = effect.answer
            return
        if kind is Mend:
            self.mend(effect)
            self.mended = True
            self.differing[effect.warehouse, effect.sku] = AGREEING
            return
        if kind is Reserve:
            # Of rows that `offer` found locked.
            self.book.reserve(effect.warehouse, effect.goods, effect.channel)
            if effect.buyer:
                self.buyer_holds[effect.buyer] = self.buyer_holds.get(effect.buyer, 0) + 1
            return
        if isinstance(effect, PresaleEffect):
            self.take(effect)
            return
        if kind is Stand or kind is Allot:
            self._require([(effect.warehouse, effect.sku)])
            (self.book.stand if kind is Stand else self.book.allot)(effect)
            return
        self._require([(effect.warehouse, sku) for sku, _ in effect.goods])
        if kind is Release:
            self.book.release(effect.warehouse, effect.goods, effect.channel, effect.campaigns)
            # Of a part that left Valkey may not have heard: it would give back all it knows of.
            self.mended = self.mended or effect.partly
        elif kind is Deduct:
            self.book.deduct(effect)
        elif kind is Recount:
            self.book.recount(effect)
        elif kind is Receive:
            self._require([(effect.warehouse, portion.sku) for portion in effect.portions])
            self.book.receive(effect)
        else:
            raise TypeError(effect)

    def conclude(self) -> None:
        """Works out what Valkey must be told when all of this is true."""
        plans, touched = self.foreseen.plans, self.foreseen.touched
        for order_id, plan in plans.items():
            target = _target(order_id, self._kept, plan.generation)
            if _keeps(target, plan):
                self.confirmed.append(target)
            elif plan.promised or target.ending != "freed" or order_id in touched:
                self.targets.append(target)
        for order_id in touched - plans.keys():
            self.targets.append(_target(order_id, self._kept, 1))
        arrived: dict[tuple[str, str], list[tuple[str, int]]] = {}
        for entry in self.book.entries:
            if entry.kind not in {"deduction", REPAIR}:
                goods = arrived.setdefault((entry.document_no, entry.warehouse), [])
                goods.append((entry.sku, entry.quantity - entry.withheld))
            elif entry.withheld:
                # Goods that were not for sale left all the same: Valkey took them for promised ones.
                self.mended = True
        self.arrivals = [
            Arrival(document_no, warehouse, merged(goods))
            for (document_no, warehouse), goods in arrived.items()
        ]
        nothing = self.foreseen.documents.difference(document_no for document_no, _ in arrived)
        self.forgotten = [(f"d:{one}", 0.0) for one in nothing]

    def _available_to(self, order_id: str, channel: str) -> Available:
        """What it may be promised; an order Valkey was not asked about leaves others what it promised them."""
        available = self.book.available_to(channel)
        if self.promised and order_id in self.foreseen.limited:
            return spare_of(available, self.promised)
        return available

    def _shown_to(self, order_id: str, channel: str) -> Available:
        available = self._available_to(order_id, channel)

        def shown(row: Row) -> int:
            return available(row) if row in self.book.rows else self.seen.get(row, 0)

        return shown


def _keeps(target: Target, plan: Plan) -> bool:
    """Whether Postgres held exactly what Valkey promised."""
    return (
        target.ending == "held"
        and bool(plan.promised)
        and target.warehouse == plan.promised
        and target.generation == plan.generation
        and target.goods == plan.goods
    )


def _target(order_id: str, kept: Mapping[str, Kept[Any]], at_least: int) -> Target:
    known = kept.get(order_id)
    return hold_target(order_id, known.state if known else None, at_least)
