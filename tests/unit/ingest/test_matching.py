"""An order whose lines have no SKU is placed and waits; what waits is matched once, as a whole."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from schemas.events.orders import OrderAmended, OrderCancelled, OrderLinesMatched, OrderPlaced
from services.ingest.channels import Aftersale
from services.ingest.domain.evidence import WithoutPayload, with_versions
from services.ingest.domain.matching import Catalogue, Component, SkuMapping
from services.ingest.domain.model import LineRefundState
from services.ingest.domain.parcels import packed
from services.ingest.matching import Freed, Parked
from services.ingest.refund_requests import refund_command
from services.ingest.telling import order_lines
from tests.unit.ingest import quarantine_desk
from tests.unit.ingest.channels.builders import NOW, Native, taobao_line, taobao_trade
from tests.unit.ingest.quarantine_desk import LINE, imported, no_quantity
from tests.unit.ingest.test_normalise import SECOND, SOURCE_KEY, Desk, trade

NAMELESS = taobao_line(oid_str=SECOND, outer_sku_id="", sku_id="5002")
BOX = SkuMapping(
    mapping_id=7,
    components=(Component(sku="A", quantity=2, weight=3), Component(sku="B", weight=1)),
)
WITH_BOX = Catalogue(mappings={("taobao", "s1", "5002", ""): BOX})


def asked(line_id: str) -> Aftersale:
    return Aftersale(
        refund_no="9",
        order_no="4000000000000000010",
        line_id=line_id,
        state=LineRefundState.REQUESTED,
        raw_state="WAIT_SELLER_AGREE",
        amount_fen=10_000,
        goods_come_back=False,
        reason="",
        modified_at=NOW,
        version="",
        phase="",
    )


def desk_with(second: Native, catalogue: Catalogue) -> tuple[Desk, OrderPlaced]:
    desk = Desk()
    desk.catalogue = catalogue
    (placed,) = desk.take(trade(second))
    assert isinstance(placed, OrderPlaced)
    return desk, placed


def test_an_order_with_an_unmatched_line_is_placed_whole_and_waits() -> None:
    desk, placed = desk_with(NAMELESS, Catalogue())
    assert [(line.sku, line.paid_fen) for line in placed.lines] == [("TS01", 10000), ("", 10000)]
    assert placed.payment is not None
    (parked,) = desk.waits
    assert isinstance(parked, Parked)
    assert (parked.order_key, [line.line_no for line in parked.lines]) == (SOURCE_KEY, [2])
    assert desk.known is not None
    assert desk.known.waiting is not None


def test_a_mapping_that_arrives_releases_it_once() -> None:
    desk, _ = desk_with(NAMELESS, Catalogue())
    assert desk.match() == (), "nothing has changed"
    desk.catalogue = WITH_BOX
    (event,) = desk.match()
    assert isinstance(event, OrderLinesMatched)
    assert [(line.line_no, line.sku, line.quantity, line.paid_fen) for line in event.lines] == (
        [(1, "TS01", 2, 10000), (2, "A", 4, 8571), (3, "B", 2, 1429)]
    )
    assert desk.waits[-1] == Freed(SOURCE_KEY)
    assert desk.match() == ()
    assert desk.known is not None
    assert desk.known.lines == (("4000000000000000011", 2), (SECOND, 4), (SECOND, 2))
    assert desk.known.mapped == ((SECOND, 2),)


def test_an_order_matched_at_once_and_one_matched_later_end_the_same() -> None:
    early, placed = desk_with(NAMELESS, WITH_BOX)
    late, _ = desk_with(NAMELESS, Catalogue())
    late.catalogue = WITH_BOX
    (event,) = late.match()
    assert isinstance(event, OrderLinesMatched)
    assert (event.lines, event.discount_fen) == (placed.lines, placed.discount_fen)
    assert late.known == early.known


def test_prices_rounded_up_are_taken_back_by_the_discount_of_the_order() -> None:
    _, placed = desk_with(NAMELESS, WITH_BOX)
    goods_fen = sum(line.unit_price_fen * line.quantity for line in placed.lines)
    assert goods_fen - placed.discount_fen + placed.freight_fen == placed.payable_fen
    assert goods_fen > 20000


def test_a_mapping_that_changes_later_does_not_touch_an_order_that_has_its_lines() -> None:
    desk, _ = desk_with(NAMELESS, WITH_BOX)
    desk.catalogue = Catalogue()
    known = desk.known
    assert desk.match() == ()
    assert desk.known == known
    assert desk.take(trade(NAMELESS, at="09:50:00")) == ()


def test_newer_snapshots_do_not_end_the_wait() -> None:
    desk, _ = desk_with(NAMELESS, Catalogue())
    desk.take(trade(NAMELESS, at="09:50:00", receiver_name="王**"))
    desk.catalogue = WITH_BOX
    assert [type(event) for event in desk.match()] == [OrderLinesMatched]


def test_an_order_closed_while_it_waits_is_not_matched_any_more() -> None:
    desk, _ = desk_with(NAMELESS, Catalogue())
    (cancelled,) = desk.take(trade(NAMELESS, at="09:50:00", status="TRADE_CLOSED"))
    assert isinstance(cancelled, OrderCancelled)
    assert desk.waits[-1] == Freed(SOURCE_KEY)
    desk.catalogue = WITH_BOX
    assert desk.match() == ()


def test_an_order_that_was_closed_before_we_saw_it_waits_for_nothing() -> None:
    desk = Desk()
    desk.take(trade(NAMELESS, status="TRADE_CLOSED"))
    assert desk.waits == []
    assert desk.known is not None
    assert desk.known.waiting is None


def test_the_channels_refund_of_a_bundle_names_all_of_its_components() -> None:
    desk, _ = desk_with(NAMELESS, WITH_BOX)
    assert desk.known is not None
    command = refund_command(asked(SECOND), "r1", desk.known, NOW)
    assert command is not None
    assert [(line.line_no, line.quantity) for line in command.lines] == [(2, 4), (3, 2)]


def test_the_channels_refund_of_the_only_line_is_for_the_whole_order_bundle_or_not() -> None:
    desk = Desk()
    desk.catalogue = Catalogue(mappings={("", "", "", "TS01"): BOX})
    desk.take(taobao_trade(taobao_line()))
    assert desk.known is not None
    assert len(desk.known.lines) == 2
    command = refund_command(asked("4000000000000000011"), "r1", desk.known, NOW)
    assert command is not None
    assert (command.lines, command.include_freight) == ((), True)


def test_the_channels_refund_of_one_line_waits_while_the_order_does() -> None:
    desk, _ = desk_with(NAMELESS, Catalogue())
    assert desk.known is not None
    assert refund_command(asked(SECOND), "r1", desk.known, NOW) is None


IMPORTED_BOX = [
    {"line_id": "import-1", "merchant_sku": "TS01", "quantity": 2, "unit_price_fen": 5000},
    {"line_id": "import-2", "sku_id": "5002", "quantity": 2, "unit_price_fen": 5000},
]


def told_of_the_parcel(desk: Desk, *shipped: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    assert desk.known is not None
    known = msgspec.json.decode(msgspec.json.encode(desk.known))
    texts = [msgspec.json.encode(known[n]).decode() for n in ("lines", "mapped", "imported")]
    parcel = packed(order_lines(*texts), (), shipped)
    return tuple((line.line_id, line.quantity) for line in parcel.lines)


def test_an_imported_order_is_matched_and_told_to_the_channel_by_its_own_lines() -> None:
    desk = Desk()
    desk.catalogue = WITH_BOX
    (placed,) = desk.take_body(imported(lines=IMPORTED_BOX), "import")
    assert isinstance(placed, OrderPlaced)
    assert [(line.channel_line_id, line.sku, line.quantity) for line in placed.lines] == (
        [("import-1", "TS01", 2), ("import-2", "A", 4), ("import-2", "B", 2)]
    )
    desk.take(trade(NAMELESS))
    assert desk.known is not None
    assert desk.known.hold == ""
    assert desk.known.lines == ((LINE, 2), (SECOND, 4), (SECOND, 2))
    assert told_of_the_parcel(desk, ("import-1", 2), ("import-2", 4), ("import-2", 2)) == (
        ((LINE, 2), (SECOND, 2))
    )
    command = refund_command(asked(SECOND), "r1", desk.known, NOW)
    assert command is not None
    assert [(line.line_no, line.quantity) for line in command.lines] == [(2, 4), (3, 2)]
    before = desk.known
    assert desk.take(trade(NAMELESS)) == ()
    assert desk.known == before, "lines are named once"


def test_an_imported_order_that_waits_is_matched_by_what_the_channel_calls_its_goods() -> None:
    desk = Desk()
    desk.catalogue = Catalogue(mappings={("taobao", "s1", "5002", "BOX"): BOX}, skus={"TS01"})
    box = [IMPORTED_BOX[0], {**IMPORTED_BOX[1], "sku_id": "", "merchant_sku": "BOX"}]
    (placed,) = desk.take_body(imported(lines=box), "import")
    assert isinstance(placed, OrderPlaced)
    assert [line.unmatched is not None for line in placed.lines] == [False, True]
    boxed = taobao_line(oid_str=SECOND, outer_sku_id="BOX", sku_id="5002")
    amended, matched = desk.take(trade(boxed))
    assert isinstance(amended, OrderAmended)
    assert isinstance(matched, OrderLinesMatched)
    assert [(line.channel_line_id, line.sku) for line in matched.lines] == (
        [(LINE, "TS01"), (SECOND, "A"), (SECOND, "B")]
    )
    assert [type(one) for one in desk.waits] == [Parked, Freed]
    assert desk.match() == ()
    assert told_of_the_parcel(desk, (LINE, 2), (SECOND, 4), (SECOND, 2)) == (
        ((LINE, 2), (SECOND, 2))
    )


def test_an_imported_order_goes_on_waiting_under_the_channels_names() -> None:
    desk = Desk()
    desk.take_body(imported(lines=IMPORTED_BOX), "import")
    desk.take(trade(NAMELESS))
    assert [type(one) for one in desk.waits] == [Parked, Parked]
    desk.catalogue = WITH_BOX
    (event,) = desk.match()
    assert isinstance(event, OrderLinesMatched)
    assert {line.channel_line_id for line in event.lines} == {LINE, SECOND}


def test_a_corrected_order_is_matched_when_it_is_released_or_waits_like_any_other() -> None:
    for sku, waits in (("BOX", []), ("", [Parked])):
        desk = quarantine_desk.Desk()
        desk.catalogue = Catalogue(mappings={("", "", "", "BOX"): BOX})
        desk.take(quarantine_desk.trade(no_quantity(outer_sku_id="", sku_id="5001")))
        line = {"quantity": 2} | ({"sku": sku} if sku else {})
        desk.correct({"lines": {LINE: line}})
        placed = desk.release().events[0]
        assert isinstance(placed, OrderPlaced)
        assert [one.sku for one in placed.lines] == (["A", "B"] if sku else [""])
        assert [type(one) for one in desk.waits] == waits


def test_a_match_is_no_evidence_but_has_a_version() -> None:
    desk = quarantine_desk.Desk()
    desk.take(quarantine_desk.trade(taobao_line(outer_sku_id="", sku_id="5002")))
    desk.catalogue = WITH_BOX
    assert [type(event) for event in desk.match().events] == [OrderLinesMatched]
    desk.take(quarantine_desk.trade(at="10:00:00", status="PAID_FORBID_CONSIGN"))
    assert [(seen.outcome, seen.order_version) for seen in desk.seen] == (
        [("placed", 1), ("changed", 3)]
    )


def test_versions_of_one_batch_are_counted_over_a_match_between_payloads() -> None:
    desk = quarantine_desk.Desk()
    desk.take(quarantine_desk.trade())
    (placed,) = desk.seen
    later = replace(placed, outcome="changed")
    followed = WithoutPayload(source_key=placed.source_key, events=1)
    found = with_versions([placed, followed, later], {placed.source_key: 7})
    assert [one.order_version for one in found] == [5, 7]
