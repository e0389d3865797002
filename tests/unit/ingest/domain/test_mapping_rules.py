"""Every fault of a change of mappings has its name and its place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.ingest.domain.mapping_rules import (
    OPENED_MAX,
    QUANTITY_MAX,
    Fault,
    WrittenMapping,
    component_faults,
    key_faults,
)
from services.ingest.domain.matching import Component

CHANNELS = frozenset({"taobao", "jd"})
A, B = Component(sku="A"), Component(sku="B")


def listing(*components: Component, **key: str) -> WrittenMapping:
    where = key or {"channel": "taobao", "shop": "s1", "channel_sku_id": "9"}
    return WrittenMapping(**where, components=components)


def bundle(code: str, *skus: str) -> WrittenMapping:
    return WrittenMapping(merchant_code=code, components=tuple(Component(sku=sku) for sku in skus))


def codes(faults: Sequence[Fault]) -> list[tuple[int, str]]:
    return [(fault.index, fault.code) for fault in faults]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"channel": "taobao", "channel_sku_id": "9"}, "half_a_shop"),
        ({"shop": "s1", "merchant_code": "A"}, "half_a_shop"),
        ({"channel": "ebay", "shop": "s1", "merchant_code": "A"}, "channel_unknown"),
        ({"channel": "jd", "shop": "s1"}, "nothing_named"),
        ({"channel_sku_id": "9"}, "channel_missing"),
        ({"merchant_code": "A\0"}, "unusable_text"),
        ({"merchant_code": "A" * 129}, "unusable_text"),
    ],
)
def test_what_a_mapping_is_for_has_to_make_sense(key: dict[str, str], code: str) -> None:
    assert codes([*key_faults([listing(A, **key)], CHANNELS)]) == [(0, code)]


def test_one_change_maps_a_key_once() -> None:
    faults = [*key_faults([listing(A), bundle("K", "A"), listing(B)], CHANNELS)]
    assert codes(faults) == [(2, "mapped_twice")]
    assert "number 1" in faults[0].detail


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        ((Component(sku=""),), ["unusable_sku"]),
        ((Component(sku="A|B"),), ["unusable_sku"]),
        ((Component(sku="A", quantity=0),), ["bad_quantity"]),
        ((Component(sku="A", quantity=-1),), ["bad_quantity"]),
        ((Component(sku="A", quantity=QUANTITY_MAX + 1),), ["bad_quantity"]),
        ((Component(sku="A", weight=-1),), ["bad_weight"]),
        ((Component(sku="A", weight=5, gift=True), B), ["gift_with_weight"]),
        ((A, Component(sku="A", quantity=2)), ["sku_repeated"]),
        ((Component(sku="A", gift=True),), ["only_gifts"]),
        ((Component(sku="A", weight=5), B), ["weights_incomplete"]),
        ((Component(sku="A", weight=0), Component(sku="B", weight=0)), ["weights_all_zero"]),
        (
            (Component(sku="A", quantity=0), Component(sku="", weight=1)),
            ["bad_quantity", "unusable_sku", "weights_incomplete"],
        ),
        ((Component(sku="A", weight=0), Component(sku="B", weight=1)), []),
        ((A, B, Component(sku="A", gift=True)), []),
        ((), []),
    ],
)
def test_what_it_consists_of_has_to_make_sense(
    components: tuple[Component, ...], expected: list[str]
) -> None:
    faults = [*component_faults([listing(*components)], {}, frozenset())]
    assert [fault.code for fault in faults] == expected


def test_a_sku_nobody_keeps_is_named_unless_it_is_a_bundle_of_this_or_an_earlier_change() -> None:
    change = [
        listing(A, B),
        bundle("NEW", "A"),
        listing(Component(sku="NEW"), channel="jd", shop="s", merchant_code="x"),
    ]
    faults = [*component_faults(change, {"B": (A,)}, frozenset({"A", "B", "NEW"}))]
    assert codes(faults) == [(0, "unknown_sku"), (1, "unknown_sku")]
    assert all(fault.detail.startswith("A ") for fault in faults)


@pytest.mark.parametrize(
    ("change", "bundles", "path"),
    [
        ([bundle("K", "K")], {}, "K → K"),
        ([bundle("K", "A"), bundle("A", "K")], {}, "K → A → K"),
        ([bundle("C", "A")], {"A": (B,), "B": (Component(sku="C"),)}, "C → A → B → C"),
    ],
)
def test_a_bundle_that_contains_itself_is_shown_the_way(
    change: list[WrittenMapping], bundles: dict[str, tuple[Component, ...]], path: str
) -> None:
    fault = next(component_faults(change, bundles, frozenset()))
    assert (fault.code, fault.detail) == ("cycle", path)


def test_a_change_that_breaks_a_cycle_is_taken() -> None:
    assert [*component_faults([bundle("A", "C")], {"B": (A,)}, frozenset())] == []
    assert [*component_faults([bundle("B"), bundle("A", "B")], {"B": (A,)}, frozenset())] == []


def test_a_listing_may_carry_the_code_of_its_own_goods() -> None:
    """The code names a two-pack on the channel and the single piece in the warehouse."""
    two = listing(Component(sku="A", quantity=2), channel="jd", shop="s", merchant_code="A")
    assert [*component_faults([two], {}, frozenset())] == []


def test_bundles_that_open_without_end_are_bounded() -> None:
    wide = tuple(Component(sku=f"S{number}") for number in range(20))
    nested = {
        f"S{number}": tuple(Component(sku=f"T{n}") for n in range(11)) for number in range(20)
    }
    faults = [*component_faults([listing(*wide)], nested, frozenset())]
    assert codes(faults) == [(0, "too_many_lines")]
    assert str(OPENED_MAX) in faults[0].detail
