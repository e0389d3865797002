"""What an imported order means, and what becomes of it beside what the channel itself tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.ingest.domain.model import (
    CanonicalOrder,
    LineRefundState,
    OrderSnapshotState,
    PiiKind,
    ProblemCode,
    goods_paid_fen,
)
from services.ingest.domain.snapshots import (
    IMPORT_DIFFERS,
    Change,
    KnownOrder,
    Stale,
    hold_of,
    read_snapshot,
)
from services.ingest.imports import reader
from services.ingest.imports.document import (
    Evidence,
    ImportedLine,
    ImportedOrder,
    ImportedReceiver,
    ImportedRow,
    ImportedTimes,
    encode,
)
from tests.unit.ingest.channels.builders import order_of, taobao, taobao_line
from tests.unit.ingest.domain.test_any_order_of_arrival import digest_of, told

S = OrderSnapshotState
PAID_AT = datetime(2026, 5, 20, 1, 31, 38, tzinfo=UTC)
PLAIN = ImportedReceiver(
    province="浙江省",
    city="杭州市",
    district="西湖区",
    name="测试收货人",
    phone="13000001234",
    address="测试路 1 号",
)
LINE = ImportedLine(
    line_id="import-1", merchant_sku="SKU-A", quantity=2, unit_price_fen=6000, payable_fen=None
)


def document(**changed: Any) -> ImportedOrder:
    order = ImportedOrder(
        order_no="4000000000000000010",
        state=S.AWAITING_SHIPMENT,
        raw_state="待发货",
        payable_fen=10500,
        paid_fen=10500,
        freight_fen=500,
        lines=(LINE,),
        receiver=PLAIN,
        times=ImportedTimes(created=PAID_AT, paid=PAID_AT),
        evidence=Evidence(
            file="x.csv", sha256="0" * 64, preset="generic@0", rows=(ImportedRow(row=2, cells={}),)
        ),
    )
    return replace(order, **changed)


def meant(**changed: Any) -> CanonicalOrder:
    return order_of(reader.normalised(document(**changed), "taobao"))


class Known:
    """What is known of one order after each arrival."""

    def __init__(self) -> None:
        self.known: KnownOrder | None = None

    def take(self, order: CanonicalOrder) -> Change | Stale:
        reading = read_snapshot(
            self.known,
            order,
            (),
            digest=digest_of(order),
            personal_digest=told(order),
            order_id="TB1",
        )
        assert isinstance(reading, Change | Stale)
        if isinstance(reading, Change):
            self.known = reading.known
        return reading


def channels(*, at: str = "09:31:40", **changed: Any) -> CanonicalOrder:
    """The channel's own snapshot of the same order."""
    line = taobao_line(outer_sku_id="SKU-A", num=2)
    return order_of(taobao(line, **({"modified": f"2026-05-20 {at}"} | changed)))


def test_an_imported_order_is_whole_and_its_shares_add_up() -> None:
    found = reader.normalised(document(), "taobao")
    assert found.problems == ()
    order = order_of(found)
    assert (order.channel, order.hold, order.times.modified) == ("taobao", "", None)
    assert order.receiver.pii is PiiKind.PLAIN
    assert sum(item.paid_fen for item in order.items) == goods_paid_fen(order) == 10000
    assert order.items[0].discount_fen == 2000


@given(
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99_999)), min_size=1, max_size=6),
    st.integers(0, 2_000),
    st.integers(0, 600_000),
)
def test_what_is_paid_is_shared_over_the_lines_to_the_fen(
    lines: list[tuple[int, int]], freight_fen: int, payable_fen: int
) -> None:
    payable_fen = max(payable_fen, freight_fen)
    order = meant(
        payable_fen=payable_fen,
        paid_fen=payable_fen,
        freight_fen=freight_fen,
        lines=tuple(
            replace(LINE, line_id=f"import-{place}", quantity=quantity, unit_price_fen=unit_fen)
            for place, (quantity, unit_fen) in enumerate(lines)
        ),
    )
    assert sum(item.paid_fen for item in order.items) == payable_fen - freight_fen
    assert sum(item.payable_fen for item in order.items) == payable_fen - freight_fen


