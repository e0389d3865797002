"""Properties which hold of an order whatever the channel claimed."""

from hypothesis import assume, given
from hypothesis import strategies as st

from services.ingest.channels import _order as orders
from services.ingest.domain.model import (
    Extension,
    LineRefundState,
    Normalised,
    OrderSnapshotState,
    PiiKind,
    Receiver,
    Times,
    goods_paid_fen,
)
from tests.unit.ingest.channels.builders import (
    NOW,
    douyin,
    douyin_line,
    order_of,
    taobao,
    taobao_line,
    taobao_trade,
)

AMOUNTS = st.integers(min_value=-100, max_value=10**9)
LINES = st.lists(
    st.builds(
        orders.LineDraft,
        line_id=st.text("0123456789", min_size=1, max_size=4),
        sku_id=st.just("s"),
        merchant_sku=st.just("m"),
        title=st.just("t"),
        qty=st.integers(min_value=0, max_value=99),
        unit_price_fen=AMOUNTS,
        net_fen=AMOUNTS,
        is_gift=st.booleans(),
        refund_state=st.sampled_from(LineRefundState),
        shipped_qty=st.just(0),
    ),
    max_size=6,
)
NOBODY = Receiver(
    province="", city="", district="", town="", pii=PiiKind.ABSENT, name="", phone="",
    address="", name_cipher="", phone_cipher="", address_cipher="", key="",
)  # fmt: skip


class NoExtension(Extension, frozen=True, kw_only=True):
    """A channel without fields of its own."""


DRAFTS = st.builds(
    orders.Draft,
    order_no=st.just("1"),
    shop=st.just("s"),
    channel=st.just("c"),
    state=st.sampled_from(OrderSnapshotState),
    raw_state=st.just("r"),
    hold=st.sampled_from(["", "why"]),
    payable_fen=AMOUNTS,
    paid_fen=AMOUNTS,
    freight_fen=AMOUNTS,
    goods_fen=st.none() | AMOUNTS,
    lines=LINES,
    receiver=st.just(NOBODY),
    promotions=st.just(()),
    parcels=st.just(()),
    times=st.just(
        Times(created=NOW, paid=NOW, modified=NOW, shipped=None, ended=None, ship_by=None)
    ),
    buyer_memo=st.just(""),
    seller_memo=st.just(""),
    extensions=st.just(NoExtension(buyer_key="")),
)


@given(DRAFTS)
def test_shares_add_up_to_the_header_whatever_was_claimed(draft: orders.Draft) -> None:
    order = order_of(orders.finish(draft, []))
    assert 0 <= order.freight_fen <= order.payable_fen
    if order.items:
        goods_fen = order.payable_fen - order.freight_fen
        assert sum(item.payable_fen for item in order.items) == goods_fen
        assert sum(item.paid_fen for item in order.items) == goods_paid_fen(order)
        assert sum(item.discount_fen for item in order.items) == order.discount_total_fen


@given(DRAFTS, st.data())
def test_the_order_of_lines_changes_no_share(draft: orders.Draft, data: st.DataObject) -> None:
    ids = [line.line_id for line in draft.lines]
    assume(len(set(ids)) == len(ids))
    before = {item.line_id: item.paid_fen for item in order_of(orders.finish(draft, [])).items}
    draft.lines = data.draw(st.permutations(draft.lines))
    after = {item.line_id: item.paid_fen for item in order_of(orders.finish(draft, [])).items}
    assert after == before


def test_a_gift_alone_neither_ships_nor_keeps_an_order_shipping() -> None:
    gift = douyin_line(order_id="6900000000000000012", given_product_type="FREE",
                       origin_amount=0, pay_amount=0)  # fmt: skip
    asked = {"after_sale_status": 6, "after_sale_type": 2}
    order = order_of(douyin(douyin_line(after_sale_info=asked), gift))
    assert (order.state, order.hold) == (OrderSnapshotState.PAID_ON_HOLD, "refund_open")
    done = {"after_sale_status": 12, "after_sale_type": 2}
    order = order_of(douyin(douyin_line(after_sale_info=done), gift))
    assert (order.state, order.hold) == (OrderSnapshotState.PAID_ON_HOLD, "nothing_left_to_ship")


def test_an_order_of_gifts_only_ships() -> None:
    gift = douyin_line(given_product_type="FREE", origin_amount=0, pay_amount=0)
    order = order_of(douyin(gift, pay_amount=0))
    assert (order.state, order.hold) == (OrderSnapshotState.AWAITING_SHIPMENT, "")


def test_the_newest_snapshot_wins_in_any_order_and_unnamed_ones_are_kept() -> None:
    older = taobao(modified="2026-05-20 09:00:00")
    newer = taobao(taobao_line(), modified="2026-05-20 10:00:00")
    timeless = taobao(modified="")
    unnamed = Normalised(order=None, problems=())
    for arrival in ([older, newer, timeless, unnamed], [unnamed, timeless, newer, older]):
        assert orders.newest(arrival) == (newer, unnamed)
    assert taobao_trade()["tid_str"] == order_of(newer).order_no
