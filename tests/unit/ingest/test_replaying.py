"""What kept payloads come to by today's mapping, against what yesterday's made of them."""

import dataclasses
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from schemas.events.channel_payloads import PayloadReceived
from schemas.events.orders import OrderPlaced
from services.ingest.channels.taobao import CHANNEL as TAOBAO
from services.ingest.channels.taobao.extension import TaobaoExtension
from services.ingest.domain.matching import TRUSTING, Catalogue, Component, SkuMapping
from services.ingest.domain.model import CanonicalOrder, Normalised, Parcel
from services.ingest.facts import Reader
from services.ingest.replaying import Difference, Taken, Today, by_todays_mapping, compared
from tests.unit.ingest.channels.builders import NOW, taobao_line
from tests.unit.ingest.quarantine_desk import (
    KEY,
    LINE,
    READER,
    TRADE_NO,
    Desk,
    imported,
    no_quantity,
    trade,
)

Change = Callable[[CanonicalOrder], CanonicalOrder]


def reader(change: Change) -> Reader:
    """A mapping that reads something otherwise than ours."""

    def normalise(body: bytes) -> tuple[Normalised, ...]:
        (found,) = TAOBAO.normalise(body)
        assert found.order is not None
        return (replace(found, order=change(found.order)),)

    other = dataclasses.replace(TAOBAO, normalise=normalise)
    return Reader({"taobao": other}, READER.payloads, READER.seal)


def taken(*bodies: bytes) -> list[Taken]:
    return [
        Taken(
            position=f"channel-payloads/0/{offset}",
            payload=PayloadReceived(
                source_key=KEY,
                channel="taobao",
                shop="s1",
                channel_order_no=TRADE_NO,
                door="poll",
                accepted_at=NOW,
                body=READER.payloads.seal_payload(body),
            ),
        )
        for offset, body in enumerate(bodies, start=1)
    ]


def read(desk: Desk, bodies: list[bytes], by: Reader = READER) -> Today:
    entries = desk.entries
    return by_todays_mapping(by, taken(*bodies), entries, desk.wrapped_keys, NOW)


def differences(
    bodies: list[bytes], by: Reader = READER, *, whole: bool = True
) -> list[Difference]:
    """As if `by` were today's mapping and ours had stored what is stored."""
    desk = Desk()
    for body in bodies:
        desk.take(body)
    assert desk.known is not None
    told = next((event for event in desk.events if isinstance(event, OrderPlaced)), None)
    return list(compared(desk.known, told, read(desk, bodies, by), whole=whole))


TWO = [trade(), trade(at="10:00:00", status="PAID_FORBID_CONSIGN")]


def test_the_same_mapping_reads_the_same() -> None:
    assert differences(TWO) == []
    assert differences([trade(no_quantity())]) == []
    assert differences([TWO[1], TWO[0], TWO[0]]) == []


def test_a_mapping_that_reads_the_freight_otherwise_shows_in_the_fields_it_told() -> None:
    found = differences(TWO, reader(lambda order: replace(order, freight_fen=600)))
    assert found == [Difference(field="placed.freight_fen", stored="0", today="600")]


def test_a_mapping_that_knows_no_hold_shows_in_what_is_stored() -> None:
    def free(order: CanonicalOrder) -> CanonicalOrder:
        return replace(order, hold="", raw_state="FREE")

    found = {d.field: (d.stored, d.today) for d in differences(TWO[1:], reader(free))}
    assert found["raw_state"] == ('"PAID_FORBID_CONSIGN"', '"FREE"')
    assert found["hold"] == ('"paid_forbid_consign"', '"paid_on_hold"')


def test_a_person_reads_otherwise_without_a_word_of_it() -> None:
    def other(order: CanonicalOrder) -> CanonicalOrder:
        return replace(order, receiver=replace(order.receiver, name="别人"))

    found = differences(TWO, reader(other))
    assert {d.field for d in found} == {"personal"}
    assert "别人" not in repr(found)


