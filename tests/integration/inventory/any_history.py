"""Any history of orders, tills and faults, step by step, on real Postgres and Valkey: the state machine.

After each step Postgres must say what the pure model says (tests/integration/inventory/claims.py), after quiet
Valkey too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any, cast

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chassis.postgres import Pool, migrate, open_pool
from schemas.events.commands_inventory import (
    BeginCampaign,
    CampaignLine,
    CloseCampaign,
    OpenCampaign,
    ReceiptLine,
    ReceiveStock,
)
from services.inventory.app import NAME
from services.inventory.domain.model import Goods, Line, merged
from services.inventory.domain.reservations import (
    ConfirmReservation,
    ExtendReservation,
    ReleaseReservation,
    ReserveGoods,
)
from services.inventory.store import MIGRATIONS
from services.inventory.written import reservation_id
from tests.integration.inventory.claim import Claim
from tests.integration.inventory.clerk import AFTER_COMMIT, BEFORE_COMMIT, REBUILDING
from tests.integration.inventory.street import (
    ALL_IN_GROUPS,
    HALF_AND_A_THIRD,
    SKUS,
    WAREHOUSES,
    Street,
)
from tests.support.rigs import CHASSIS_MIGRATIONS
from tests.unit.inventory.events import (
    NOW,
    cancelled,
    extended,
    paid,
    placed,
    refunded,
    shipped,
)

PROVINCES = ("浙江省", "广东省", "湖北省")

numbers = st.integers(0, 40)
clerks = st.integers(0, 1)
keys = st.integers(0, 3)
times = st.sampled_from((0, 90, 86_400))
goods = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 3)), min_size=1, max_size=2).map(
    merged
)
channels = st.sampled_from(("taobao", "taobao", "jd", "pos", "groupbuy"))
points = st.one_of(st.just(""), st.sampled_from(("", *BEFORE_COMMIT, *AFTER_COMMIT)))
deaths_after = st.sampled_from(("", "", *AFTER_COMMIT))
wishes = st.fixed_dictionaries(
    {
        "goods": goods,
        "warehouse": st.sampled_from(("", "", *WAREHOUSES)),
        "channel": st.sampled_from(("", "", "pos")),
        "partial": st.booleans(),
        "hold_s": st.sampled_from((60, 600)),
    }
)
HOUR = timedelta(hours=1)
Wish = dict[str, Any]
Restart = Callable[[], None]


class AnyHistory(RuleBasedStateMachine):
    """One street, and everything that may happen in it."""

    def __init__(self, street: Street, runner: asyncio.Runner, restart: Restart | None) -> None:
        super().__init__()
        self.street = street
        self.run = runner.run
        self.restart = restart
        self.orders: list[str] = []
        self.tills: list[ReserveGoods] = []
        self.documents = 0
        self.campaigns = 0

    def teardown(self) -> None:
        try:
            self.run(self.street.quiet())
        finally:
            self.run(self.street.close())

    @initialize()
    def opened(self) -> None:
        self.run(self.street.open())

    # ---- what buyers, sellers and warehouses do, as it comes onto the topics --------------------

    @rule(goods=goods, province=st.sampled_from(PROVINCES), channel=channels)
    def order(self, goods: Goods, province: str, channel: str = "taobao") -> None:
        self.orders.append(f"o{len(self.orders)}")
        self.street.publish(placed(self.orders[-1], goods, province=province, channel=channel))

    @rule(pieces=st.integers(1, 2), channel=channels)
    def order_what_is_shared_out(self, pieces: int, channel: str) -> None:
        self.order(goods=(("B|2", pieces),), province="浙江省", channel=channel)

    @precondition(lambda self: self.tills)
    @rule(
        number=numbers,
        goods=goods,
        same=st.booleans(),
        province=st.sampled_from(PROVINCES),
        channel=channels,
    )
    def order_what_a_till_holds(
        self, number: int, goods: Goods, same: bool, province: str, channel: str = "taobao"
    ) -> None:
        """All of it or something else; also what has ended, or went to another order."""
        till = self.tills[number % len(self.tills)]
        wanted = merged((line.sku, line.quantity) for line in till.lines) if same else goods
        self.orders.append(f"o{len(self.orders)}")
        self.street.publish(
            placed(
                self.orders[-1],
                wanted,
                province=province,
                channel=channel,
                reservation_id=till.reservation_id,
            )
        )

    @rule(pieces=st.integers(1, 3), province=st.sampled_from(PROVINCES))
    def order_what_lies_apart(self, pieces: int, province: str) -> None:
        """No warehouse has both, while none is sent one."""
        self.order(goods=(("A", pieces), ("丙{3}", 1)), province=province)

    @precondition(lambda self: self.orders)
    @rule(number=numbers)
    def pay(self, number: int) -> None:
        self.street.publish(paid(self._order(number)))

    @precondition(lambda self: self.orders)
    @rule(number=numbers, key=keys, for_s=times)
    def say_it_is_being_paid(self, number: int, key: int, for_s: int) -> None:
        """Also of an order whose time is over, and under a key that was used for something else."""
        self.documents += 1
        event = extended(
            self._order(number), f"pay-{key}", for_s=for_s, command_id=f"c{self.documents}"
        )
        self.street.publish(event)

    @rule(number=numbers)
    def cancel(self, number: int) -> None:
        """Also of an order that is still to come."""
        order_id = f"o{number % (len(self.orders) + 1)}"
        self.street.publish(cancelled(order_id))

    @precondition(lambda self: self._claims("held"))
    @rule(number=numbers)
    def ship(self, number: int) -> None:
        """One parcel of an order; of one that is split another may follow, or not."""
        held = self._claims("held")
        order_id, claim = held[number % len(held)]
        warehouse, goods = claim.places[number % len(claim.places)]
        version = self.street.claims.next_parcel(order_id)
        self.street.publish(shipped(order_id, warehouse, goods, version=version))

    @precondition(lambda self: self._claims("shipped"))
    @rule(number=numbers)
    def give_back(self, number: int) -> None:
        gone = self._claims("shipped")
        order_id, claim = gone[number % len(gone)]
        if claim.shipped:
            self.street.publish(refunded(order_id, claim.shipped))

    @rule(
        warehouse=st.sampled_from(WAREHOUSES), sku=st.sampled_from(SKUS), pieces=st.integers(-3, 3)
    )
    def receive(self, warehouse: str, sku: str, pieces: int) -> None:
        self.documents += 1
        self.street.publish(
            ReceiveStock(
                document_no=f"d{self.documents}",
                command_id=f"receive-d{self.documents}",
                issued_at=NOW,
                actor="test",
                warehouse=warehouse,
                lines=(ReceiptLine(sku=sku, quantity=pieces or 1),),
                cause="receipt" if pieces >= 0 else "adjustment",
            )
        )

    @rule(
        row=st.sampled_from((("HZ", "B|2"), ("HZ", "B|2"), ("HZ", "A"), ("GZ", "A"))),
        pieces=st.integers(1, 4),
        named=st.sampled_from((("taobao",), ("jd", "taobao"), ("pos",), ("jd", "pos"))),
        running=st.booleans(),
        exclusive=st.booleans(),
    )
    def a_campaign_opens(
        self,
        row: tuple[str, str],
        pieces: int,
        named: tuple[str, ...],
        *,
        running: bool,
        exclusive: bool = False,
    ) -> None:
        """Of what is free or not, and may be kept for others; at once, or set aside for later."""
        self.campaigns += 1
        begins_at = NOW - HOUR if running else NOW + 10_000 * HOUR
        self.street.publish(
            OpenCampaign(
                document_no=f"c{self.campaigns}",
                command_id=f"open-c{self.campaigns}",
                issued_at=NOW,
                actor="test",
                name="双11",
                channels=named,
                begins_at=begins_at,
                ends_at=NOW + 20_000 * HOUR,
                exclusive=exclusive,
                partial=False,
                lines=(CampaignLine(warehouse=row[0], sku=row[1], quantity=pieces),),
                reason="",
            )
        )

    @precondition(lambda self: self.campaigns)
    @rule(number=numbers)
    def a_campaign_begins(self, number: int) -> None:
        self.documents += 1
        self.street.publish(
            BeginCampaign(
                document_no=f"c{number % self.campaigns + 1}",
                command_id=f"begin-{self.documents}",
                issued_at=NOW,
                actor="timer",
            )
        )

    @precondition(lambda self: self.campaigns)
    @rule(number=numbers)
    def a_campaign_ends(self, number: int) -> None:
        self.documents += 1
        self.street.publish(
            CloseCampaign(
                document_no=f"c{number % self.campaigns + 1}",
                command_id=f"end-{self.documents}",
                issued_at=NOW,
                actor="test",
                reason="over",
            )
        )

    @rule(clerk=clerks)
    def hear_of_campaigns(self, clerk: int) -> None:
        """As its timer does each second, or not."""
        self.run(self.street.hear(clerk))

    @rule(number=numbers)
    def come_again(self, number: int) -> None:
        """Whatever was published may come twice, at any time."""
        self.street.publish(self.street.published[number % len(self.street.published)])

    # ---- batches, and deaths in them ------------------------------------------------------------

    @rule(clerk=clerks, point=points)
    def work(self, clerk: int, point: str) -> None:
        self.run(self.street.work(clerk, point))

    @rule(clerk=clerks, wanted=st.lists(wishes, min_size=1, max_size=3), point=points)
    def reserve(self, clerk: int, wanted: list[Wish], point: str) -> None:
        self.run(self.street.serve(clerk, self._questions(wanted), point))

    @rule(clerk=clerks, wanted=st.lists(wishes, min_size=1, max_size=3), point=deaths_after)
    def reserve_overtaken(self, clerk: int, wanted: list[Wish], point: str) -> None:
        self.run(self.street.overtaken(clerk, self._questions(wanted), point))

    @precondition(lambda self: self.tills)
    @rule(clerk=clerks, number=numbers, point=points)
    def ask_again(self, clerk: int, number: int, point: str) -> None:
        question = self.tills[number % len(self.tills)]
        self.run(self.street.serve(clerk, [question], point))

    @precondition(lambda self: self.tills)
    @rule(clerk=clerks, number=numbers, handed_over=st.booleans(), point=points)
    def confirm(self, clerk: int, number: int, handed_over: bool, point: str) -> None:
        key = self.tills[number % len(self.tills)].reservation_id
        question = ConfirmReservation(reservation_id=key, handed_over=handed_over)
        self.run(self.street.serve(clerk, [question], point))

    @precondition(lambda self: self.tills)
    @rule(clerk=clerks, number=numbers, key=keys, for_s=times, point=points)
    def extend(self, clerk: int, number: int, key: int, for_s: int, point: str) -> None:
        reservation = self.tills[number % len(self.tills)].reservation_id
        question = ExtendReservation(reservation_id=reservation, key=f"pay-{key}", for_s=for_s)
        self.run(self.street.serve(clerk, [question], point))

    @precondition(lambda self: self.tills)
    @rule(clerk=clerks, number=numbers, point=points)
    def release(self, clerk: int, number: int, point: str) -> None:
        key = self.tills[number % len(self.tills)].reservation_id
        self.run(self.street.serve(clerk, [ReleaseReservation(reservation_id=key)], point))

    # ---- time and faults --------------------------------------------------------------------------

    @rule(clerk=clerks, minutes=st.sampled_from((1, 6, 10, 31)))
    def time_passes(self, clerk: int, minutes: int) -> None:
        self.street.clock.advance(minutes * 60_000)
        self.run(self.street.expire(clerk))

    @rule()
    def goods_are_shared_out(self) -> None:
        self.run(self.street.allocate())

    @rule(minutes=st.sampled_from((1, 6, 10, 31)))
    def time_passes_and_no_timer_looks(self, minutes: int) -> None:
        self.street.clock.advance(minutes * 60_000)

    @rule(clerk=clerks, point=st.sampled_from(("", *REBUILDING)))
    def look_after_the_epoch(self, clerk: int, point: str) -> None:
        self.run(self.street.look(clerk, point))

    @rule(clerk=clerks)
    def sweep(self, clerk: int) -> None:
        self.run(self.street.clerks[clerk].sweep())

    @rule(clerk=clerks)
    def hold_news_back(self, clerk: int) -> None:
        self.street.clerks[clerk].hold_back()

    @rule(clerk=clerks)
    def let_news_go(self, clerk: int) -> None:
        self.run(self.street.clerks[clerk].let_go())

    @rule(clerk=clerks, acts=st.booleans())
    def valkey_will_not_answer(self, clerk: int, acts: bool) -> None:
        """The next question of a clerk, which it may act on all the same."""
        self.street.clerks[clerk].counters.silent = "after acting" if acts else "at once"

    @rule()
    def valkey_is_emptied(self) -> None:
        self.run(self.street.flush())

    @precondition(lambda self: self.restart)
    @rule()
    def valkey_dies_and_comes_back(self) -> None:
        """With what had reached its disk."""
        assert self.restart is not None
        self.restart()

    @rule()
    def valkey_forgets_its_scripts(self) -> None:
        self.run(self.street.forget_scripts())

    @rule()
    def the_epoch_ends(self) -> None:
        self.run(self.street.void_epoch())

    @rule(in_groups=st.booleans())
    def the_quotas_change(self, in_groups: bool) -> None:
        self.run(self.street.share_out(ALL_IN_GROUPS if in_groups else HALF_AND_A_THIRD))

    @rule()
    def the_shares_are_counted_anew(self) -> None:
        self.run(self.street.count_anew())

    @rule()
    def quiet(self) -> None:
        self.run(self.street.quiet())

    # ------------------------------------------------------------------------------------------------

    def _order(self, number: int) -> str:
        return self.orders[number % len(self.orders)]

    def _claims(self, state: str) -> list[tuple[str, Claim]]:
        """Orders in a state."""
        return [
            (key, claim)
            for key, claim in self.street.claims.claims.items()
            if claim.state == state and key.startswith("o")
        ]

    def _questions(self, wanted: list[Wish]) -> list[ReserveGoods]:
        asked = []
        for wish in wanted:
            number = len(self.tills)
            lines = tuple(Line(at, *good) for at, good in enumerate(wish["goods"], start=1))
            asked.append(
                ReserveGoods(
                    reservation_id=reservation_id(f"till-{number}"),
                    digest=f"{number}",
                    reference=f"till-{number}",
                    warehouse=wish["warehouse"],
                    channel=wish.get("channel", ""),
                    province="浙江省",
                    lines=lines,
                    partial=wish["partial"],
                    hold_s=wish["hold_s"],
                )
            )
            self.tills.append(asked[-1])
        return asked


def play(
    url: str,
    valkey_url: str,
    *,
    examples: int,
    steps: int,
    shrink: bool = True,
    restart: Restart | None = None,
) -> None:
    """So many histories of at most so many steps; the first that goes wrong is shrunk and printed.

    `restart` kills the Valkey and starts it again, where it is the test's own.
    """
    with asyncio.Runner() as runner, _pool(runner.run, url) as pool:
        street = partial(Street, pool, valkey_url, "any-history")

        def history() -> AnyHistory:
            return AnyHistory(street(), runner, restart)

        run_state_machine_as_test(
            cast("Any", history),  # any maker of machines will do
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
                report_multiple_bugs=False,
                # Explaining traces every line, which takes longer than all the rest.
                phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
            ),
        )


def played(
    runner: asyncio.Runner, url: str, valkey_url: str, history: Callable[[AnyHistory], None]
) -> None:
    """One history, then quiet. Raises AssertionError where it goes wrong."""
    with _pool(runner.run, url) as pool:
        machine = AnyHistory(Street(pool, valkey_url, "any-history"), runner, None)
        try:
            machine.opened()
            history(machine)
        finally:
            machine.teardown()


@contextmanager
def _pool(run: Callable[[Coroutine[Any, Any, Any]], Any], url: str) -> Any:
    run(migrate(url, {"chassis": CHASSIS_MIGRATIONS, NAME: MIGRATIONS}))
    pool: Pool = run(open_pool(url, 6))
    try:
        yield pool
    finally:
        run(pool.close())