@pytest.mark.parametrize(
    ("receiver", "hold"),
    [
        (PLAIN, ""),
        (replace(PLAIN, name="测**", phone="130****1234"), reader.RECEIVER_AWAITED),
        (replace(PLAIN, address="~AbCdEf~1~"), reader.RECEIVER_AWAITED),
        (replace(PLAIN, province=""), reader.RECEIVER_AWAITED),
        (ImportedReceiver(), reader.RECEIVER_AWAITED),
    ],
)
def test_nothing_ships_to_a_receiver_that_is_not_told_in_clear(
    receiver: ImportedReceiver, hold: str
) -> None:
    found = reader.normalised(document(receiver=receiver), "taobao")
    assert not found.blocked
    assert order_of(found).hold == hold


@pytest.mark.parametrize(
    ("changed", "hold"),
    [
        ({"state": S.SHIPPED}, "shipped_elsewhere"),
        ({"state": S.PARTLY_SHIPPED}, "partly_shipped_elsewhere"),
        ({"state": S.PAID_ON_HOLD}, "paid_on_hold"),
        ({"lines": (replace(LINE, refund=LineRefundState.UNKNOWN),)}, "refund_open"),
    ],
)
def test_an_imported_order_is_held_as_any_other(changed: dict[str, Any], hold: str) -> None:
    assert hold_of(meant(**changed)) == hold


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", ProblemCode.GARBAGE),
        (b'{"schema":"import/1"}', ProblemCode.BAD_SHAPE),
        (encode(document()).replace(b"import/1", b"import/2", 1), ProblemCode.BAD_SHAPE),
        (encode(document()).replace(b'"payable_fen":10500', b'"payable_fen":-1'), ProblemCode.BAD_SHAPE),
        (encode(document()).replace(b'"quantity":2', b'"quantity":0'), ProblemCode.BAD_SHAPE),
        (encode(document()).replace(b'"raw_state"', b'"colour":1,"raw_state"'), ProblemCode.BAD_SHAPE),
    ],
)  # fmt: skip
def test_a_body_that_is_no_document_is_refused_and_never_raises(
    body: bytes, code: ProblemCode
) -> None:
    (found,) = reader.normalise(body, "taobao")
    assert (found.order, found.problems[0].code, found.blocked) == (None, code, True)


def test_only_what_came_by_an_import_is_read_as_one() -> None:
    body = encode(document())
    assert reader.is_import("import", body)
    assert not reader.is_import("push", body)
    assert not reader.is_import("import", b'{"trade_fullinfo_get_response":{}}')


def test_an_import_and_then_the_channel_is_one_order_with_the_channels_line_ids() -> None:
    desk = Known()
    placed = desk.take(meant())
    assert isinstance(placed, Change)
    assert (placed.placed, placed.paid) == (True, True)
    later = desk.take(channels())
    assert isinstance(later, Change)
    assert (later.placed, later.paid, later.cancelled) == (False, False, False)
    assert desk.known is not None
    assert desk.known.lines == ((channels().items[0].line_id, 2),)
    assert desk.known.modified_at == channels().times.modified
    assert desk.known.hold == ""
    assert desk.take(channels()) == Stale()
    assert desk.take(meant()) == Stale()


@pytest.mark.parametrize(
    "imported",
    [
        {},
        {"receiver": ImportedReceiver()},
        {"receiver": replace(PLAIN, province="江苏省", name="别人")},
        {"state": S.SHIPPED},
        {"state": S.PAID_ON_HOLD},
        {"state": S.COMPLETED, "times": ImportedTimes(paid=PAID_AT, ended=PAID_AT + timedelta(9))},
        {"lines": (replace(LINE, quantity=7),)},
    ],
)
def test_an_import_never_overwrites_what_the_channel_told(imported: dict[str, Any]) -> None:
    desk = Known()
    desk.take(channels())
    before = desk.known
    assert desk.take(meant(**imported)) == Stale()
    assert desk.known == before


@pytest.mark.parametrize("state", [S.AWAITING_SHIPMENT, S.SHIPPED])
def test_what_stays_true_is_taken_from_an_import_too(state: OrderSnapshotState) -> None:
    desk = Known()
    desk.take(channels(status="WAIT_BUYER_PAY", pay_time=""))
    paid = desk.take(meant(state=state))
    assert isinstance(paid, Change)
    assert (paid.paid, paid.amended) == (True, ())
    assert desk.known is not None
    assert desk.known.state == S.UNPAID, "the channel's word stands until it says otherwise"
    closed = desk.take(meant(state=S.CANCELLED))
    assert isinstance(closed, Change)
    assert closed.cancelled


