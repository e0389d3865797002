"""Everything outside the merchant, put together around one clock.

Guarantees: what happens at a marketplace is pushed, what the carrier delivers ends orders, and what is
paid back is checked against what the marketplace took — in one process, without a network of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from simulators.carriers.cainiao import Cainiao
from simulators.carriers.tracking import Tracking
from simulators.clock import Clock
from simulators.desk import Desk
from simulators.doors import Tally
from simulators.faults import FaultPlan, odds_of
from simulators.marketplaces import Marketplace, PushForm
from simulators.orders import Change, Shop
from simulators.payments.alipay import Alipay, Keys
from simulators.pushes import Posting, Push, PushQueue
from simulators.registry import MARKETPLACES, SHOPS
from simulators.settings import Mix, Settings
from simulators.world import World

CATCH_UP_MAX = 2_000


class TrafficOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much traffic is wanted: a rate for some seconds, or until `count`, or until stopped."""

    rate_per_s: float
    seconds: float | None = None
    count: int | None = None
    mix: Mix | None = None


class Traffic:
    """Places orders at a rate; the n-th order is the n-th of the seed whenever it is placed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wanted: TrafficOrder | None = None
        self._started_at_ms = 0
        self.placed = 0

    @property
    def running(self) -> bool:
        """Whether orders are still to be placed."""
        return self._wanted is not None

    def start(self, wanted: TrafficOrder) -> None:
        """Begin; traffic that was running is replaced."""
        self._wanted = wanted
        self._started_at_ms = self._world.clock()
        self.placed = 0

    def stop(self) -> None:
        """Place no more orders; what was placed lives on."""
        self._wanted = None

    def advance(self) -> int:
        """Place what the rate owes by now, at most `CATCH_UP_MAX` at once; return how many."""
        wanted = self._wanted
        if wanted is None:
            return 0
        passed_s = (self._world.clock() - self._started_at_ms) / 1_000
        over = wanted.seconds is not None and passed_s >= wanted.seconds
        owed = int((wanted.seconds if over and wanted.seconds else passed_s) * wanted.rate_per_s)
        if wanted.count is not None:
            owed = min(owed, wanted.count)
        now = min(owed - self.placed, CATCH_UP_MAX)
        for _ in range(now):
            self._world.place(mix=wanted.mix)
        self.placed += now
        if self.placed >= owed and (over or self.placed == wanted.count):
            self._wanted = None
        return now


class NobodyPushes(ValueError):
    """A URL was given for a shop which does not exist or whose platform does not push."""


class Simulation:
    """The outside world of one merchant."""

    def __init__(self, settings: Settings, clock: Clock, keys: Keys | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.keys = keys or Keys()
        self.plan = FaultPlan(settings.seed, odds_of(settings), clock)
        self.tally = Tally()
        self.world = World(settings, clock, MARKETPLACES)
        self.traffic = Traffic(self.world)
        self.servers = {name: one.server(self._desk(one)) for name, one in MARKETPLACES.items()}
        self.pushes = {
            shop.shop: self._queue(shop, form)
            for shop in SHOPS
            if (form := MARKETPLACES[shop.channel].push) is not None
        }
        self._push_no = 0
        self.subscribe(settings.push_urls)
        self.tracking = Tracking(
            settings=settings, plan=self.plan, clock=clock, on_delivered=self._confirm_later
        )
        self.cainiao = Cainiao(
            settings=settings, plan=self.plan, tally=self.tally, tracking=self.tracking
        )
        self.alipay = Alipay(world=self.world, plan=self.plan, tally=self.tally, keys=self.keys)
        self._confirmations: list[tuple[int, str]] = []
        self.world.records.listeners.append(self._push)
        if settings.handover_on_write_back:
            self.world.records.listeners.append(self._hand_over)

    def advance(self) -> None:
        """Do everything that fell due; cheap when nothing did."""
        self.traffic.advance()
        self.world.advance()
        self.tracking.advance()
        self.alipay.settle_due()
        now_ms = self.clock()
        while self._confirmations and self._confirmations[0][0] <= now_ms:
            _, waybill = self._confirmations.pop(0)
            self.world.deliver(waybill)

    def pending(self) -> dict[str, int]:
        """What is still to come by itself: orders, steps of buyers and clerks, late money, and pushes to whoever listens."""
        queues = (*self.pushes.values(), self.tracking.queue)
        return {
            "traffic": int(self.traffic.running),
            "steps": self.world.steps_planned,
            "refunds": self.alipay.late,
            "pushes": sum(len(queue) for queue in queues if queue.url),
        }

    def subscribe(self, urls: Mapping[str, str]) -> None:
        """Send the pushes of shops to these URLs from now on ("" = nowhere); NobodyPushes."""
        for shop in urls:
            if shop not in self.pushes:
                message = f"no shop {shop!r} pushes; those that do: {', '.join(self.pushes)}"
                raise NobodyPushes(message)
        for name, url in urls.items():
            self.pushes[name].subscribe(url, self._ping(name))

    def _ping(self, name: str) -> Push | None:
        shop = next(shop for shop in SHOPS if shop.shop == name)
        form = MARKETPLACES[shop.channel].push
        if form is None or form.ping is None:
            return None
        return Push(group=name, content=form.ping(shop))

    def _desk(self, marketplace: Marketplace) -> Desk:
        return Desk(marketplace, world=self.world, plan=self.plan, tally=self.tally)

    def _queue(self, shop: Shop, form: PushForm) -> PushQueue:
        def encode(_group: str, messages: Sequence[Any]) -> Posting:
            return form.encode(shop, messages, self.clock())

        greeting = form.greeting
        return PushQueue(
            f"{shop.shop}:push",
            encode=encode,
            accepted=form.accepted,
            batch_max=form.batch_max or self.settings.push_batch,
            plan=self.plan,
            clock=self.clock,
            greeting=greeting and (lambda: greeting(shop, self.clock())),
            patience=form.patience,
            platform=shop.channel,
        )

    def _push(self, change: Change) -> None:
        queue, form = self.pushes.get(change.order.shop), MARKETPLACES[change.order.channel].push
        if queue is None or form is None:
            return
        self._push_no += 1
        shop = next(shop for shop in SHOPS if shop.shop == change.order.shop)
        message = form.message(change, shop, self._push_no)
        if message is not None:
            queue.add(shop.shop, message)

    def _confirm_later(self, waybill: str) -> None:
        # The pause is the same for all, so the list stays sorted.
        due_ms = self.clock() + int(self.settings.confirm_after_s * 1_000)
        self._confirmations.append((due_ms, waybill))

    def _hand_over(self, change: Change) -> None:
        if change.kind == "shipped":
            self.cainiao.hand_over(change.order.shipments[-1].waybill)
