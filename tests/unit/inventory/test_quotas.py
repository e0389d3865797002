"""What is kept for a group of channels, and the table that says so."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import StartRefused
from services.inventory.domain.backorders import Waiting, served
from services.inventory.domain.choosing import choose_part, shortfall
from services.inventory.domain.model import Deduct, Goods, Receive
from services.inventory.domain.quotas import Recount, Shares, Sharing, Use
from services.inventory.domain.rules import Book
from tests.unit.inventory.house import NOW, sharing_out

ROW = ("HZ", "A")
ONE: Goods = (("A", 1),)
SHARING = Sharing(
    {"online": 70, "stores": 30}, {"taobao": "online", "jd": "online", "pos": "stores"}
)
HALF = Sharing({"stores": 30}, {"pos": "stores"})
CHANNELS = ("taobao", "jd", "pos", "groupbuy", "")


def book_of(
    on_hand: int, sharing: Sharing = SHARING, reserved: int = 0, **uses: tuple[int, int]
) -> Book:
    """A book of one row; `uses` are (held, sent) by channel."""
    shares = Shares(sharing, {channel: Use(*use) for channel, use in uses.items()})
    return Book({ROW: (on_hand, reserved)}, None, {ROW: shares})


def left(book: Book) -> dict[str, int]:
    return {
        channel: book.available_to(channel)(ROW) for channel in ("taobao", "jd", "pos", "groupbuy")
    }


@pytest.mark.parametrize(
    ("book", "online", "stores", "others"),
    [
        (book_of(100), 70, 30, 0),
        (book_of(10), 7, 3, 0),
        (book_of(1), 1, 1, 1),
        (book_of(9), 7, 3, 1),
        (book_of(0), 0, 0, 0),
        (book_of(100, reserved=70, taobao=(50, 0), jd=(20, 0)), 0, 30, 0),
        (book_of(100, reserved=30, pos=(30, 0)), 70, 0, 0),
        # What has left stays counted, what came back does not.
        (book_of(30, taobao=(0, 70)), 0, 30, 0),
        (book_of(31, taobao=(0, 69)), 1, 30, 0),
        # What came in since is shared out, too.
        (book_of(130, taobao=(0, 70)), 70, 60, 0),
        # What nobody is entitled to can be had by all.
        (book_of(100, HALF), 70, 100, 70),
        (book_of(100, HALF, reserved=70, taobao=(70, 0)), 0, 30, 0),
        (book_of(100, HALF, reserved=30, pos=(30, 0)), 70, 70, 70),
        # Held before there was a quota, by far too many: the rest is for who has had less.
        (book_of(100, reserved=90, taobao=(90, 0)), 0, 10, 0),
        # More was held by nobody's channels than is shared by all: both groups have what is left, in proportion.
        (book_of(100, reserved=60, groupbuy=(60, 0)), 28, 12, 0),
    ],
)
def test_a_group_may_hold_what_is_not_kept_for_others(
    book: Book, online: int, stores: int, others: int
) -> None:
    assert left(book) == {"taobao": online, "jd": online, "pos": stores, "groupbuy": others}
    on_hand, reserved = book.rows[ROW]
    assert 0 <= book.kept(ROW) <= on_hand - reserved


def test_the_refusal_names_the_quota_and_what_the_group_could_have_had() -> None:
    book = book_of(100, reserved=68, taobao=(68, 0))
    (missing,) = shortfall(
        book.available_to("jd"), ["HZ"], (("A", 3),), book.quota_used_up("jd")
    ).missing
    assert (missing.wanted, missing.available, missing.quota) == (3, 2, "online")
    (missing,) = shortfall(
        book.available_to("import"), ["HZ"], ONE, book.quota_used_up("import")
    ).missing
    assert (missing.available, missing.quota) == (0, "shared")
    (missing,) = shortfall(
        book.available_to("pos"), ["HZ"], (("A", 50),), book.quota_used_up("pos")
    ).missing
    assert (missing.available, missing.quota) == (30, "stores")
    empty = book_of(100, reserved=100, taobao=(70, 0), pos=(30, 0))
    (missing,) = shortfall(empty.available_to("jd"), ["HZ"], ONE, empty.quota_used_up("jd")).missing
    assert missing.quota == "", "there is nothing to be kept for anybody"


def test_a_part_is_what_the_group_has_left() -> None:
    book = book_of(100, reserved=68, taobao=(68, 0))
    warehouse, given_, (missing,) = choose_part(
        book.available_to("jd"), ["HZ"], (("A", 3),), book.quota_used_up("jd")
    )
    assert (warehouse, given_, missing.quota) == ("HZ", (("A", 2),), "online")


def test_what_a_reservation_held_counts_for_the_channel_of_the_order_that_took_it_over() -> None:
    book = book_of(9, reserved=1, groupbuy=(1, 0))
    book.recount(Recount("HZ", ONE, "pos", "groupbuy"))
    assert book.shares[ROW].uses == {"groupbuy": Use(0, 0), "pos": Use(1, 0)}
    assert book.changed == {ROW}


def test_whoever_takes_what_is_kept_for_others_is_stopped_by_the_book() -> None:
    book = book_of(10)
    with pytest.raises(ValueError, match="more than taobao may hold"):
        book.reserve("HZ", (("A", 8),), "taobao")
    book.reserve("HZ", ONE, "taobao")
    with pytest.raises(ValueError, match="let go"):
        book.release("HZ", ONE, "pos")


def test_the_odd_piece_is_had_once_where_shares_have_become_more_than_there_is() -> None:
    book = book_of(34)  # 23 for online, 10 for stores: one is nobody's
    book.reserve("HZ", ONE, "groupbuy")
    book.receive(Receive("HZ", (("A", 6),), "receipt", "r1"))  # 28 and 12 of 40: none is
    assert book.kept(ROW) == 39
    assert book.available_to("groupbuy")(ROW) == 0
    assert (book.available_to("taobao")(ROW), book.available_to("pos")(ROW)) == (27, 12)


moves = st.lists(
    st.tuples(
        st.sampled_from(("hold", "hold", "hold", "release", "ship", "return", "receive")),
        st.sampled_from(CHANNELS),
        st.integers(1, 9),
    ),
    max_size=40,
)


@given(st.integers(0, 60), st.sampled_from((SHARING, HALF)), moves)
def test_no_history_takes_a_groups_share_from_it(
    first: int, sharing: Sharing, history: list[tuple[str, str, int]]
) -> None:
    book = book_of(first, sharing)
    shares = book.shares[ROW]
    supplied, pool = first, 100 - sum(sharing.percents.values())
    for number, (move, channel, pieces) in enumerate(history):
        use = shares.uses.get(channel, Use())
        goods: Goods = (("A", pieces),)
        match move:
            case "hold" if book.available_to(channel)(ROW) >= pieces:
                book.reserve("HZ", goods, channel)
            case "release" if use.held >= pieces:
                book.release("HZ", goods, channel)
            case "ship" if use.held >= pieces:
                book.deduct(Deduct("HZ", goods, f"p{number}", "o", channel=channel))
            case "return" if use.sent >= pieces:
                book.receive(Receive("HZ", goods, "return", f"f{number}", "o", channel=channel))
            case "receive":
                book.receive(Receive("HZ", goods, "receipt", f"r{number}"))
                supplied += pieces
        on_hand, reserved = book.rows[ROW]
        used = dict.fromkeys(sharing.percents, 0)
        for one, its in shares.uses.items():
            if group := sharing.group(one):
                used[group] += its.held + its.sent
        for group, percent in sharing.percents.items():
            member = next(one for one in CHANNELS if sharing.group(one) == group)
            unused = supplied * percent // 100 - used[group]
            odd = len(sharing.percents)
            # What was nobody's piece when somebody took it may be a group's after a receipt.
            assert book.available_to(member)(ROW) > unused - odd, "its share is there for it"
            assert used[group] <= supplied * (percent + pool) // 100 + odd, "and no more"
        assert 0 <= book.kept(ROW) <= on_hand - reserved
        assert sum(use.held for use in shares.uses.values()) == reserved


def test_goods_that_come_go_past_orders_whose_quota_is_used_up() -> None:
    def waiting(order_id: str, channel: str, hours: int) -> Waiting:
        return Waiting(
            order_id=order_id,
            generation=1,
            channel=channel,
            province="浙江省",
            goods=(("A", 2),),
            since=NOW - timedelta(hours=hours),
        )

    line = [
        waiting("online-1", "taobao", 9),
        waiting("online-2", "jd", 8),
        waiting("till", "pos", 1),
    ]
    book = book_of(12, reserved=6, taobao=(6, 0))
    named = [one.order_id for one in served(line, book, lambda _: (("HZ",), 1))]
    assert named == ["online-1", "till"]


def test_the_table_shares_out_by_group() -> None:
    quotas = sharing_out()
    assert quotas.hard
    assert quotas.sharing("A") == Sharing(
        {"online": 70, "stores": 30}, {"taobao": "online", "jd": "online", "pos": "stores"}
    )
    assert (quotas.limits("A"), quotas.limits("SOFT")) == (True, False)
    assert quotas.sharing("A") is quotas.sharing("B"), "SKUs that no row names are one question"
    by_prefix = sharing_out(("{sku: SOFT}", "{sku: \"sku.startsWith('SO')\"}"))
    assert [by_prefix.limits(sku) for sku in ("SOFT", "SOLE", "A")] == [False, False, True]
    assert not sharing_out(
        ("quota_group: stores}", 'quota_group: ""}'), ("quota_group: online}", 'quota_group: ""}')
    ).hard


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (
            ("share_percent: 30", "share_percent: 31"),
            "online, stores come to 101 percent|stores, online come to 101",
        ),
        (("quota_group: online", "quota_group: stores"), "stores is given 30 and 70 percent"),
        (("quota_group: stores}", "quota_group: shared}"), "row stores: quota_group is shared"),
        (
            (
                'share_percent: 50, buffer: 0, close_at: 0, quota_group: ""',
                "share_percent: 60, buffer: 0, close_at: 0, quota_group: x",
            ),
            None,
        ),
        (
            ("{channel: pos}", "{channel: pos, sku: B}"),
            None,
        ),
        (("{type: text, label: 独享的渠道组}", "{type: int, label: 独享的渠道组}"), "quota_group"),
    ],
)
def test_a_table_that_promises_more_than_there_is_is_refused(
    change: tuple[str, str], refusal: str | None
) -> None:
    if refusal is None:
        sharing_out(change)
        return
    with pytest.raises(StartRefused, match=refusal):
        sharing_out(change)
