"""What may happen in the marketplaces: buyers act, the merchant writes back, the carrier arrives.

Guarantees: nothing here does I/O or asks the machine for time or chance; the same seed, the same
calls and the same clock give the same world. Writes by the merchant are applied once; a repetition is
told apart from a refusal, and a refusal names its reason.
"""

import heapq
from collections.abc import Mapping
from random import Random
from typing import Literal

from msgspec.structs import replace

from simulators.catalog import Catalog, catalog
from simulators.clock import Clock
from simulators.drawing import Intent, OrderDrawer, Step, between_ms, namespace_of
from simulators.faults import odds_of
from simulators.marketplaces import Marketplace
from simulators.orders import (
    AfterSale,
    AnsweredBy,
    ChangeKind,
    Channel,
    Line,
    LineRefund,
    Order,
    Outcome,
    Shipment,
)
from simulators.parcels import going, refusal_to_ship, with_shipment, with_waybill
from simulators.records import Key, Records
from simulators.settings import Mix, Settings
from simulators.stock import Shelves

Verdict = tuple[Outcome, str]
Answered = Literal["agreed", "refused", "withdrawn"]
_ANSWERS: dict[Answered, ChangeKind] = {
    "agreed": "after_sale_agreed",
    "refused": "after_sale_refused",
    "withdrawn": "after_sale_withdrawn",
}