def test_a_mask_of_the_channels_own_says_more_than_an_imports_clear_text() -> None:
    masked = channels(receiver_name="测**", receiver_mobile="130****1234", oaid="")
    assert masked.receiver.pii is PiiKind.MASKED
    for arrivals in permutations([masked, meant()]):
        desk = Known()
        for order in arrivals:
            desk.take(order)
        assert desk.known is not None
        assert (desk.known.personal_kind, desk.known.personal_digest) == ("masked", told(masked))


def test_an_imports_receiver_stays_where_the_channel_tells_none() -> None:
    nobody = dict.fromkeys(["receiver_name", "receiver_mobile", "receiver_address", "oaid"], "")
    left = channels(status="WAIT_BUYER_CONFIRM_GOODS", **nobody)
    for arrivals in permutations([left, meant()]):
        desk = Known()
        for order in arrivals:
            desk.take(order)
        assert desk.known is not None
        assert (desk.known.personal_kind, desk.known.personal_digest) == ("plain", told(meant()))


def test_of_two_imports_the_one_that_has_come_further_stands() -> None:
    for arrivals in permutations([meant(), meant(state=S.SHIPPED)]):
        desk = Known()
        for order in arrivals:
            desk.take(order)
        assert desk.known is not None
        assert desk.known.state == S.SHIPPED


@pytest.mark.parametrize(
    "lines",
    [
        (replace(LINE, quantity=1),),
        (replace(LINE, merchant_sku="SKU-B"),),
        (LINE, replace(LINE, line_id="import-2", merchant_sku="GIFT", unit_price_fen=0)),
    ],
)
def test_an_order_that_an_import_told_otherwise_than_the_channel_is_held(
    lines: tuple[ImportedLine, ...],
) -> None:
    desk = Known()
    desk.take(meant(lines=lines))
    reading = desk.take(channels())
    assert isinstance(reading, Change)
    assert reading.amended[-2:] == ("hold", "extension")
    assert desk.known is not None
    assert desk.known.hold == IMPORT_DIFFERS
    assert [quantity for _, quantity in desk.known.lines] == [line.quantity for line in lines]
    desk.take(channels(at="10:00:00"))
    assert desk.known.hold == IMPORT_DIFFERS
    assert desk.take(channels()) == Stale()


def test_lines_find_their_ids_whatever_order_the_channel_has_them_in() -> None:
    lines = tuple(
        replace(LINE, line_id=f"import-{place}", merchant_sku=sku, quantity=quantity)
        for place, (sku, quantity) in enumerate([("B", 1), ("A", 2), ("A", 2)], start=1)
    )
    own = [
        taobao_line(oid_str="71", outer_sku_id="A", num=2),
        taobao_line(oid_str="72", outer_sku_id="B", num=1),
        taobao_line(oid_str="73", outer_sku_id="A", num=2),
    ]
    desk = Known()
    desk.take(meant(lines=lines))
    desk.take(order_of(taobao(*own)))
    assert desk.known is not None
    assert desk.known.lines == (("72", 1), ("71", 2), ("73", 2))


@given(st.permutations([0, 1, 2, 3]), st.lists(st.integers(0, 3), max_size=4))
def test_whatever_comes_first_the_channels_newest_word_stands_and_each_thing_is_told_once(
    order: list[int], again: list[int]
) -> None:
    snapshots = [
        meant(),
        meant(state=S.SHIPPED),
        channels(),
        channels(at="10:00:00", status="WAIT_BUYER_CONFIRM_GOODS"),
    ]
    desk, changes = Known(), []
    for place in [*order, *again]:
        reading = desk.take(snapshots[place])
        if isinstance(reading, Change):
            changes.append(reading)
    assert desk.known is not None
    assert (desk.known.modified_at, desk.known.state) == (
        snapshots[3].times.modified,
        snapshots[3].state,
    )
    assert desk.known.lines == ((channels().items[0].line_id, 2),)
    assert sum(change.placed for change in changes) == sum(change.paid for change in changes) == 1


def test_two_documents_of_one_content_are_one_snapshot_whatever_file_they_came_in() -> None:
    other = document(evidence=replace(document().evidence, file="y.csv", sha256="1" * 64))
    first = reader.normalised(document(), "taobao").order
    assert msgspec.json.encode(first) == msgspec.json.encode(
        reader.normalised(other, "taobao").order
    )
