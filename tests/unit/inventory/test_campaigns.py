"""What is set aside for a campaign: nobody else gets it, it is sold first, and what is left is free again once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.commands_inventory import (
    AdjustCampaign,
    BeginCampaign,
    CampaignAdjustmentLine,
    CampaignLine,
    CloseCampaign,
    OpenCampaign,
)
from schemas.events.stock import StockReserved, StockShort
from services.inventory.domain.availability import Quota, offered
from services.inventory.domain.campaigns import Allot, Allotment, Campaign
from services.inventory.domain.model import Deduct, Goods, Hold, Receive
from services.inventory.domain.quotas import Share, Shares, Sharing, Use
from services.inventory.domain.rules import Book
from tests.unit.inventory.events import cancelled, placed
from tests.unit.inventory.house import NOW, QUOTAS, House

ROW = ("HZ", "A")
SOFT = Sharing()
HARD = Sharing({"online": 70, "stores": 30}, {"taobao": "online", "jd": "online", "pos": "stores"})
CHANNELS = ("taobao", "jd", "pos", "groupbuy", "")
HOUR = timedelta(hours=1)


def allotment(
    pieces: int, *channels: str, campaign: str = "C1", running: bool = True, **more: Any
) -> Allotment:
    when = {"begins_at": NOW, "ends_at": NOW + HOUR}
    return Allotment(
        campaign=campaign, pieces=pieces, channels=channels, running=running, **when | more
    )


def book_of(on_hand: int, *allotments: Allotment, sharing: Sharing = SOFT, **uses: int) -> Book:
    """A book of one row; `uses` are pieces held by channel, for no campaign."""
    shares = Shares(sharing, {one: Use(held, 0) for one, held in uses.items()}, allotments)
    return Book({ROW: (on_hand, sum(uses.values()))}, None, {ROW: shares})


def left(book: Book) -> list[int]:
    return [book.available_to(channel)(ROW) for channel in CHANNELS]


@pytest.mark.parametrize(
    ("book", "for_each"),
    [
        # Its channels sell it first, and then what is shared.
        (book_of(100, allotment(30, "taobao")), [100, 70, 70, 70, 70]),
        (book_of(100, allotment(30, "taobao", "pos")), [100, 70, 100, 70, 70]),
        # Before it begins nobody does.
        (book_of(100, allotment(30, "taobao", running=False)), [70, 70, 70, 70, 70]),
        # Exclusively: nothing else, either.
        (book_of(100, allotment(30, "taobao", exclusive=True)), [30, 70, 70, 70, 70]),
        # Two of them at once, for different channels.
        (
            book_of(100, allotment(30, "taobao"), allotment(20, "jd", campaign="C2")),
            [80, 70, 50, 50, 50],
        ),
        # Goods were lost: what is left is shared by the campaigns, in proportion.
        (
            book_of(10, allotment(30, "taobao"), allotment(20, "jd", campaign="C2")),
            [6, 4, 0, 0, 0],
        ),
        # It counts as used by the group of its channels: the stores have their share as before.
        (book_of(100, allotment(50, "taobao"), sharing=HARD), [70, 20, 30, 0, 0]),
        (book_of(100, allotment(70, "taobao"), sharing=HARD), [70, 0, 30, 0, 0]),
        (book_of(100, allotment(50, "taobao"), sharing=HARD, jd=20), [50, 0, 30, 0, 0]),
    ],
)
def test_only_its_channels_may_hold_what_is_set_aside(book: Book, for_each: list[int]) -> None:
    assert left(book) == for_each
    on_hand, reserved = book.rows[ROW]
    assert 0 <= book.kept(ROW) <= on_hand - reserved


def test_what_its_channels_take_is_the_campaigns_first_and_comes_back_to_it_while_it_runs() -> None:
    book = book_of(100, allotment(30, "taobao"))
    (campaign,) = book.campaigns("taobao", (("HZ", (("A", 1),)),))
    book.reserve("HZ", (("A", 20),), "taobao")
    assert (book.kept(ROW), left(book)[:2]) == (10, [80, 70])
    book.reserve("HZ", (("A", 20),), "taobao")
    assert (book.kept(ROW), left(book)[:2]) == (0, [60, 60])
    book.release("HZ", (("A", 20),), "taobao", (campaign,))
    assert (book.kept(ROW), left(book)[:2]) == (10, [80, 70])
    book.deduct(Deduct("HZ", (("A", 15),), "p", "o", channel="taobao", campaigns=(campaign,)))
    assert book.kept(ROW) == 10, "what has left was sold"
    back = Receive("HZ", (("A", 5),), "return", "f", "o", channel="taobao", campaigns=(campaign,))
    book.receive(back)
    assert book.kept(ROW) == 15


def test_a_hold_of_before_it_began_gives_its_pieces_back_to_all() -> None:
    book = book_of(100, allotment(30, "taobao"), taobao=10)
    book.reserve("HZ", (("A", 5),), "taobao")
    book.release("HZ", (("A", 10),), "taobao")
    assert (book.kept(ROW), left(book)[:2]) == (25, [95, 70])


def test_once_it_has_ended_a_cancellation_gives_back_to_all_and_its_sales_are_its_channels() -> (
    None
):
    book = book_of(100, allotment(30, "taobao"), sharing=HARD)
    book.reserve("HZ", (("A", 20),), "taobao")
    before = left(book)
    book.allot(Allot(*ROW, "C1", None))
    assert book.shares[ROW].limiting, "its groups have shares still"
    assert book.shares[ROW].uses == {"taobao": Use(20, 0)}
    assert (left(book)[1], before[1]) == (50, 40), "ten were not sold"
    book.release("HZ", (("A", 20),), "taobao", ("C1",))
    assert (book.shares[ROW].uses, book.kept(ROW)) == ({"taobao": Use(0, 0)}, 100)


def test_a_refusal_names_the_campaign_that_keeps_the_pieces() -> None:
    book = book_of(10, allotment(9, "taobao"), allotment(1, "jd", campaign="C2"))
    assert book.quota_used_up("groupbuy")(ROW) == "campaign:C1"
    assert book.quota_used_up("taobao")(ROW) == "campaign:C2"
    only = book_of(10, allotment(3, "taobao", exclusive=True))
    assert only.quota_used_up("taobao")(ROW) == "campaign:C1"
    assert book_of(10, sharing=HARD).quota_used_up("groupbuy")(ROW) == "shared"
    sold = book_of(10, allotment(9, "taobao"))
    sold.reserve("HZ", (("A", 10),), "taobao")
    assert sold.quota_used_up("jd")(ROW) == "", "there is nothing to be kept for anybody"


def test_every_piece_of_a_row_is_in_one_line_of_its_quotas() -> None:
    book = book_of(100, allotment(50, "taobao"), sharing=HARD, jd=10)
    book.reserve("HZ", (("A", 5),), "taobao")
    assert book.by_quota(ROW) == (
        Share(quota="online", percent=70, held=10, sent=0, kept=10, left=10),
        Share(quota="stores", percent=30, held=0, sent=0, kept=30, left=30),
        Share(quota="campaign:C1", percent=0, held=5, sent=0, kept=45, left=55, pieces=50),
        Share(quota="shared", percent=0, held=0, sent=0, kept=0, left=0),
    )


def test_a_channel_is_offered_its_campaigns_pieces_whole_and_its_share_of_the_rest() -> None:
    half = Quota(share_percent=50, buffer=2, close_at=0, rule="r")
    assert offered(100, half, set_aside=30) == 30 + 35 - 2
    assert offered(100, half) == 48


moves = st.lists(
    st.tuples(
        st.sampled_from(
            ("hold", "hold", "hold", "release", "ship", "return", "receive", "lose", "open", "end")
        ),
        st.sampled_from(CHANNELS),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=50,
)


class Row:
    """One row of stock, and everything that may happen to it."""

    def __init__(self, on_hand: int, sharing: Sharing) -> None:
        self.book = book_of(on_hand, sharing=sharing)
        self.shares = self.book.shares[ROW]
        self.held: list[tuple[str, tuple[str, ...], Goods]] = []
        self.gone: list[tuple[str, tuple[str, ...], Goods]] = []
        self.lost = False
        self.number = 0

    def left(self) -> dict[str, int]:
        return {one: self.book.available_to(one)(ROW) for one in CHANNELS}

    def kept_for(self, campaign: str) -> int:
        return self.shares.kept(*self.book.for_sale(ROW))[f"campaign:{campaign}"]

    def hold(self, channel: str, pieces: int) -> None:
        before = self.left()
        if before[channel] < pieces:
            return
        goods: Goods = (("A", pieces),)
        drawn = self.book.campaigns(channel, (("HZ", goods),))
        own = sum(map(self.kept_for, drawn))
        self.book.reserve("HZ", goods, channel)
        self.held.append((channel, drawn, goods))
        sold_to = {one for c in drawn for one in self.shares.allotments[c].channels}
        if own >= pieces and not self.shares.sharing.percents:
            others = set(CHANNELS) - sold_to
            assert all(before[one] == self.left()[one] for one in others), "nobody else's loss"

    def release(self, pieces: int) -> None:
        if self.held:
            channel, drawn, goods = self.held.pop(pieces % len(self.held))
            self.book.release("HZ", goods, channel, drawn)

    def ship(self, pieces: int) -> None:
        if self.held:
            one = channel, drawn, goods = self.held.pop(pieces % len(self.held))
            self.gone.append(one)
            document = (f"p{self.number}", "o")
            self.book.deduct(Deduct("HZ", goods, *document, channel=channel, campaigns=drawn))

    def take_back(self, pieces: int) -> None:
        if self.gone:
            channel, drawn, goods = self.gone.pop(pieces % len(self.gone))
            document = (f"f{self.number}", "o")
            self.book.receive(
                Receive("HZ", goods, "return", *document, channel=channel, campaigns=drawn)
            )

    def receive(self, pieces: int) -> None:
        self.book.receive(Receive("HZ", (("A", pieces),), "receipt", f"r{self.number}"))

    def lose(self, pieces: int) -> None:
        if self.book.available(ROW) >= pieces:
            goods: Goods = (("A", -pieces),)
            self.book.receive(Receive("HZ", goods, "adjustment", f"a{self.number}"))
            self.lost = True

    def open(self, channel: str, pieces: int, *, running: bool) -> None:
        terms = allotment(pieces, channel, campaign=f"C{self.number}", running=running)
        room = self.shares.room(terms, *self.book.for_sale(ROW))
        if not isinstance(room, int) or room < pieces:
            return
        before = self.left()
        self.book.allot(Allot(*ROW, terms.campaign, terms))
        assert self.kept_for(terms.campaign) == pieces
        assert all(0 <= before[one] - there <= pieces for one, there in self.left().items())

    def end(self, pieces: int) -> None:
        if not self.shares.allotments:
            return
        ended = sorted(self.shares.allotments)[pieces % len(self.shares.allotments)]
        use = self.shares.drawn_on(ended)
        unsold = max(0, self.shares.allotments[ended].pieces - use.held - use.sent)
        before, kept, back = self.left(), self.book.kept(ROW), self.kept_for(ended)
        self.book.allot(Allot(*ROW, ended, None))
        if not self.lost:
            assert back == unsold
            assert self.shares.sharing.percents or kept - self.book.kept(ROW) == unsold
            assert all(there >= before[one] for one, there in self.left().items())

    def check(self) -> None:
        on_hand, reserved = self.book.rows[ROW]
        free = on_hand - reserved
        assert 0 <= self.book.kept(ROW) <= free
        uses = [self.shares.uses, *self.shares.drawn.values()]
        assert sum(use.held for its in uses for use in its.values()) == reserved
        for one in self.shares.allotments.values():
            others = [channel for channel in CHANNELS if not one.sells_to(channel)]
            most = free - self.kept_for(one.campaign)
            assert all(self.left()[channel] <= most for channel in others), "others never get it"


@given(st.integers(0, 60), st.sampled_from((SOFT, HARD)), moves)
def test_no_history_takes_a_campaigns_pieces_from_it_nor_gives_any_back_twice(
    first: int, sharing: Sharing, history: list[tuple[str, str, int, bool]]
) -> None:
    row = Row(first, sharing)
    for move, channel, pieces, running in history:
        row.number += 1
        match move:
            case "hold":
                row.hold(channel, pieces)
            case "open":
                row.open(channel or "jd", pieces, running=running)
            case _:
                STEPS[move](row, pieces)
        row.check()


STEPS = {
    "release": Row.release,
    "ship": Row.ship,
    "return": Row.take_back,
    "receive": Row.receive,
    "lose": Row.lose,
    "end": Row.end,
}


# ---- the document -------------------------------------------------------------------------------


def house(on_hand: int = 100, sharing: Sharing = SOFT, in_gz: int = 0) -> House:
    built = House()
    built.facts.book = Book(
        {ROW: (on_hand, 0), ("GZ", "A"): (in_gz, 0), ("HZ", "B"): (0, 0), ("HF", "A"): (0, 0)},
        None,
        {row: Shares(sharing, {}) for row in (ROW, ("GZ", "A"), ("HZ", "B"))},
    )
    return built


def lines(*pieces: tuple[str, str, int]) -> tuple[CampaignLine, ...]:
    return tuple(CampaignLine(warehouse=w, sku=s, quantity=q) for w, s, q in pieces)


TERMS: dict[str, Any] = {
    "name": "双11",
    "channels": ("taobao",),
    "begins_at": NOW + HOUR,
    "ends_at": NOW + 2 * HOUR,
    "exclusive": False,
    "partial": False,
    "reason": "",
    "lines": lines(("HZ", "A", 30)),
}


def open_one(built: House, **changed: Any) -> Any:
    return built.say(OpenCampaign, "C1", **TERMS | changed)


def test_it_is_set_aside_before_it_begins_then_sold_then_free_again() -> None:
    built = house()
    assert open_one(built).result_id == "set_aside"
    assert left(built.book) == [70] * 5
    event: Any
    (event,) = built.say(BeginCampaign, "C1").events
    assert (event.state, event.lines[0].pieces, event.lines[0].sold) == ("running", 30, None)
    assert left(built.book) == [100, 70, 70, 70, 70]
    order = built.take(placed("o1", [("A", 20)]), "o1")
    assert isinstance(order.events[0], StockReserved)
    assert isinstance(order.state, Hold)
    assert order.state.campaigns == ("C1",)
    built.take(placed("o2", [("A", 70)], channel="jd"), "o2")
    short = built.take(placed("o3", [("A", 1)], channel="jd"), "o3")
    assert isinstance(short.events[0], StockShort)
    assert short.events[0].lines[0].quota == "campaign:C1"
    (event,) = built.say(CloseCampaign, "C1", reason="sold enough").events
    assert (event.state, event.lines[0].sold, event.lines[0].given_back) == ("ended", 20, 10)
    assert left(built.book) == [10] * 5
    again = built.say(CloseCampaign, "C1", reason="again")
    assert (again.events, again.effects, again.result_id) == ((), (), "ended")
    assert not built.book.shares[ROW].limiting
    built.take(cancelled("o1"), "o1")
    assert left(built.book) == [30] * 5


def test_one_whose_time_has_come_runs_at_once_and_the_same_paper_changes_nothing() -> None:
    built = house()
    assert open_one(built, begins_at=NOW).result_id == "running"
    again = open_one(built, begins_at=NOW)
    assert (again.refusal, again.result_id, again.effects) == ("", "running", ())
    other = open_one(built, begins_at=NOW, name="another")
    assert other.refusal == "already_booked"


@pytest.mark.parametrize(
    ("changed", "refusal", "which"),
    [
        ({"lines": lines(("HZ", "A", 101), ("GZ", "A", 6), ("HZ", "A", 1))}, "not_free",
         "GZ A 5/6; HZ A 100/102"),
        ({"lines": lines(("XX", "A", 1))}, "not_free", "XX A 0/1"),
        ({"lines": lines(("HZ", "B", 1)), "partial": True}, "not_free", "HZ B 0/1"),
        ({"lines": lines(("HZ", "A", 0))}, "no_pieces", ""),
        ({"lines": ()}, "empty", ""),
        ({"channels": ()}, "no_channel", ""),
        ({"channels": ("taobo", "taobao", "Jd")}, "unknown_channel",
         f"taobo, Jd; known are {', '.join(QUOTAS.channels)}"),
        ({"ends_at": NOW + HOUR}, "ends_before_it_begins", ""),
        ({"begins_at": NOW - 2 * HOUR, "ends_at": NOW - HOUR}, "campaign_over", ""),
        ({"name": "a\0b"}, "unusable_code", ""),
        ({"document_no": "rsv-1"}, "reserved_document_no", ""),
    ],
)  # fmt: skip
def test_what_makes_no_sense_or_is_not_free_is_refused_line_by_line(
    changed: dict[str, Any], refusal: str, which: str
) -> None:
    built = house(in_gz=5)
    built.facts.book.rows["XX", "A"] = [0, 0]
    decision = open_one(built, **changed)
    assert (decision.refusal, decision.result_id) == (refusal, which)
    assert decision.effects == ()


def test_a_part_will_do_where_it_says_so() -> None:
    built = house(10, in_gz=5)
    wanted = lines(("HZ", "A", 30), ("GZ", "A", 2), ("HZ", "B", 7))
    campaign = open_one(built, lines=wanted, partial=True).state
    assert isinstance(campaign, Campaign)
    assert [(one.warehouse, one.wanted, one.pieces) for one in campaign.lines] == [
        ("GZ", 2, 2),
        ("HZ", 30, 10),
    ]
    assert campaign.left_out == (("HZ", "B", 7),)
    assert open_one(built, lines=wanted, partial=True).refusal == ""


def test_a_channel_has_one_campaign_of_a_row_at_a_time_and_a_campaign_one_group() -> None:
    built = house(sharing=HARD)
    open_one(built)
    overlapping = {**TERMS, "begins_at": NOW, "channels": ("jd", "taobao")}
    decision = built.say(OpenCampaign, "C2", **overlapping)
    assert (decision.refusal, decision.result_id) == ("campaign_overlaps", "HZ A: C1")
    later = {**TERMS, "begins_at": NOW + 2 * HOUR, "ends_at": NOW + 3 * HOUR}
    assert built.say(OpenCampaign, "C2", **later).refusal == ""
    mixed = built.say(OpenCampaign, "C3", **TERMS | {"channels": ("jd", "pos")})
    assert (mixed.refusal, mixed.result_id) == ("several_groups", "HZ A: online, stores")
    much = built.say(OpenCampaign, "C3", **TERMS | {"channels": ("jd",)})
    assert (much.refusal, much.result_id) == ("not_free", "HZ A 10/30"), "of online's seventy"


def change(built: House, number: str, pieces: int, sku: str = "A") -> Any:
    line = CampaignAdjustmentLine(warehouse="HZ", sku=sku, quantity=pieces)
    return built.say(
        AdjustCampaign, "C1", adjustment_no=number, lines=(line,), reason="r", command_id=number
    )


def test_more_is_set_aside_where_it_is_free_and_less_where_it_is_not_sold() -> None:
    built = house()
    open_one(built, begins_at=NOW)
    built.take(placed("o1", [("A", 20)]), "o1")
    assert change(built, "J1", 50).refusal == ""
    assert left(built.book)[:2] == [80, 20]
    assert change(built, "J1", 50).effects == (), "once"
    assert change(built, "J1", 51).refusal == "already_booked"
    refused = change(built, "J2", 21)
    assert (refused.refusal, refused.result_id) == ("not_free", "HZ A 20/21")
    refused = change(built, "J2", -61)
    assert (refused.refusal, refused.result_id) == ("not_free", "HZ A 60/61")
    assert change(built, "J2", -60).refusal == ""
    assert left(built.book)[:2] == [80, 80]
    assert change(built, "J3", 1, "B").refusal == "not_in_campaign"
    built.say(CloseCampaign, "C1", reason="r")
    assert change(built, "J4", 1).refusal == "campaign_over"
    assert built.states["C1"].lines[0].given_back == 0  # type: ignore[union-attr]


def test_only_a_campaign_is_begun_changed_or_closed() -> None:
    built = house()
    built.take(placed("o1", [("A", 1)]), "o1")
    for kind, more in (
        (BeginCampaign, {}),
        (CloseCampaign, {"reason": "r"}),
        (AdjustCampaign, {"reason": "r", "adjustment_no": "J", "lines": ()}),
    ):
        assert built.say(kind, "o1", **more).refusal == "unknown_document"
