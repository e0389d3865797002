"""The pure model: what orders and reservations must have after any history, whoever was killed meanwhile.

It is told the records of each batch that was committed and what was emitted for them, in order. Where the rules
leave a choice (which warehouse, or none), it follows what was emitted and holds it against the numbers: whoever is
told "held" is held from a book that refuses more than it has, and nobody is told "short" who could have been served
even after everybody else in the same batch. Everything else follows, and raises AssertionError when it did not happen.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from chassis.processor import Record
from schemas.events.command_results import CommandSettled
from schemas.events.commands_inventory import (
    AllocateBackorder,
    ExpireHold,
    ExtendHold,
    ReceiveStock,
)
from schemas.events.order_states import OrderClosed
from schemas.events.orders import OrderPaid, OrderPlaced
from schemas.events.refunds import RefundSettled
from schemas.events.reservations import (
    ReservationConfirmed,
    ReservationEnded,
    ReservationExtended,
    ReservationMade,
    ReservationShort,
)
from schemas.events.shipments import ParcelShipped
from schemas.events.stock import (
    StockDeducted,
    StockHoldExtended,
    StockReleased,
    StockReserved,
    StockReturned,
    StockShort,
)
from schemas.events.stock_campaigns import CampaignChanged
from schemas.events.stock_movements import StockMoved
from services.inventory.domain.adopting import apart
from services.inventory.domain.model import (
    Deduct,
    HoldState,
    Places,
    Receive,
    Row,
    merged,
    taken_from,
)
from services.inventory.domain.quotas import Recount, Shares
from services.inventory.domain.reservations import (
    ConfirmReservation,
    ExpireReservation,
    ExtendReservation,
    ReleaseReservation,
    ReserveGoods,
)
from services.inventory.domain.rules import Book
from services.inventory.domain.splitting import places_for
from services.inventory.quotas import Quotas
from services.inventory.sourcing import Sourcing
from tests.integration.inventory.claim import Claim, key_of, places_of
from tests.integration.inventory.model_campaigns import COMMANDS, ModelCampaigns

CHANNELS = ("taobao", "jd", "pos", "groupbuy", "")
"""Of which two are one group, one is another and two have none."""


class Claims:
    """All of them, and the book they are held from."""

    def __init__(self, sourcing: Sourcing, quotas: Quotas, rows: Sequence[Row]) -> None:
        limited = [row for row in rows if quotas.limits(row[1])]
        shares = {row: Shares(quotas.sharing(row[1]), {}) for row in limited}
        self.book = Book(dict.fromkeys(rows, (0, 0)), None, shares)
        self.claims: dict[str, Claim] = {}
        self.documents: set[str] = set()
        self.campaigns = ModelCampaigns()
        self._quotas = quotas
        self._sourcing = sourcing
        self._versions: dict[tuple[str, str], int] = {}
        self._settled: set[str] = set()
        self._told: dict[str, deque[Any]] = {}
        self._before: dict[str, dict[Row, int]] = {}
        self._contested: Counter[str] = Counter()

    def share_out(self, quotas: Quotas) -> None:
        """Another table is in force."""
        self._quotas = quotas
        for row, shares in self.book.shares.items():
            shares.sharing = quotas.sharing(row[1])

    def count_anew(self, sku: str) -> None:
        """What was sent of it is forgotten."""
        for row, shares in self.book.shares.items():
            for use in shares.uses.values():
                use.sent = 0 if row[1] == sku else use.sent

    def next_parcel(self, key: str) -> int:
        """The version of the next parcel of an order."""
        return self._versions.get((ParcelShipped.TOPIC, key), 0) + 1

    def take(self, records: Sequence[Record], told: Iterable[Struct], now: datetime) -> None:
        """One committed batch, with what it emitted."""
        self._told = {}
        for event in told:
            self._told.setdefault(key_of(event), deque()).append(event)
        self._before = {
            channel: {row: self.book.available_to(channel)(row) for row in self.book.rows}
            for channel in CHANNELS
        }
        self._contested = Counter()
        for record in records:
            self._contested.update(self._may_take(record))
        for record in records:
            self._one(record, now)
        left = {key: events for key, events in self._told.items() if events}
        assert not left, f"emitted without a reason: {left}"

    def _may_take(self, record: Record) -> dict[str, int]:
        """Pieces that a record could take away from others, by SKU."""
        claim = self.claims.get(record.key)
        if isinstance(record.event, COMMANDS):
            return self.campaigns.may_take(self.book, record.event)
        match record.event:
            case OrderPlaced() | ReserveGoods() as event:
                return dict(merged((line.sku, line.quantity) for line in event.lines))
            case OrderPaid() | AllocateBackorder() if claim is not None:
                return dict(claim.wants)
            case ReceiveStock() as event:
                return {line.sku: -line.quantity for line in event.lines if line.quantity < 0}
            case _:
                return {}

    def _one(self, record: Record, now: datetime) -> None:
        newest = self._versions.get((record.source, record.key), 0)
        if record.version and record.version <= newest:
            return
        assert not record.version or record.version == newest + 1, f"a gap before {record}"
        command_id = getattr(record.event, "command_id", "")
        if command_id in self._settled:
            self._next(command_id, CommandSettled)
            return
        apply = self._campaign if isinstance(record.event, COMMANDS) else self._apply
        applied = apply(record.key, record.event, now)
        if command_id:
            outcome = self._next(command_id, CommandSettled).outcome
            assert outcome == ("done" if applied else "refused"), record
            self._settled.add(command_id)
        elif record.version and applied:
            self._versions[record.source, record.key] = record.version

    def _apply(self, key: str, event: Any, now: datetime) -> bool:
        """Whether it was done; False for what is refused, or a dead letter."""
        match event:
            case (
                ReserveGoods()
                | ConfirmReservation()
                | ExtendReservation()
                | ReleaseReservation()
                | ExpireReservation()
            ):
                self._reservation(key, event, now)
                return True
            case ReceiveStock():
                return self._received(event)
            case ExpireHold() | ExtendHold():
                return self._about_its_end(key, event, now)
            case AllocateBackorder():
                return self._allocated(key, event)
            case ParcelShipped():
                return self._left(key, event)
            case RefundSettled():
                self._came_back(key, event)
            case OrderPlaced():
                self._placed(key, event)
            case OrderPaid():
                claim = self.claims[key]
                claim.paid, claim.due = True, None
                if claim.state in {"short", "expired"}:
                    self._ask(key, claim)
            case OrderClosed():
                self._closed(key)
            case _:
                raise AssertionError(event)
        return True

    def _placed(self, key: str, event: OrderPlaced) -> None:
        if key in self.claims:
            return
        wants = merged((line.sku, line.quantity) for line in event.lines)
        total = sum(pieces for _, pieces in wants)
        choice = self._sourcing.choice(event.channel, event.province, total)
        self.claims[key] = claim = Claim(
            wants,
            choice.warehouses,
            choice.parcels_max,
            names=event.reservation_id or "",
            channel=event.channel,
        )
        self._ask(key, claim)

    def _closed(self, key: str) -> None:
        claim = self.claims.setdefault(key, Claim((), (), state="cancelled"))
        if claim.state == "held":
            assert self._next(key, StockReleased).reason == "cancelled"
            self._end(claim, "cancelled")
        elif claim.state != "shipped":
            claim.state = "cancelled"

    def _allocated(self, key: str, command: AllocateBackorder) -> bool:
        claim = self.claims[key]
        if claim.state != "short" or not claim.paid or claim.asked != command.generation:
            return False
        if self._told.get(key):
            self._ask(key, claim)
        else:
            assert not self._could_have(claim, whole=True), f"{key} goes on waiting"
            claim.asked += 1
        return True

    def _about_its_end(self, key: str, command: ExpireHold | ExtendHold, now: datetime) -> bool:
        claim = self.claims.get(key)
        if claim is None or claim.state != "held" or claim.paid:
            return False
        if isinstance(command, ExtendHold):
            by, for_s = command.extension_key, command.for_s or 0
            granted = self._extended(key, claim, by, for_s, now)
            return self._outcome(command.command_id) == "done" if granted is None else granted
        if claim.asked != command.generation:
            return False
        if len(claim.extended) != (command.extensions or 0):
            return False
        assert self._next(key, StockReleased).reason == "expired"
        self._end(claim, "expired")
        return True

    def _extended(self, key: str, claim: Claim, by: str, for_s: int, now: datetime) -> bool | None:
        """Whether it was granted; None where it is kept for longer already, or was extended often enough.

        How long and how often is the table's to say: never longer and more often than any of its rows.
        """
        assert claim.due is not None
        if by in claim.extended:
            return claim.extended[by] == for_s
        event = self._maybe(key, StockHoldExtended, ReservationExtended)
        if event is not None:
            assert now < claim.due < event.expires_at <= now + timedelta(minutes=10), (
                f"{key} {event}"
            )
            claim.extended[by] = for_s
            assert event.extensions == len(claim.extended) <= 3, f"{key} is extended again"
            claim.due = event.expires_at
            return True
        if now >= claim.due:
            return False
        least = now + timedelta(seconds=min(for_s or 300, 300))
        assert claim.extended or least <= claim.due, f"{key} was kept no longer at all"
        return None

    def _left(self, key: str, event: ParcelShipped) -> bool:
        claim = self.claims[key]
        place = (event.warehouse, merged((line.sku, line.quantity) for line in event.lines))
        if claim.state != "held" or place not in claim.places:
            return False
        assert self._next(key, StockDeducted).warehouse == event.warehouse
        self._deduct(key, claim, event.parcel_id, (place,))
        return True

    def _came_back(self, key: str, event: RefundSettled) -> None:
        claim = self.claims[key]
        goods = merged((line.sku, line.quantity) for line in event.restock)
        assert goods == claim.shipped, "the machine sends back what it has"
        for warehouse, back in claim.gone:
            assert self._next(key, StockReturned).warehouse == warehouse
            self.book.receive(
                Receive(
                    *(warehouse, back, "return", event.refund_id),
                    channel=claim.channel,
                    campaigns=claim.campaigns,
                )
            )
        claim.gone = ()

    def _received(self, command: ReceiveStock) -> bool:
        goods = merged((line.sku, line.quantity) for line in command.lines)
        short = any(
            self.book.available((command.warehouse, sku)) + pieces < 0 for sku, pieces in goods
        )
        if command.document_no in self.documents or short:
            return False
        self.documents.add(command.document_no)
        self.campaigns.rows.update((command.warehouse, sku) for sku, _ in goods)
        self.book.receive(Receive(command.warehouse, goods, command.cause, command.document_no))
        moved = self._next(command.document_no, StockMoved)
        assert [(line.sku, line.quantity, line.balance_after) for line in moved.lines] == [
            (sku, pieces, self.book.rows[command.warehouse, sku][0]) for sku, pieces in goods
        ]
        return True

    def _campaign(self, key: str, event: Any, now: datetime) -> bool:
        held = [(claim.channel, claim.places) for claim in self.claims.values()]
        before = self.campaigns.states.get(key)
        state = self.campaigns.take(self.book, event, now, held, self._quotas)
        # What changes nothing tells nothing: the next that was told is a later command's.
        if state and state != before:
            assert self._next(key, CampaignChanged).state == state
        return bool(state)

    def _reservation(self, key: str, command: Any, now: datetime) -> None:
        claim = self.claims.get(key)
        if isinstance(command, ReserveGoods):
            if claim is None:
                self._reserved(key, command, now)
            return
        if claim is None or claim.state != "held":
            return
        over = claim.due is not None and now >= claim.due
        match command:
            case ExtendReservation():
                if not claim.paid:
                    self._extended(key, claim, command.key, command.for_s, now)
            case ReleaseReservation():
                assert self._next(key, ReservationEnded).reason == "released"
                self._end(claim, "cancelled")
            case ExpireReservation() if over:
                assert self._next(key, ReservationEnded).reason == "expired"
                self._end(claim, "expired")
            case ConfirmReservation() if not over and (command.handed_over or not claim.paid):
                event = self._next(key, ReservationConfirmed)
                assert event.handed_over == command.handed_over
                claim.paid, claim.due = True, None
                if command.handed_over:
                    self._deduct(key, claim, key, claim.places)

    def _reserved(self, key: str, command: ReserveGoods, now: datetime) -> None:
        wants = merged((line.sku, line.quantity) for line in command.lines)
        total = sum(pieces for _, pieces in wants)
        named = (command.warehouse,) if command.warehouse else None
        candidates = named or self._sourcing.choice("", command.province, total).warehouses
        self.claims[key] = claim = Claim(
            wants, candidates, partial=command.partial, channel=command.channel
        )
        self._ask(key, claim, now + timedelta(seconds=command.hold_s))

    def _ask(self, key: str, claim: Claim, due: datetime | None = None) -> None:
        claim.asked += 1
        own = self._own(claim)
        event = self._next(key, StockReserved, StockShort, ReservationMade, ReservationShort)
        if isinstance(event, StockShort | ReservationShort):
            assert not self._could_have(claim, whole=not claim.partial, own=own), f"{key} is short"
            claim.state, claim.places = "short", ()
            return
        claim.places = places_of(event)
        if claim.held != claim.wants:
            assert claim.partial, f"{key} has {claim.held}"
            assert not self._could_have(claim, whole=True), f"{key} is told only {claim.held}"
        assert len(claim.places) <= (1 if own else claim.parcels_max), f"{key} in {claim.places}"
        if len(claim.places) > 1:
            assert not self._could_have(claim, whole=True, parcels_max=1), f"{key} is split"
        if isinstance(event, StockReserved):
            assert event.reservation_id == (claim.names if own else None), f"{key} is held apart"
            due = event.expires_at
        whence = claim.candidates
        if own:
            whence = (*whence, own.places[0][0])
            ended = self._next(claim.names, ReservationEnded)
            assert (ended.reason, ended.order_id) == ("adopted", key)
            self._take_over(own, claim)
        drawn = self.book.campaigns(claim.channel, claim.places)
        if not own:
            claim.campaigns = drawn
        for warehouse, goods in claim.places:
            assert warehouse in whence, f"{key} from {warehouse}"
            if not own:
                self.book.reserve(warehouse, goods, claim.channel)
        claim.state = "held"
        claim.due = None if claim.paid else due

    def _take_over(self, own: Claim, claim: Claim) -> None:
        """The reservation's goods are the order's, or for sale; what it lacks is held in addition."""
        ((home, had),) = own.places
        ((warehouse, wants),) = claim.places
        gone, more = apart(had, wants) if warehouse == home else (had, wants)
        claim.campaigns = self.book.campaigns(claim.channel, claim.places)
        self.book.release(home, gone, own.channel, own.campaigns)
        self.book.reserve(warehouse, more, claim.channel)
        whose = (claim.channel, own.channel, claim.campaigns, own.campaigns)
        self.book.recount(Recount(home, taken_from(had, gone) or (), *whose))
        own.state, own.places, own.due = "adopted", (), None

    def _own(self, claim: Claim) -> Claim | None:
        """The reservation that it has to take over: one whose goods are held still."""
        reservation = self.claims.get(claim.names)
        if reservation is None or reservation.state != "held":
            return None
        return reservation if reservation.channel in {"", claim.channel} else None

    def _could_have(
        self, claim: Claim, *, whole: bool, parcels_max: int = 0, own: Claim | None = None
    ) -> bool:
        """Whether it could have been served even after everybody else in the batch.

        What it takes over is its own in any case; who takes over is sent one parcel.
        """
        wants = dict(claim.wants)
        (home, had), *_ = own.places if own else (("", ()),)
        has_already = dict(had)

        def left(row: Row) -> int:
            mine = has_already.get(row[1], 0) if row[0] == home else 0
            others = self._before[claim.channel][row] - (self._contested[row[1]] - wants[row[1]])
            return mine + max(0, others) if mine else others

        candidates = (home, *claim.candidates) if own else claim.candidates
        if whole:
            parcels_max = 1 if own else parcels_max or claim.parcels_max
            return bool(places_for(left, candidates, claim.wants, parcels_max))
        return any(left((warehouse, sku)) > 0 for warehouse in candidates for sku in wants)

    def _end(self, claim: Claim, state: HoldState) -> None:
        for warehouse, goods in claim.places:
            self.book.release(warehouse, goods, claim.channel, claim.campaigns)
        claim.state, claim.places, claim.due = state, (), None

    def _deduct(self, key: str, claim: Claim, document_no: str, leaving: Places) -> None:
        for warehouse, goods in leaving:
            self.book.deduct(
                Deduct(
                    *(warehouse, goods, document_no, key),
                    channel=claim.channel,
                    campaigns=claim.campaigns,
                )
            )
        claim.places = tuple(place for place in claim.places if place not in leaving)
        claim.gone = (*claim.gone, *leaving)
        if not claim.places:
            claim.state, claim.due = "shipped", None

    def _outcome(self, command_id: str) -> str:
        """What the command is about to be told."""
        settled = self._told[command_id][0]
        assert isinstance(settled, CommandSettled)
        return settled.outcome

    def _maybe(self, key: str, *kinds: type[Struct]) -> Any:
        """What was emitted next about this key, where it is one of these."""
        waiting = self._told.get(key)
        return waiting.popleft() if waiting and isinstance(waiting[0], kinds) else None

    def _next(self, key: str, *kinds: type[Struct]) -> Any:
        """What was emitted next about this key."""
        waiting = self._told.get(key)
        assert waiting, f"nothing was emitted about {key}"
        event = waiting.popleft()
        assert isinstance(event, kinds), f"{event} instead of {kinds}"
        return event
