"""Whatever order and however often snapshots of one order arrive in, the same is known of it."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ingest import channels
from services.ingest.channels import Channel
from services.ingest.channels import _order as orders
from services.ingest.channels.douyin import CHANNEL as DOUYIN
from services.ingest.channels.jd import CHANNEL as JD
from services.ingest.channels.pdd import CHANNEL as PDD
from services.ingest.channels.shopify import CHANNEL as SHOPIFY
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.domain import extensions
from services.ingest.domain.model import (
    CanonicalOrder,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    PiiKind,
)
from services.ingest.domain.snapshots import (
    OVER,
    PAID,
    PASSING_HOLDS,
    Change,
    KnownOrder,
    Quarantine,
    hold_of,
    rank_of,
    read_snapshot,
)
from tests.unit.ingest.channels.builders import Native, encoded, order_of, taobao, taobao_line

S = OrderSnapshotState
SAMPLES = Path(__file__).parents[3] / "contract/examples/channels"
ORDER_ID = "TB2026052000001"
FIRST = order_of(taobao(taobao_line(), taobao_line(oid_str="4000000000000000012")))

WORDS_OF_CHANNELS = [path.read_text() for path in Path(channels.__path__[0]).glob("*/orders.py")]
READS = {PiiKind.ABSENT: 0, PiiKind.MASKED: 1, PiiKind.ENCRYPTED: 2, PiiKind.PLAIN: 2}


def digest_of(*parts: object) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def told(order: CanonicalOrder) -> str:
    return digest_of(order.receiver, order.buyer_memo, order.seller_memo)


def read_all(arrivals: Sequence[CanonicalOrder]) -> tuple[KnownOrder, list[Change]]:
    """What is known in the end, and what each arrival changed."""
    known: KnownOrder | None = None
    changes = []
    for order in arrivals:
        reading = read_snapshot(
            known,
            order,
            (),
            digest=digest_of(order),
            personal_digest=told(order),
            order_id=ORDER_ID,
        )
        assert not isinstance(reading, Quarantine)
        if isinstance(reading, Change):
            changes.append(reading)
            known = reading.known
    assert known is not None
    return known, changes


@st.composite
def snapshots_of_one_order(draw: st.DrawFn) -> CanonicalOrder:
    """One of few modified times, so that several snapshots share one; the lines stay what they are."""
    assert FIRST.times.modified is not None
    seconds = draw(st.integers(0, 2))
    items = [
        replace(
            item,
            refund_state=draw(st.sampled_from([LineRefundState.NONE, LineRefundState.REFUNDED])),
            shipped_qty=draw(st.sampled_from([0, item.qty])),
        )
        for item in FIRST.items
    ]
    region = draw(
        st.sampled_from([("浙江省", "杭州市", ""), ("江苏省", "南京市", ""), ("", "", "")])
    )
    receiver = replace(
        FIRST.receiver,
        pii=draw(st.sampled_from(PiiKind)),
        name=draw(st.sampled_from(["测**", "样*"])),
        province=region[0],
        city=region[1],
        district=region[2],
    )
    state = draw(st.sampled_from(S))
    modified = FIRST.times.modified + timedelta(seconds=seconds)
    return replace(
        FIRST,
        state=state,
        raw_state=draw(st.sampled_from(["one", "other"])),
        paid_fen=draw(st.sampled_from([0, FIRST.paid_fen])),
        hold=draw(st.sampled_from(["", "refund_open", "group_not_complete"])),
        items=tuple(items),
        receiver=receiver,
        times=replace(FIRST.times, modified=modified),
        extensions=replace(FIRST.extensions, seller_flag=draw(st.integers(0, 2))),
    )


@given(st.lists(snapshots_of_one_order(), min_size=1, max_size=6), st.data())
def test_any_order_and_number_of_arrivals_gives_the_same_known_order(
    snapshots: list[CanonicalOrder], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(snapshots), max_size=4))
    arrivals = data.draw(st.permutations([*snapshots, *repeats]))
    known, changes = read_all(arrivals)
    assert known == read_all(snapshots)[0]
    newest = max(snapshots, key=lambda order: rank_of(order, digest_of(order)))
    assert (known.modified_at, known.state) == (newest.times.modified, newest.state)
    was_paid = any(order.state in PAID for order in snapshots)
    taken_back = was_paid and newest.state in {S.UNPAID, S.DEPOSIT_PAID}
    hold = hold_of(newest) or ("payment_taken_back" if taken_back else "")
    assert (known.raw_state, known.hold) == (newest.raw_state, hold)
    assert known.extension == extensions.told(newest.extensions)
    best = max(snapshots, key=lambda one: (READS[one.receiver.pii], rank_of(one, digest_of(one))))
    assert (known.personal_kind, known.personal_digest) == (best.receiver.pii, told(best))
    assert any(known.region) == any(order.receiver.province for order in snapshots)
    assert known.paid == was_paid
    assert known.cancelled == any(order.state in OVER for order in snapshots)
    assert sum(change.placed for change in changes) == 1
    most_fen = max((order.paid_fen for order in snapshots if order.state in PAID), default=None)
    assert known.paid_fen == most_fen
    told_fen = [change.known.paid_fen for change in changes if change.paid]
    assert told_fen == sorted({fen for fen in told_fen if fen is not None}), "once, and never less"
    assert told_fen[-1:] == ([most_fen] if known.paid else [])
    assert sum(change.cancelled for change in changes) == known.cancelled


@given(st.lists(snapshots_of_one_order(), min_size=1, max_size=6), st.data())
def test_one_page_keeps_the_same_snapshot_whatever_its_order(
    snapshots: list[CanonicalOrder], data: st.DataObject
) -> None:
    page = [Normalised(order=order, problems=()) for order in snapshots]
    (kept,) = orders.newest(page)
    assert orders.newest(data.draw(st.permutations([*page, *page[:2]]))) == (kept,)
    digest = digest_of(order_of(kept))
    known, _ = read_all(snapshots)
    assert known.rank.modified_at == rank_of(order_of(kept), digest).modified_at
    assert known.state == order_of(kept).state


def test_of_two_equally_new_ones_on_a_page_the_one_that_can_be_worked_with_is_kept() -> None:
    good = taobao()
    no_lines = taobao(orders={})
    assert no_lines.blocked
    assert orders.newest([good, no_lines]) == orders.newest([no_lines, good]) == (good,)


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        (S.UNPAID, S.DEPOSIT_PAID),
        (S.DEPOSIT_PAID, S.PAID_ON_HOLD),
        (S.AWAITING_SHIPMENT, S.PAID_ON_HOLD),
        (S.AWAITING_SHIPMENT, S.PARTLY_SHIPPED),
        (S.PAID_ON_HOLD, S.PARTLY_SHIPPED),
        (S.PARTLY_SHIPPED, S.SHIPPED),
        (S.SHIPPED, S.COMPLETED),
        (S.COMPLETED, S.UNKNOWN),
        (S.UNKNOWN, S.CANCELLED),
        (S.CANCELLED, S.CLOSED_REFUNDED),
    ],
)
def test_of_two_equally_new_ones_the_state_that_has_come_further_is_known(
    lesser: OrderSnapshotState, greater: OrderSnapshotState
) -> None:
    one, other = replace(FIRST, state=lesser), replace(FIRST, state=greater)
    assert read_all([one, other])[0].state == read_all([other, one])[0].state == greater


@pytest.mark.parametrize("hold", sorted(PASSING_HOLDS))
def test_of_two_equally_new_ones_what_was_waited_for_has_come(hold: str) -> None:
    waiting = replace(FIRST, state=S.PAID_ON_HOLD, hold=hold)
    assert read_all([waiting, FIRST])[0].hold == read_all([FIRST, waiting])[0].hold == ""
    assert any(f'"{hold}"' in text for text in WORDS_OF_CHANNELS), "no channel says it any more"


@pytest.mark.parametrize("hold", ["", "risk_review", "cancellation_asked", "said_by_a_new_channel"])
def test_of_two_equally_new_ones_the_one_that_was_stopped_is_known(hold: str) -> None:
    stopped = replace(FIRST, state=S.PAID_ON_HOLD, hold=hold)
    known = read_all([FIRST, stopped])[0]
    assert known == read_all([stopped, FIRST, stopped])[0]
    assert (known.state, known.hold) == (S.PAID_ON_HOLD, hold or "paid_on_hold")


def test_of_two_imports_the_state_that_has_come_further_is_known_whatever_held_it() -> None:
    free = replace(FIRST, times=replace(FIRST.times, modified=None))
    held = replace(free, state=S.PAID_ON_HOLD)
    assert read_all([held, free])[0].hold == read_all([free, held])[0].hold == ""


def test_of_two_equally_new_and_far_ones_the_held_one_is_known() -> None:
    held = replace(FIRST, hold="refund_open")
    assert read_all([FIRST, held])[0].hold == read_all([held, FIRST])[0].hold == "refund_open"


def test_a_newer_snapshot_stands_however_far_an_older_one_had_come() -> None:
    assert FIRST.times.modified is not None
    later = FIRST.times.modified + timedelta(seconds=1)
    newer = replace(FIRST, times=replace(FIRST.times, modified=later))
    older = replace(FIRST, state=S.COMPLETED)
    assert read_all([newer, older])[0].state == S.AWAITING_SHIPMENT


def test_what_was_known_before_digests_were_kept_gives_way_to_an_equally_new_snapshot() -> None:
    before = replace(read_all([FIRST])[0], digest="")
    reading = read_snapshot(
        before, FIRST, (), digest="d", personal_digest=told(FIRST), order_id=ORDER_ID
    )
    assert isinstance(reading, Change)
    assert (reading.known.digest, reading.amended, reading.paid) == ("d", (), False)


# The channel's sample, the way to its order, and what may be written over it.
NATIVES: list[tuple[Channel, str, tuple[str | int, ...], list[list[Native]]]] = [
    (
        TAOBAO,
        "taobao/fullinfo_two_suborders.json",
        ("trade_fullinfo_get_response", "trade"),
        [
            [{"modified": "2026-05-20 09:31:40"}, {"modified": "2026-05-20 10:00:00"}],
            [
                {"status": "WAIT_SELLER_SEND_GOODS"},
                {"status": "WAIT_BUYER_CONFIRM_GOODS"},
                {"status": "TRADE_CLOSED"},
                {"status": "SOMETHING_NEW"},
            ],
            [{"seller_memo": "甲"}, {"seller_memo": "乙"}],
        ],
    ),
    (
        JD,
        "jd/search_paid_with_coupons.json",
        ("jingdong_pop_order_search_responce", "searchorderinfo_result", "orderInfoList", 0),
        [
            [{"modified": "2026-05-20 09:31:41"}, {"modified": "2026-05-20 10:00:00"}],
            [{"orderState": "WAIT_SELLER_STOCK_OUT"}, {"orderState": "LOCKED"},
             {"orderState": "WAIT_GOODS_RECEIVE_CONFIRM"}, {"orderState": "TRADE_CANCELED"}],
            [{"orderRemark": "甲"}, {"orderRemark": "乙"}],
        ],
    ),
    (
        PDD,
        "pdd/information_paid.json",
        ("order_info_get_response", "order_info"),
        [
            [{"updated_at": "2026-05-20 09:31:46"}, {"updated_at": "2026-05-20 10:00:00"}],
            [{}, {"order_status": 2}, {"refund_status": 2}, {"refund_status": 4}],
            [{"buyer_memo": "甲"}, {"buyer_memo": "乙"}],
        ],
    ),
    (
        DOUYIN,
        "douyin/detail_live_room_with_gift.json",
        ("data", "shop_order_detail"),
        [
            [{"update_time": 1779240701}, {"update_time": 1779241701}],
            [{}, {"order_status": 3, "main_status": 3}, {"order_status": 4, "main_status": 21}],
            [{"seller_words": "甲"}, {"seller_words": "乙"}],
        ],
    ),
    (
        SHOPIFY,
        "shopify/order_paid.json",
        ("order",),
        [
            [{"updated_at": "2026-05-20T09:31:41+08:00"}, {"updated_at": "2026-05-20T10:00:00Z"}],
            [{}, {"fulfillment_status": "fulfilled"}, {"cancelled_at": "2026-05-20T10:00:00Z"}],
            [{"note": "甲"}, {"note": "乙"}],
        ],
    ),
]  # fmt: skip


def snapshots_in(
    channel: Channel, sample: str, way: tuple[str | int, ...], changed: list[list[Native]]
) -> Iterator[CanonicalOrder]:
    """Every combination of what was written over the sample, as the channel reads it."""
    for together in product(*changed):
        native: Any = json.loads((SAMPLES / sample).read_text())
        order = native
        for step in way:
            order = order[step]
        for change in together:
            order.update(change)
        (found,) = channel.normalise(encoded(native))
        assert not found.blocked, found.problems
        yield order_of(found)


@pytest.mark.parametrize("native", NATIVES, ids=[native[0].name for native in NATIVES])
@given(data=st.data())
def test_a_channels_own_snapshots_give_the_same_known_order_in_any_order(
    native: tuple[Channel, str, tuple[str | int, ...], list[list[Native]]], data: st.DataObject
) -> None:
    every = list(snapshots_in(*native))
    assert len({digest_of(order) for order in every}) == len(every)
    snapshots = data.draw(st.lists(st.sampled_from(every), min_size=1, max_size=6))
    arrivals = data.draw(st.permutations([*snapshots, *snapshots[:2]]))
    assert read_all(arrivals)[0] == read_all(snapshots)[0]
