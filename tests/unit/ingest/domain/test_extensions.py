"""What of a channel's extension is told, and what is not."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.events.orders import ChannelExtension
from services.ingest.channels.groupbuy.extension import GroupbuyExtension
from services.ingest.channels.pos.extension import Payment, PosExtension, Weighed
from services.ingest.channels.taobao.extension import TaobaoExtension
from services.ingest.domain.extensions import (
    as_json,
    changed_fields,
    personal_fields,
    personal_of,
    record_of,
    told,
)
from services.ingest.domain.model import Extension
from services.ingest.imports.reader import ImportExtension
from tests.unit.ingest.channels.builders import order_of, taobao

PROMISED = datetime(2026, 5, 22, 1, 30, tzinfo=UTC)


def taobao_extension(**changes: Any) -> TaobaoExtension:
    extension = order_of(taobao()).extensions
    assert isinstance(extension, TaobaoExtension)
    return msgspec.structs.replace(extension, **changes)


GROUPBUY = GroupbuyExtension(
    buyer_key="o-1", activity_no="G1", activity_title="水果", participate_no="12",
    delivery="self_pick_up", site_no="Z01", site_name="南门", site_address="示例路 2 号",
    helper="团长甲", helper_key="h-1", is_supplier=False, supply_activity_no="",
    verification_status="0", help_sell_fen=300, commission_fen=0, cost_fen=0, refunded_fen=0,
    answers=(("楼栋", "3栋"),),
)  # fmt: skip
POS = PosExtension(
    buyer_key="", terminal_no="T01", batch_no="B1", business_date="2026-05-20", cashier="C01",
    original_receipt_no="", rounding_fen=0,
    payments=(Payment(method="CASH", fen=3900, transaction_no=""),),
    weighed=(Weighed(line_id="1", quantity="1.235", unit="kg", unit_price_fen=1298),),
    content_hash="f" * 32,
)  # fmt: skip


def test_what_is_told_is_the_record_of_the_channel_alone() -> None:
    extension = told(taobao_extension(trade_from="WAP", promised_ship_at=PROMISED))
    assert extension is not None
    assert extension.taobao is not None
    assert (extension.taobao.trade_from, extension.taobao.promised_ship_at) == ("WAP", PROMISED)
    assert record_of(extension) is extension.taobao


def test_lists_of_records_are_told_too() -> None:
    extension = told(POS)
    assert extension is not None
    assert extension.pos is not None
    assert extension.pos.payments[0].fen == 3900
    assert extension.pos.weighed[0].quantity == "1.235"


@pytest.mark.parametrize("extension", [GROUPBUY, POS, taobao_extension(buyer_key="open-1")])
def test_what_tells_of_a_person_is_not_told_and_stands_in_its_own_part(
    extension: Extension,
) -> None:
    record = record_of(told(extension))
    assert record is not None
    hidden = set(personal_fields(type(extension)))
    assert set(record.__struct_fields__) == set(extension.__struct_fields__) - hidden
    assert {name for name, _ in personal_of(extension)} <= hidden


def test_several_personal_texts_of_one_field_are_json_and_empty_ones_left_out() -> None:
    assert personal_of(GROUPBUY) == (
        ("buyer_key", "o-1"), ("site_address", "示例路 2 号"),
        ("helper", "团长甲"), ("answers", '[["楼栋","3栋"]]'),
    )  # fmt: skip
    assert personal_of(POS) == ()


def test_an_import_tells_nothing() -> None:
    assert told(ImportExtension(buyer_key="")) is None


class StrangeExtension(Extension, frozen=True, kw_only=True, tag="strange"):
    """Of a channel that is not in the schema."""


def test_a_channel_that_is_not_on_the_wire_yet_tells_nothing() -> None:
    assert told(StrangeExtension(buyer_key="")) is None


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        (None, None, ()),
        (taobao_extension(), taobao_extension(buyer_key="another"), ()),
        (taobao_extension(), taobao_extension(seller_flag=3), ("extension.seller_flag",)),
        (
            taobao_extension(),
            taobao_extension(trade_from="WAP", promised_ship_at=PROMISED),
            ("extension.trade_from", "extension.promised_ship_at"),
        ),
        (None, taobao_extension(), ("extension",)),
        (taobao_extension(), None, ("extension",)),
        (taobao_extension(), POS, ("extension",)),
    ],
)
def test_what_changed_is_named_field_by_field(
    before: Extension | None, after: Extension | None, named: tuple[str, ...]
) -> None:
    was = None if before is None else told(before)
    reads = None if after is None else told(after)
    assert changed_fields(was, reads) == named


def test_the_column_names_its_channel() -> None:
    column = json.loads(as_json(told(taobao_extension(seller_flag=3))) or "")
    assert (column["type"], column["seller_flag"]) == ("taobao", 3)
    assert "buyer_key" not in column
    assert as_json(None) is None
    assert as_json(ChannelExtension()) is None