class World:
    """The lives of all orders of all shops; one thread owns it."""

    def __init__(
        self, settings: Settings, clock: Clock, marketplaces: Mapping[Channel, Marketplace]
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.catalog: Catalog = catalog(settings.seed, settings.stock_multiplier)
        self.marketplaces = marketplaces
        shops = [shop for one in marketplaces.values() for shop in one.shops]
        self.records = Records(shops, clock)
        self.shelves = Shelves(marketplaces, self.catalog, clock)
        self._agenda: list[tuple[int, int, Key, Step]] = []
        self._agenda_no = 0
        self._claims = Random(f"claims:{settings.seed}:{settings.run}")
        self._first_claim_no = 71 * 10**14 + 10**8 * namespace_of(settings.seed, settings.run)
        self._by_waybill: dict[str, Key] = {}
        self._arrived: set[str] = set()
        self._drawer = OrderDrawer(
            catalog=self.catalog,
            marketplaces=marketplaces,
            seed=settings.seed,
            run=settings.run,
            mix=settings.mix,
            contradiction_odds=odds_of(settings).contradiction,
        )

    # What buyers do

    def place(self, *, channel: Channel | None = None, mix: Mix | None = None) -> Order:
        """Place the next order of the seed, paid already when the buyer pays at once."""
        now_ms = self.clock()
        order, intents = self._drawer.draw(now_ms, channel=channel, mix=mix)
        return self.enter(order, intents, now_ms=now_ms)

    def enter(self, order: Order, intents: tuple[Intent, ...], *, now_ms: int) -> Order:
        """Take in a drawn order; what is intended later runs as it falls due."""
        later = tuple(intent for intent in intents if intent.after_ms)
        if len(later) < len(intents):
            order = replace(order, state="paid", paid_at_ms=order.created_at_ms)
        self.records.enter(order)
        self._take_along(order.key)
        for intent in later:
            self._plan(now_ms + intent.after_ms, order.key, intent.step)
        return self.records.orders[order.key]

    def act(self, key: Key, step: Step) -> bool:
        """Do one step to an order now; False when its state does not allow it (nothing happens)."""
        order = self.records.orders.get(key)
        if order is None:
            return False
        match step:
            case "pay":
                return self._pay(order)
            case "cancel":
                return self._cancel_unpaid(order)
            case "address":
                return self._move_receiver(order)
            case "memo":
                return self._write_memo(order)
            case "cancel_paid":
                return order.state == "paid" and bool(self.claim(order))
            case "claim":
                place = order.serial % len(order.lines)
                return bool(self.claim(order, line_nos=(order.lines[place].line_no,)))
            case "withdraw":
                return self._answer_all(order, "withdrawn")
            case "settle":
                return self._answer_all(order, "agreed")
            case "refuse":
                return self._answer_all(order, "refused")

    def advance(self) -> int:
        """Run everything that fell due; return how many steps were run."""
        now_ms, done = self.clock(), 0
        while self._agenda and self._agenda[0][0] <= now_ms:
            _, _, key, step = heapq.heappop(self._agenda)
            self.act(key, step)
            done += 1
        return done

    @property
    def steps_planned(self) -> int:
        """How many steps of buyers and clerks have not fallen due."""
        return len(self._agenda)

    def claim(
        self,
        order: Order,
        *,
        line_nos: tuple[str, ...] | None = None,
        amount_fen: int | None = None,
    ) -> tuple[AfterSale, ...]:
        """Open a claim over paid-for lines (None = all); empty when nothing can be claimed.

        One claim per line, one for all of them, or one for the whole order: as the marketplace has it.
        The whole of an order not yet shipped takes its freight with it, on the first claim.
        `amount_fen` asks for less than is due and counts for a single line only. No further claim is
        opened while one is open. Where the shop's own people settle claims at once, they have done so
        when this returns.
        """
        if order.state in {"unpaid", "cancelled", "closed"} or order.refund_open:
            return ()
        worth = [line for line in order.lines if line.paid_fen and line.refund != "agreed"]
        covers = self.marketplaces[order.channel].claim_covers
        if covers == "order":
            line_nos = None
        lines = [line for line in worth if line_nos is None or line.line_no in line_nos]
        before_shipping = order.state == "paid"
        whole = before_shipping and len(lines) == len(worth)
        freight_fen = order.freight_fen if whole else 0
        groups = [[line] for line in lines] if covers == "line" else [lines]
        opened = []
        for group in groups if lines else ():
            due_fen = sum(line.paid_fen for line in group) + freight_fen
            if amount_fen is not None and len(lines) == 1:
                due_fen = min(amount_fen, due_fen)
            opened.append(self._open_claim(order.key, group, due_fen, freight_fen, before_shipping))
            freight_fen = 0
        settles_after_ms = self.marketplaces[order.channel].settles_after_ms
        if opened and settles_after_ms == 0:
            self._answer_all(order, "agreed")
        elif opened and settles_after_ms:
            self._plan(self.clock() + settles_after_ms, order.key, "settle")
        return tuple(opened)

    def _answer_all(self, order: Order, status: Answered) -> bool:
        """Let the shop's own people agree to what is open or refuse it, or the buyer withdraw it; False when nothing is."""
        still_open = [
            one.after_sale_id
            for one in self.records.after_sales.values()
            if one.status == "open" and (one.channel, one.order_no) == order.key
        ]
        by: AnsweredBy = "buyer" if status == "withdrawn" else "shop"
        for after_sale_id in still_open:
            self._answer(after_sale_id, status, by)
        return bool(still_open)

    def _open_claim(
        self,
        key: Key,
        lines: list[Line],
        amount_fen: int,
        freight_fen: int,
        before_shipping: bool,  # noqa: FBT001 - one caller, beside its twin values
    ) -> AfterSale:
        order = self.records.orders[key]
        at_ms = self.records.next_time_ms(order)
        after_sale = AfterSale(
            after_sale_id=str(self._first_claim_no + len(self.records.after_sales) + 1),
            channel=order.channel,
            shop=order.shop,
            order_no=order.order_no,
            line_nos=tuple(line.line_no for line in lines),
            amount_fen=amount_fen,
            freight_fen=freight_fen,
            before_shipping=before_shipping,
            reason="不想要了" if before_shipping else "少发/漏发",
            created_at_ms=at_ms,
            modified_at_ms=at_ms,
        )
        opened = replace(order, lines=_refund(order.lines, after_sale.line_nos, "open"))
        self.records.store(opened, "after_sale_opened", at_ms=at_ms, after_sale=after_sale)
        mix = self.settings.mix
        if mix.withdraw_pct and self._claims.random() * 100 < mix.withdraw_pct:
            delay_ms = between_ms(self._claims, mix.withdraw_after_s)
            self._plan(self.clock() + delay_ms, key, "withdraw")
        if mix.back_office_pct and self._claims.random() * 100 < mix.back_office_pct:
            refuses = self._claims.random() * 100 < mix.back_office_refuse_pct
            delay_ms = between_ms(self._claims, mix.back_office_after_s)
            self._plan(self.clock() + delay_ms, key, "refuse" if refuses else "settle")
        return after_sale

    def _pay(self, order: Order) -> bool:
        if order.state != "unpaid":
            return False
        at_ms = self.records.next_time_ms(order)
        self.records.store(replace(order, state="paid", paid_at_ms=at_ms), "paid", at_ms=at_ms)
        self._take_along(order.key)
        return True

    def _take_along(self, key: Key) -> None:
        order = self.records.orders[key]
        if order.state == "paid" and self.marketplaces[order.channel].taken_along(order):
            self._finish(order)

    def _cancel_unpaid(self, order: Order) -> bool:
        if order.state != "unpaid":
            return False
        at_ms = self.records.next_time_ms(order)
        cancelled = replace(order, state="cancelled", cancelled_at_ms=at_ms, ended_at_ms=at_ms)
        self.records.store(cancelled, "cancelled", at_ms=at_ms)
        return True

    def cancel_by_shop(self, key: Key) -> bool:
        """Close an order of which nothing has left. What was paid for it the shop has to pay back by itself."""
        order = self.records.orders.get(key)
        if order is None or order.state not in {"unpaid", "paid"}:
            return False
        at_ms = self.records.next_time_ms(order)
        cancelled = replace(order, state="cancelled", cancelled_at_ms=at_ms, ended_at_ms=at_ms)
        self.records.store(cancelled, "cancelled", at_ms=at_ms)
        return True

    def _move_receiver(self, order: Order) -> bool:
        if order.state != "paid" or order.refund_open or not self._amendable(order):
            return False
        moved = replace(order.receiver, revision=order.receiver.revision + 1)
        at_ms = self.records.next_time_ms(order)
        self.records.store(replace(order, receiver=moved), "address_changed", at_ms=at_ms)
        return True

    def _write_memo(self, order: Order) -> bool:
        if order.state in {"cancelled", "closed"} or not self._amendable(order):
            return False
        noted = replace(order, seller_memo="改发顺丰", seller_flag=3)
        self.records.store(noted, "memo_changed", at_ms=self.records.next_time_ms(order))
        return True

    def _amendable(self, order: Order) -> bool:
        return self.marketplaces[order.channel].amendable

    def _plan(self, due_ms: int, key: Key, step: Step) -> None:
        self._agenda_no += 1
        heapq.heappush(self._agenda, (due_ms, self._agenda_no, key, step))

    # What the merchant does

    def ship(
        self, key: Key, *, waybill: str, company: str, line_nos: tuple[str, ...] | None = None
    ) -> Verdict:
        """Hear that lines (None = all not yet shipped) left in a parcel.

        The same waybill again is a duplicate and changes nothing but its count; a refusal gives the
        platform's reason: unknown, not_paid, refund_open, already_shipped.
        """
        order = self.records.orders.get(key)
        if order is None:
            return "refused", "unknown"
        if any(shipment.waybill == waybill for shipment in order.shipments):
            self._count_again(order, waybill)
            return "duplicate", "already_shipped"
        reason = refusal_to_ship(order, line_nos)
        if reason:
            return "refused", reason
        leaving = tuple(line.line_no for line in going(order, line_nos))
        self._by_waybill[waybill] = key
        at_ms = self.records.next_time_ms(order)
        shipment = Shipment(waybill=waybill, company=company, line_nos=leaving)
        self.records.store(with_shipment(order, shipment, at_ms), "shipped", at_ms=at_ms)
        if self._claims.random() * 100 < self.settings.mix.after_sale_pct:
            delay_ms = between_ms(self._claims, self.settings.mix.after_sale_after_s)
            self._plan(self.clock() + delay_ms, key, "claim")
        self._end_if_arrived(self.records.orders[key])
        return "applied", ""

    def _count_again(self, order: Order, waybill: str) -> None:
        shipments = tuple(
            replace(shipment, count=shipment.count + 1) if shipment.waybill == waybill else shipment
            for shipment in order.shipments
        )
        # Only our own count moves: for the platform nothing has changed.
        self.records.orders[order.key] = replace(order, shipments=shipments)

    def add_parcel(self, key: Key, *, waybill: str, company: str) -> Verdict:
        """Hear of one more parcel of an order that has left as a whole; refusals: unknown, not_shipped."""
        order = self.records.orders.get(key)
        if order is None:
            return "refused", "unknown"
        if any(shipment.waybill == waybill for shipment in order.shipments):
            self._count_again(order, waybill)
            return "duplicate", "already_shipped"
        if order.state not in {"shipped", "finished"}:
            return "refused", "not_shipped"
        self._by_waybill[waybill] = key
        shipment = Shipment(waybill=waybill, company=company, line_nos=())
        order = replace(order, shipments=(*order.shipments, shipment))
        self.records.store(order, "shipped", at_ms=self.records.next_time_ms(order))
        return "applied", ""

    def change_waybill(self, key: Key, *, former: str, waybill: str, company: str) -> Verdict:
        """Hear that the parcel `former` goes under another number; refusals: unknown, not_shipped.

        The same again is a duplicate and changes nothing.
        """
        order = self.records.orders.get(key)
        if order is None:
            return "refused", "unknown"
        told = {(shipment.waybill, shipment.company) for shipment in order.shipments}
        if (waybill, company) in told:
            return "duplicate", ""
        if former not in {number for number, _ in told}:
            return "refused", "not_shipped"
        self._by_waybill[waybill] = key
        changed = with_waybill(order, former, waybill, company)
        self.records.store(changed, "shipped", at_ms=self.records.next_time_ms(order))
        return "applied", ""

    def agree(self, after_sale_id: str) -> Verdict:
        """Hear that the merchant agrees to a claim; refusals: unknown, already_refused, already_withdrawn."""
        return self._answer(after_sale_id, "agreed", "merchant")

    def refuse(self, after_sale_id: str) -> Verdict:
        """Hear that the merchant refuses a claim; refusals: unknown, already_agreed, already_withdrawn."""
        return self._answer(after_sale_id, "refused", "merchant")

    def insist(self, after_sale_id: str) -> bool:
        """Let a buyer ask again under the number of a claim that was refused; False for any other."""
        after_sale = self.records.after_sales.get(after_sale_id)
        if after_sale is None or after_sale.status != "refused":
            return False
        order = self.records.orders[after_sale.channel, after_sale.order_no]
        at_ms = self.records.next_time_ms(order)
        order = replace(order, lines=_refund(order.lines, after_sale.line_nos, "open"))
        again = replace(after_sale, status="open", answered_by="", modified_at_ms=at_ms)
        self.records.store(order, "after_sale_opened", at_ms=at_ms, after_sale=again)
        return True

    def _answer(self, after_sale_id: str, status: Answered, by: AnsweredBy) -> Verdict:
        after_sale = self.records.after_sales.get(after_sale_id)
        if after_sale is None:
            return "refused", "unknown"
        if after_sale.status != "open":
            same = after_sale.status == status
            return ("duplicate", "") if same else ("refused", f"already_{after_sale.status}")
        order = self.records.orders[after_sale.channel, after_sale.order_no]
        at_ms = self.records.next_time_ms(order)
        order = replace(order, lines=_refund(order.lines, after_sale.line_nos, status))
        if all(line.refund == "agreed" for line in order.lines if line.paid_fen):
            # Gifts go with what they were given for.
            gone = _refund(order.lines, tuple(line.line_no for line in order.lines), "agreed")
            order = replace(
                order, lines=gone, state="closed", cancelled_at_ms=at_ms, ended_at_ms=at_ms
            )
        answered = replace(after_sale, status=status, answered_by=by, modified_at_ms=at_ms)
        if status == "agreed":
            order = replace(order, refunds=(*order.refunds, answered))
        self.records.store(order, _ANSWERS[status], at_ms=at_ms, after_sale=answered)
        return "applied", ""

    # What the carrier does

    def deliver(self, waybill: str) -> bool:
        """Hear that a parcel arrived; True when it was the last one of its order, which then ends.

        A parcel that arrives before the merchant told of it ends its order when it is told.
        """
        self._arrived.add(waybill)
        key = self._by_waybill.get(waybill)
        return key is not None and self._end_if_arrived(self.records.orders[key])

    def _end_if_arrived(self, order: Order) -> bool:
        if order.state != "shipped":
            return False
        if any(shipment.waybill not in self._arrived for shipment in order.shipments):
            return False
        self._finish(order)
        return True

    def _finish(self, order: Order) -> None:
        at_ms = self.records.next_time_ms(order)
        self.records.store(
            replace(order, state="finished", ended_at_ms=at_ms), "finished", at_ms=at_ms
        )


def _refund(
    lines: tuple[Line, ...], line_nos: tuple[str, ...], refund: LineRefund
) -> tuple[Line, ...]:
    return tuple(
        replace(line, refund=refund) if line.line_no in line_nos else line for line in lines
    )
