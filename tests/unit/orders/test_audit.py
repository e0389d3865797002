"""The chain holds, and shows where it does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.orders.domain.audit import Entry, verify_chain
from tests.unit.orders import life
from tests.unit.orders.life import Life, awaiting_print


@pytest.fixture
def order() -> Life:
    return awaiting_print(life.hold(), life.lift(), life.waybill(), life.shipped(), life.cancel())


def test_a_chain_as_it_was_written_is_whole(order: Life) -> None:
    assert verify_chain(order.entries, order.order.audit) is None
    assert [entry.action for entry in order.entries] == [
        "placed",
        "paid",
        "ready",
        "held",
        "lifted",
        "waybill_issued",
        "parcel_shipped",
        "refused",
    ]


def test_every_entry_names_who_when_and_on_which_basis(order: Life) -> None:
    assert all(entry.actor and entry.basis and entry.at for entry in order.entries)
    by_hand = order.entries[3]
    assert (by_hand.actor, by_hand.basis, by_hand.detail) == (
        "客服01",
        "c-hold",
        "manual: 核对发票",
    )
    assert order.entries[0].rule.startswith("risk/default@")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", "TB2026111100002"),
        ("at", life.NOON + timedelta(days=1)),
        ("actor", "别人"),
        ("action", "parcel_shipped"),
        ("from_state", "shipped"),
        ("to_state", "cancelled"),
        ("basis", "c-0"),
        ("rule", "risk/default@9#none"),
        ("detail", "没有原因"),
        ("hash", b"\x00" * 32),
    ],
)
def test_a_changed_field_is_found_at_its_place(order: Life, field: str, value: Any) -> None:
    rows = list(order.entries)
    rows[3] = replace(rows[3], **{field: value})
    broken = verify_chain(rows, order.order.audit)
    assert broken is not None
    assert broken.seq == 4


def test_a_row_forged_with_its_own_hash_breaks_the_next_one(order: Life) -> None:
    from services.orders.domain.audit import seal

    rows = list(order.entries)
    forged = replace(rows[3], actor="别人")
    rows[3] = replace(forged, hash=seal(forged))
    broken = verify_chain(rows, order.order.audit)
    assert broken is not None
    assert broken.seq == 5


@pytest.mark.parametrize("left_out", [0, 3, 7])
def test_a_row_left_out_is_found_also_at_the_end(order: Life, left_out: int) -> None:
    rows: list[Entry] = list(order.entries)
    del rows[left_out]
    broken = verify_chain(rows, order.order.audit)
    assert broken is not None
    assert broken.seq == left_out + 1


def test_a_character_postgres_cannot_hold_does_not_stop_the_stream() -> None:
    order = Life(life.placed(), life.hold(reason="a\0b"))
    assert order.entries[-1].detail == "manual: a\ufffdb"
    assert verify_chain(order.entries, order.order.audit) is None
