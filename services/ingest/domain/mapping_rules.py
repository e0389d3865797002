"""What makes a mapping usable. Pure: every fault of a change is named, not only the first.

Guarantees: a change without faults leaves bundles that open to at least one line of goods, to a bounded number
of lines, and never to themselves; and shares of money that are defined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

from msgspec import Struct

from services.ingest.domain.matching import Component, Key

QUANTITY_MAX = 10_000
WEIGHT_MAX = 10**9
COMPONENTS_MAX = 100
OPENED_MAX = 200
"""Lines that one line of a channel may come to, bundles in bundles opened."""
CODE_CHARS_MAX = 64
NAME_CHARS_MAX = 128

Bundles: TypeAlias = Mapping[str, tuple[Component, ...]]
"""Our own bundles by their code."""


class WrittenMapping(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping as it is sent to us. No components: it is taken away."""

    channel: str = ""
    shop: str = ""
    channel_sku_id: str = ""
    merchant_code: str = ""
    components: tuple[Component, ...] = ()

    @property
    def key(self) -> Key:
        """What it is for."""
        return (self.channel, self.shop, self.channel_sku_id, self.merchant_code)


class Fault(Struct, frozen=True, kw_only=True):
    """Why one mapping of a change cannot be taken. `index` counts the mappings from 0."""

    index: int
    code: str
    detail: str


def key_faults(written: Sequence[WrittenMapping], channels: AbstractSet[str]) -> Iterator[Fault]:
    """What is wrong with what the mappings are for."""
    first: dict[Key, int] = {}
    for index, one in enumerate(written):
        for code, detail in _key_faults(one, channels):
            yield Fault(index=index, code=code, detail=detail)
        if (before := first.setdefault(one.key, index)) != index:
            detail = f"the same is mapped by number {before + 1} of this change"
            yield Fault(index=index, code="mapped_twice", detail=detail)


def _key_faults(one: WrittenMapping, channels: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    if bool(one.channel) != bool(one.shop):
        yield "half_a_shop", "channel and shop go together; neither means a bundle of our own"
    if one.channel and one.channel not in channels:
        yield "channel_unknown", f"there is no channel {one.channel!r}"
    if not one.channel_sku_id and not one.merchant_code:
        yield "nothing_named", "name the channel's SKU id, the merchant code, or both"
    if one.channel_sku_id and not one.channel:
        yield "channel_missing", "a channel's SKU id means something in its shop only"
    for name in ("shop", "channel_sku_id", "merchant_code"):
        text = getattr(one, name)
        if len(text) > NAME_CHARS_MAX or (text and not text.isprintable()):
            yield "unusable_text", f"{name} is at most {NAME_CHARS_MAX} printable characters"


def component_faults(
    written: Sequence[WrittenMapping], bundles: Bundles, unknown: AbstractSet[str]
) -> Iterator[Fault]:
    """What is wrong with what the mappings consist of.

    `bundles` are those in force, `unknown` the SKUs of the change that inventory does not keep.
    """
    after = dict(bundles)
    for one in written:
        if not one.channel and one.merchant_code:
            after.pop(one.merchant_code, None)
            if one.components:
                after[one.merchant_code] = one.components
    for index, one in enumerate(written):
        found = [*_component_faults(one)]
        found += [
            ("unknown_sku", f"{component.sku} is neither kept by inventory nor a bundle of ours")
            for component in one.components
            if component.sku in unknown and component.sku not in after
        ]
        # Bundles with faults of their own are not opened: the number of lines would mean nothing.
        found = found or [*_opening_faults(one, after)]
        for code, detail in found:
            yield Fault(index=index, code=code, detail=detail)


def _component_faults(one: WrittenMapping) -> Iterator[tuple[str, str]]:
    if len(one.components) > COMPONENTS_MAX:
        yield "too_many_components", f"at most {COMPONENTS_MAX}"
    seen: set[tuple[str, bool]] = set()
    for component in one.components:
        sku = component.sku
        if not 0 < len(sku) <= CODE_CHARS_MAX or not sku.isprintable() or "|" in sku:
            yield "unusable_sku", f"{sku!r}: 1 to {CODE_CHARS_MAX} printable characters without |"
        if not 0 < component.quantity <= QUANTITY_MAX:
            yield "bad_quantity", f"{sku}: {component.quantity} pieces; 1 to {QUANTITY_MAX} can be"
        if component.weight is not None and component.gift:
            yield "gift_with_weight", f"{sku}: a gift has no share of the money"
        elif component.weight is not None and not 0 <= component.weight <= WEIGHT_MAX:
            yield "bad_weight", f"{sku}: {component.weight}; 0 to {WEIGHT_MAX} can be"
        if (sku, component.gift) in seen:
            yield "sku_repeated", f"{sku} is there twice; add the quantities up"
        seen.add((sku, component.gift))
    goods = [component for component in one.components if not component.gift]
    if one.components and not goods:
        yield "only_gifts", "the line's money needs goods to rest on"
    weights = [component.weight for component in goods]
    if None in weights and any(weight is not None for weight in weights):
        without = next(component.sku for component in goods if component.weight is None)
        yield "weights_incomplete", f"{without} has no weight; give every component one, or none"
    elif goods and not any(weight is None or weight for weight in weights):
        yield "weights_all_zero", "nothing would carry the line's money"


def _opening_faults(one: WrittenMapping, bundles: Bundles) -> Iterator[tuple[str, str]]:
    own = (one.merchant_code,) if one.components and not one.channel else ()
    lines = 0
    paths = [(*own, component.sku) for component in reversed(one.components)]
    while paths:
        path = paths.pop()
        sku = path[-1]
        if sku in path[:-1]:
            yield "cycle", " → ".join(path)
            return
        if sku in bundles:
            paths += [(*path, component.sku) for component in reversed(bundles[sku])]
            continue
        lines += 1
        if lines > OPENED_MAX:
            yield "too_many_lines", f"it opens to more than {OPENED_MAX} lines"
            return
