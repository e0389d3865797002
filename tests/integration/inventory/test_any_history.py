"""Any history in which processes die between any two steps: Postgres is as the pure model says, then Valkey too."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.postgres import Connection
from services.inventory import adopting, handlers, shares, store, targets
from services.inventory.counters import ValkeyCounters
from services.inventory.domain import parts
from services.inventory.domain.model import Hold
from services.inventory.domain.quotas import Shares
from services.inventory.domain.reservations import ReleaseReservation
from services.inventory.locked import LockedRows
from services.inventory.reserving import DIRECT_HANDLERS
from services.inventory.store import SQL, EpochInForce
from tests.faults.inventory_process import repeating
from tests.integration.inventory.any_history import AnyHistory, Wish, play, played

ONE_PIECE: list[Wish] = [{"goods": (("A", 1),), "warehouse": "HZ", "partial": False, "hold_s": 600}]


def test_any_history_leaves_what_the_model_says(database_url: str, valkey_url: str) -> None:
    play(database_url, valkey_url, examples=8, steps=25)


def overtaken_by_who_holds_news_back(history: AnyHistory) -> None:
    history.order_what_is_shared_out(pieces=1, channel="taobao")
    history.hold_news_back(clerk=0)
    history.reserve_overtaken(clerk=1, wanted=ONE_PIECE, point="stock.before_telling")


def begun_twice_and_ended_in_one_batch(history: AnyHistory) -> None:
    history.a_campaign_opens(row=("HZ", "B|2"), pieces=1, named=("taobao",), running=True)
    history.a_campaign_begins(number=0)
    history.a_campaign_ends(number=0)


@pytest.mark.parametrize(
    "history", [overtaken_by_who_holds_news_back, begun_twice_and_ended_in_one_batch]
)
def test_what_once_went_wrong_goes_right(
    database_url: str, valkey_url: str, history: Callable[[AnyHistory], None]
) -> None:
    with asyncio.Runner() as runner:
        played(runner, database_url, valkey_url, history)


def released_twice(history: AnyHistory) -> None:
    history.reserve(clerk=0, wanted=ONE_PIECE * 2, point="")
    history.release(clerk=0, number=0, point="batch.after_commit")
    history.release(clerk=1, number=0, point="")


def swept_while_under_way(history: AnyHistory) -> None:
    history.reserve_overtaken(clerk=1, wanted=ONE_PIECE, point="batch.after_commit")


def told_late_of_what_was_let_go(history: AnyHistory) -> None:
    history.hold_news_back(clerk=0)
    history.reserve(clerk=0, wanted=ONE_PIECE, point="")
    history.release(clerk=1, number=0, point="stock.before_telling")
    history.let_news_go(clerk=0)


def told_late_of_an_order_that_expired(history: AnyHistory) -> None:
    history.hold_news_back(clerk=1)
    history.order(goods=(("A", 1),), province="浙江省")
    history.work(clerk=1, point="")
    history.time_passes(clerk=0, minutes=31)
    history.work(clerk=0, point="")
    history.let_news_go(clerk=1)


def missed_a_rebuild(history: AnyHistory) -> None:
    history.reserve(clerk=1, wanted=ONE_PIECE, point="")
    history.valkey_is_emptied()
    history.look_after_the_epoch(clerk=0, point="")
    history.valkey_will_not_answer(clerk=1, acts=False)
    history.reserve(clerk=1, wanted=ONE_PIECE, point="")


def taken_over(history: AnyHistory) -> None:
    history.reserve(clerk=0, wanted=ONE_PIECE, point="")
    history.order_what_a_till_holds(number=0, goods=(), same=True, province="浙江省")
    history.work(clerk=1, point="")


def kept_by_the_till(plant: pytest.MonkeyPatch) -> None:
    """The till has what the order has taken over."""
    plant.setattr(adopting, "adopted", lambda reservation, _order_id: reservation)


def let_go_in_the_same_generation(plant: pytest.MonkeyPatch) -> None:
    """News that an order is held are as good as those that it is not any more."""

    def let_go(hold: Hold) -> Hold:
        return replace(parts.let_go(hold), generation=hold.generation)

    plant.setattr(handlers, "let_go", let_go)


def held_apart(plant: pytest.MonkeyPatch) -> None:
    """The order has it held a second time."""
    plant.setattr(store, "take_over", lambda *_foreseen: None)


def split_whose_news_were_lost(history: AnyHistory) -> None:
    history.order(goods=(("A", 1), ("丙{3}", 1)), province="浙江省")
    history.pay(number=0)
    history.work(clerk=0, point="stock.before_telling")
    history.ship(number=0)
    history.work(clerk=1, point="")


def document_repeated_and_its_news_lost(history: AnyHistory) -> None:
    history.come_again(number=0)
    history.hold_news_back(clerk=0)
    history.work(clerk=0, point="")
    history.valkey_will_not_answer(clerk=0, acts=False)


def left_with_a_parcel(history: AnyHistory) -> None:
    history.order(goods=(("B|2", 1),), province="浙江省")
    history.pay(number=0)
    history.work(clerk=0, point="")
    history.ship(number=0)
    history.work(clerk=1, point="")


def counted_anew_with_goods_promised(history: AnyHistory) -> None:
    history.order_what_is_shared_out(pieces=2, channel="taobao")
    history.work(clerk=0, point="")
    history.the_shares_are_counted_anew()
    history.order_what_is_shared_out(pieces=1, channel="pos")
    history.work(clerk=1, point="")


def sold_by_a_campaign_and_cancelled(history: AnyHistory) -> None:
    history.a_campaign_opens(row=("HZ", "B|2"), pieces=3, named=("taobao",), running=True)
    history.work(clerk=0, point="")
    history.order_what_is_shared_out(pieces=2, channel="taobao")
    history.work(clerk=0, point="")
    history.cancel(number=0)
    history.work(clerk=1, point="")


def ended_with_goods_promised(history: AnyHistory) -> None:
    history.a_campaign_opens(row=("HZ", "A"), pieces=3, named=("jd", "taobao"), running=False)
    history.work(clerk=0, point="")
    history.a_campaign_begins(number=0)
    history.work(clerk=0, point="")
    history.order(goods=(("A", 2),), province="浙江省", channel="jd")
    history.work(clerk=1, point="batch.after_commit")
    history.a_campaign_ends(number=0)
    history.a_campaign_ends(number=0)
    history.work(clerk=0, point="")
    history.cancel(number=0)
    history.work(clerk=1, point="")


def decided_by_who_has_not_heard(history: AnyHistory) -> None:
    history.a_campaign_opens(row=("HZ", "A"), pieces=4, named=("pos",), running=True)
    history.work(clerk=0, point="")
    history.order(goods=(("A", 1),), province="浙江省", channel="taobao")
    history.work(clerk=1, point="")


def drawn_without_a_note(plant: pytest.MonkeyPatch) -> None:
    """A hold does not say on which campaigns it drew."""
    plant.setattr(LockedRows, "campaigns", lambda *_asked: ())


def never_given_back(plant: pytest.MonkeyPatch) -> None:
    """What a campaign has not sold stays with it."""
    queries: Any = shares.CAMPAIGNS
    plant.setitem(queries, "end_lines", queries["end_lines"] + " AND false")


def the_first_warehouse_or_none(plant: pytest.MonkeyPatch) -> None:
    """Who finds that what Valkey promised is set aside does not look elsewhere."""
    plant.setattr(shares, "allotted", lambda *_row: False)


def a_parcel_gives_its_quota_back(plant: pytest.MonkeyPatch) -> None:
    """What a channel has sent counts for it no more."""
    use = Shares.use

    def forgetful(
        self: Shares, channel: str, held: int, sent: int = 0, campaigns: Sequence[str] = ()
    ) -> None:
        use(self, channel, held, min(sent, 0), campaigns)

    plant.setattr(Shares, "use", forgetful)


def counted_without_what_is_held(plant: pytest.MonkeyPatch) -> None:
    """A count begins with nothing."""
    queries: Any = shares.SQL
    plant.setitem(queries, "begin", queries["begin"].replace("GROUP BY", "WHERE false GROUP BY"))


def release_repeated(plant: pytest.MonkeyPatch) -> None:
    """What was let go is let go again whenever somebody asks for it again."""
    direct: Any = DIRECT_HANDLERS
    decide = repeating(direct[ReleaseReservation], "released")
    plant.setitem(direct, ReleaseReservation, decide)


def never_under_way(plant: pytest.MonkeyPatch) -> None:
    """The sweeper does not wait for batches under way."""
    queries: Any = SQL
    plant.setitem(queries, "under_way", "SELECT $1::float8 < 0")


def all_notes_taken_for_own(plant: pytest.MonkeyPatch) -> None:
    """Who tells Valkey of a hold settles whatever note it has."""
    settle = ValkeyCounters.settle

    async def settle_all(self: ValkeyCounters, *told: Any, **named: Any) -> bool:
        return await settle(self, *told, **(named | {"noted_at": 0}))

    plant.setattr(ValkeyCounters, "settle", settle_all)


def only_the_known_epoch_ended(plant: pytest.MonkeyPatch) -> None:
    """Who goes without Valkey ends the epoch he knew, in force or not."""

    async def void(self: EpochInForce, connection: Connection) -> None:
        if self.known is not None:
            await connection.execute(
                "UPDATE inventory.epoch SET state = 'REBUILDING' WHERE epoch = $1 AND state = 'LIVE'",
                self.known.number,
            )
        self.known = None

    plant.setattr(EpochInForce, "void", void)


def what_left_forgotten(plant: pytest.MonkeyPatch) -> None:
    """Valkey is told of a hold what is still held, not what has left of it meanwhile."""
    plant.setattr(targets, "_gone", lambda _hold: ())


def every_booking_counted_again(plant: pytest.MonkeyPatch) -> None:
    """The sweeper counts what a noted document booked, also before the epoch began."""
    queries: Any = SQL
    before = queries["booked_arrivals"].replace("SELECT entry_id FROM inventory.epoch", "SELECT 0")
    plant.setitem(queries, "booked_arrivals", before)


@pytest.mark.parametrize(
    ("history", "bug"),
    [
        (released_twice, release_repeated),
        (swept_while_under_way, never_under_way),
        (told_late_of_what_was_let_go, all_notes_taken_for_own),
        (told_late_of_an_order_that_expired, let_go_in_the_same_generation),
        (missed_a_rebuild, only_the_known_epoch_ended),
        (taken_over, kept_by_the_till),
        (taken_over, held_apart),
        (split_whose_news_were_lost, what_left_forgotten),
        (document_repeated_and_its_news_lost, every_booking_counted_again),
        (left_with_a_parcel, a_parcel_gives_its_quota_back),
        (counted_anew_with_goods_promised, counted_without_what_is_held),
        (sold_by_a_campaign_and_cancelled, drawn_without_a_note),
        (ended_with_goods_promised, never_given_back),
        (decided_by_who_has_not_heard, the_first_warehouse_or_none),
    ],
)
def test_a_history_of_its_own_finds_each_planted_bug(
    database_url: str,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
    history: Callable[[AnyHistory], None],
    bug: Callable[[pytest.MonkeyPatch], None],
) -> None:
    with asyncio.Runner() as runner:
        played(runner, database_url, valkey_url, history)
        bug(monkeypatch)
        with pytest.raises(AssertionError):
            played(runner, database_url, valkey_url, history)