def test_a_difference_in_what_is_not_stored_is_said_all_the_same() -> None:
    def sent(order: CanonicalOrder) -> CanonicalOrder:
        parcel = Parcel(waybill_no="SF1", carrier="SF", shipped_at=None, line_ids=())
        return replace(order, parcels=(parcel,))

    (found,) = differences(TWO, reader(sent))
    assert found.field == "content"


def test_what_only_its_channel_tells_reads_otherwise_field_by_field() -> None:
    def flagged(order: CanonicalOrder) -> CanonicalOrder:
        assert isinstance(order.extensions, TaobaoExtension)
        return replace(order, extensions=replace(order.extensions, seller_flag=3, trade_from="W"))

    found = {d.field: (d.stored, d.today) for d in differences(TWO, reader(flagged))}
    assert found["extension.seller_flag"] == ("0", "3")
    assert found["extension.trade_from"] == ('""', '"W"')


def test_what_only_a_payload_that_is_gone_could_say_is_not_compared() -> None:
    desk = Desk()
    for body in TWO:
        desk.take(body)
    assert desk.known is not None
    today = read(desk, TWO[1:], reader(lambda order: replace(order, freight_fen=600)))
    assert {d.field for d in compared(desk.known, None, today, whole=False)} <= {"content"}


def test_a_released_order_is_read_with_the_corrections_that_stand() -> None:
    desk = Desk()
    bodies = [trade(no_quantity()), trade(no_quantity(), at="10:00:00")]
    desk.take(bodies[0])
    desk.correct({"lines": {LINE: {"quantity": 2}}})
    desk.release()
    desk.take(bodies[1])
    today = read(desk, bodies)
    assert today.placed is not None
    assert today.placed.lines[0].quantity == 2
    assert desk.known is not None
    told = next(event for event in desk.events if isinstance(event, OrderPlaced))
    assert compared(desk.known, told, today, whole=True) == ()


def test_the_extension_is_the_newest_snapshots() -> None:
    desk = Desk()
    today = read(desk, [trade(at="10:00:00", trade_from="NEW"), trade(trade_from="OLD")])
    assert isinstance(today.extension, TaobaoExtension)
    assert today.extension.trade_from == "NEW"
    assert msgspec.to_builtins(today.extension)["type"] == "taobao"


def test_an_imported_order_reads_the_same_and_its_extension_is_the_channels() -> None:
    desk, bodies = Desk(), [(imported(), "import"), (trade(payment="200.00"), "poll")]
    for body, door in [*bodies, bodies[0]]:
        desk.take(body, door=door)
    kept = [
        replace(one, payload=replace(one.payload, door=door))
        for one, (_, door) in zip(
            taken(*(body for body, _ in [*bodies, bodies[0]])), [*bodies, bodies[0]], strict=True
        )
    ]
    today = by_todays_mapping(READER, kept, desk.entries, desk.wrapped_keys, NOW)
    placed = next(event for event in desk.events if isinstance(event, OrderPlaced))
    assert desk.known is not None
    assert desk.known.imported
    assert compared(desk.known, placed, today, whole=True) == ()
    assert isinstance(today.extension, TaobaoExtension)


def test_what_lines_were_matched_by_is_no_reading_of_a_payload() -> None:
    box = SkuMapping(mapping_id=7, components=(Component(sku="A", quantity=3), Component(sku="B")))
    nameless = trade(taobao_line(outer_sku_id="", sku_id="5002"))
    for catalogue in (Catalogue(mappings={("taobao", "s1", "5002", ""): box}), TRUSTING):
        desk = Desk()
        desk.catalogue = catalogue
        desk.take(nameless)
        desk.catalogue = Catalogue(mappings={("taobao", "s1", "5002", ""): box})
        desk.match()
        placed = next(event for event in desk.events if isinstance(event, OrderPlaced))
        assert desk.known is not None
        assert [pieces for _, pieces in desk.known.lines] == [6, 2]
        assert compared(desk.known, placed, read(desk, [nameless]), whole=True) == ()
        other = reader(
            lambda order: replace(order, items=(replace(order.items[0], title="另一件"),))
        )
        found = compared(desk.known, placed, read(desk, [nameless], other), whole=True)
        assert [one.field for one in found] == ["placed.lines.1.title"]
