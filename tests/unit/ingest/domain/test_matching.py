"""A channel's lines in our SKUs: the money of each line to the fen, and nothing guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.domain.matching import (
    TRUSTING,
    Catalogue,
    ChannelLine,
    Component,
    Key,
    SkuMapping,
    in_channel_pieces,
    told,
)

SHOP = ("taobao", "s1")


def line(line_id: str = "L1", sku_id: str = "9", code: str = "KIT", **given: int) -> ChannelLine:
    """Two pieces for 100.00 less 10.01 unless something else is given."""
    money = {"quantity": 2, "unit_price_fen": 5000, "discount_fen": 1001} | given
    return ChannelLine(
        line_id=line_id,
        channel_sku_id=sku_id,
        merchant_code=code,
        title="礼盒",
        is_gift=False,
        **money,
    )


def goods(
    sku: str, quantity: int = 1, weight: int | None = None, *, gift: bool = False
) -> Component:
    return Component(sku=sku, quantity=quantity, weight=weight, gift=gift)


def mappings(**bundles: tuple[Component, ...]) -> Catalogue:
    """Own bundles by code."""
    own: dict[Key, SkuMapping] = {
        ("", "", "", code): SkuMapping(mapping_id=number, components=components)
        for number, (code, components) in enumerate(bundles.items(), start=1)
    }
    return Catalogue(mappings=own)


def test_without_a_mapping_the_merchant_code_is_the_sku_and_the_line_stays_as_it_was() -> None:
    (ours,) = told(TRUSTING, *SHOP, [line(code="A")]).lines
    assert (ours.sku, ours.quantity, ours.unit_price_fen, ours.discount_fen, ours.paid_fen) == (
        ("A", 2, 5000, 1001, 8999)
    )
    assert (ours.mapped, ours.unmatched) == (None, None)


@pytest.mark.parametrize(
    ("code", "skus", "reason"),
    [
        ("", None, "no_merchant_code"),
        ("", frozenset({"A"}), "no_merchant_code"),
        ("B", frozenset({"A"}), "unknown_sku"),
        ("A", frozenset({"A"}), ""),
        ("B", None, ""),
    ],
)
def test_a_line_without_a_sku_is_told_with_its_reason_and_its_money(
    code: str, skus: frozenset[str] | None, reason: str
) -> None:
    result = told(Catalogue(skus=skus), *SHOP, [line(code=code)])
    (ours,) = result.lines
    why = ours.unmatched
    assert (why.reason if why else "", bool(result.unmatched)) == (reason, bool(reason))
    assert ours.sku == ("" if reason else code)
    assert ours.paid_fen == 8999
    if why is not None:
        assert why.merchant_code == code


@pytest.mark.parametrize(
    ("keys", "sku"),
    [
        ([("taobao", "s1", "9", "KIT"), ("taobao", "s1", "9", "")], "0"),
        ([("taobao", "s1", "9", ""), ("taobao", "s1", "", "KIT")], "0"),
        ([("taobao", "s1", "", "KIT"), ("", "", "", "KIT")], "0"),
        ([("", "", "", "KIT"), ("taobao", "s2", "9", "KIT")], "0"),
        ([("jd", "s1", "9", "KIT"), ("taobao", "s1", "8", "KIT")], "KIT"),
    ],
)
def test_the_most_telling_mapping_counts(keys: list[Key], sku: str) -> None:
    catalogue = Catalogue(
        mappings={
            key: SkuMapping(mapping_id=number, components=(goods(str(number)),))
            for number, key in enumerate(keys)
        }
    )
    (ours,) = told(catalogue, *SHOP, [line()]).lines
    assert ours.sku == sku


def test_a_bundle_becomes_its_components_which_name_their_line_and_mapping() -> None:
    catalogue = mappings(KIT=(goods("A", 2, 300), goods("B", 1, 400), goods("G", 1, gift=True)))
    result = told(catalogue, *SHOP, [line(code="X"), line("L2")])
    assert [(one.line_no, one.sku, one.quantity) for one in result.lines] == (
        [(1, "X", 2), (2, "A", 4), (3, "B", 2), (4, "G", 2)]
    )
    assert [one.paid_fen for one in result.lines] == [8999, 5399, 3600, 0]
    assert [one.is_gift for one in result.lines] == [False, False, False, True]
    origins = [one.mapped for one in result.lines[1:]]
    assert {
        (o.channel_line_no, o.merchant_code, o.quantity, o.mapping_id) for o in origins if o
    } == ({(2, "KIT", 2, 1)})
    assert {one.channel_line_id for one in result.lines[1:]} == {"L2"}


def test_a_bundle_in_a_bundle_is_opened_and_an_unpriced_one_is_shared_by_pieces() -> None:
    catalogue = mappings(
        KIT=(goods("INNER", 1, 2), goods("C", 1, 1)), INNER=(goods("A", 3), goods("B"))
    )
    result = told(catalogue, *SHOP, [line(quantity=1, unit_price_fen=1200, discount_fen=0)])
    assert [(one.sku, one.quantity, one.paid_fen) for one in result.lines] == (
        [("A", 3, 600), ("B", 1, 200), ("C", 1, 400)]
    )


def test_a_line_mapped_to_one_sku_keeps_its_prices() -> None:
    (ours,) = told(mappings(KIT=(goods("A"),)), *SHOP, [line()]).lines
    assert (ours.sku, ours.unit_price_fen, ours.discount_fen, ours.paid_fen) == (
        "A",
        5000,
        1001,
        8999,
    )


components = st.lists(
    st.builds(
        goods,
        st.sampled_from("ABCDEF"),
        st.integers(1, 40),
        st.integers(0, 10_000),
        gift=st.just(False),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one.sku,
).filter(lambda found: any(one.weight for one in found))


@given(
    outer=components,
    inner=components,
    quantity=st.integers(1, 500),
    unit_price_fen=st.integers(0, 10_000_000),
    discount_fen=st.integers(-5_000, 10_000_000),
    gifts=st.integers(0, 2),
)
def test_the_components_of_a_line_carry_its_money_to_the_fen(
    outer: list[Component],
    inner: list[Component],
    quantity: int,
    unit_price_fen: int,
    discount_fen: int,
    gifts: int,
) -> None:
    free = tuple(goods(f"G{number}", gift=True) for number in range(gifts))
    catalogue = mappings(
        KIT=(*outer, *free), A=tuple(goods(f"in-{i.sku}", i.quantity, i.weight) for i in inner)
    )
    sold = line(quantity=quantity, unit_price_fen=unit_price_fen, discount_fen=discount_fen)
    result = told(catalogue, *SHOP, [sold])
    listed_fen = unit_price_fen * quantity
    assert sum(one.paid_fen for one in result.lines) == listed_fen - discount_fen
    for one in result.lines:
        assert one.unit_price_fen * one.quantity - one.discount_fen == one.paid_fen
        if one.sku.startswith("G"):
            assert (one.unit_price_fen, one.paid_fen) == (0, 0)
    prices_fen = sum(one.unit_price_fen * one.quantity for one in result.lines)
    assert prices_fen == listed_fen + result.rounding_fen
    assert 0 <= result.rounding_fen < sum(one.quantity for one in result.lines)
    assert [one.line_no for one in result.lines] == list(range(1, len(result.lines) + 1))


@given(outer=components, payable_fen=st.integers(0, 10**9))
def test_no_component_is_a_fen_away_from_its_exact_share(
    outer: list[Component], payable_fen: int
) -> None:
    sold = line(quantity=1, unit_price_fen=payable_fen, discount_fen=0)
    whole = sum(one.quantity * (one.weight or 0) for one in outer)
    for one, ours in zip(outer, told(mappings(KIT=tuple(outer)), *SHOP, [sold]).lines, strict=True):
        exact = payable_fen * one.quantity * (one.weight or 0)
        assert abs(ours.paid_fen * whole - exact) < whole


@pytest.mark.parametrize(
    ("shipped", "mapped", "expected"),
    [
        ((("L1", 2), ("L2", 1)), {}, (("L1", 2), ("L2", 1))),
        ((("L1", 6), ("L1", 3), ("L2", 1)), {"L1": 3}, (("L1", 3), ("L2", 1))),
        ((("L1", 4),), {"L1": 2}, (("L1", 2),)),
    ],
)
def test_what_left_is_told_in_the_channels_own_pieces(
    shipped: tuple[tuple[str, int], ...],
    mapped: dict[str, int],
    expected: tuple[tuple[str, int], ...],
) -> None:
    assert in_channel_pieces(shipped, mapped) == expected
