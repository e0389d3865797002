"""From the channel's SKUs to ours: what one line of a channel order means in goods we keep. Pure.

Guarantees: the lines made of one channel line carry its money exactly, shared by the largest remainder over
the stated weights (ties to the smaller SKU); a gift of a mapping carries none. The same lines and the same
catalogue always give the same answer, and nothing is guessed: a line that no mapping and no rule answers for
has a reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from chassis.money import share_out
from schemas.events.orders import MappedFrom, NoMatch, OrderLine

Key: TypeAlias = tuple[str, str, str, str]
"""(channel, shop, channel SKU id, merchant code): what a mapping is for; "" stands for any.

One without channel and shop is a bundle of our own, by its code, wherever it is sold.
"""


class MerchantCodes(StrEnum):
    """What a merchant's own code means where no mapping says it."""

    TRUSTED = "trusted"
    """It is our SKU, whatever it says."""
    KNOWN = "known"
    """It is our SKU if inventory has ever kept such goods; else the line waits."""


class Reason(StrEnum):
    """Why a line has no SKU of ours."""

    NO_MERCHANT_CODE = "no_merchant_code"
    UNKNOWN_SKU = "unknown_sku"


class Component(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Goods of ours that one piece of a channel's line stands for."""

    sku: str
    quantity: int = 1
    """Pieces in each piece of the line."""
    weight: int | None = None
    """Of one piece, when the line's money is shared: a price in fen, for instance. None = all alike."""
    gift: bool = False
    """Goes along for nothing."""


class SkuMapping(Struct, frozen=True, kw_only=True):
    """What one of the channel's SKUs, or one of our own bundles, consists of."""

    mapping_id: int
    components: tuple[Component, ...]


class Catalogue(Struct, frozen=True, kw_only=True):
    """What matching leans on. `skus` are those inventory keeps; None = every merchant code is trusted."""

    mappings: Mapping[Key, SkuMapping] = {}
    skus: AbstractSet[str] | None = None

    def mapping_for(
        self, channel: str, shop: str, channel_sku_id: str, merchant_code: str
    ) -> SkuMapping | None:
        """The most telling mapping of a line: by both, by the channel's SKU, by the code, by our own bundle."""
        mappings = self.mappings
        if not mappings:
            return None
        return (
            mappings.get((channel, shop, channel_sku_id, merchant_code))
            or mappings.get((channel, shop, channel_sku_id, ""))
            or mappings.get((channel, shop, "", merchant_code))
            or mappings.get(("", "", "", merchant_code))
        )

    def why_not(self, merchant_code: str) -> Reason | None:
        """None where a merchant's code is one of our SKUs by itself."""
        if not merchant_code:
            return Reason.NO_MERCHANT_CODE
        if self.skus is not None and merchant_code not in self.skus:
            return Reason.UNKNOWN_SKU
        return None


TRUSTING = Catalogue()
"""No mapping, every code trusted."""


class ChannelLine(Struct, frozen=True, kw_only=True):
    """A line as the channel sold it. `unit_price_fen * quantity - discount_fen` is its share of what is payable."""

    line_id: str
    channel_sku_id: str
    merchant_code: str
    title: str
    quantity: int
    unit_price_fen: int
    discount_fen: int
    is_gift: bool


class Told(Struct, frozen=True, kw_only=True):
    """An order's lines in our SKUs. `unmatched` are those that have none yet, and the order waits for them.

    `rounding_fen`: a component's unit price is rounded up to a whole fen; by so much the list prices of all
    lines, and their discounts, are above the channel's.
    """

    lines: tuple[OrderLine, ...]
    unmatched: tuple[OrderLine, ...]
    rounding_fen: int


def told(
    catalogue: Catalogue, channel: str, shop: str, channel_lines: Sequence[ChannelLine]
) -> Told:
    """Every line by its mapping, else by its merchant code, else without a SKU and with the reason."""
    lines: list[OrderLine] = []
    unmatched: list[OrderLine] = []
    rounding_fen = 0
    for channel_line_no, line in enumerate(channel_lines, start=1):
        code = line.merchant_code
        mapping = catalogue.mapping_for(channel, shop, line.channel_sku_id, code)
        if mapping is not None:
            goods = _Goods(catalogue, line, channel_line_no, mapping.mapping_id, len(lines))
            listed_fen = line.unit_price_fen * line.quantity
            payable_fen = listed_fen - line.discount_fen
            goods.open(mapping, line.quantity, listed_fen, payable_fen, gift=line.is_gift)
            lines += goods.lines
            rounding_fen += goods.rounding_fen
            continue
        why = catalogue.why_not(code)
        ours = OrderLine(
            line_no=len(lines) + 1,
            channel_line_id=line.line_id,
            channel_sku_id=line.channel_sku_id,
            sku="" if why else code,
            title=line.title,
            quantity=line.quantity,
            unit_price_fen=line.unit_price_fen,
            discount_fen=line.discount_fen,
            paid_fen=line.unit_price_fen * line.quantity - line.discount_fen,
            is_gift=line.is_gift,
            unmatched=NoMatch(reason=why, merchant_code=code) if why else None,
        )
        lines.append(ours)
        if why:
            unmatched.append(ours)
    return Told(lines=tuple(lines), unmatched=tuple(unmatched), rounding_fen=rounding_fen)


class _Goods:
    """What one mapped line comes to."""

    __slots__ = ("_before", "_catalogue", "_from", "_line", "lines", "rounding_fen")

    def __init__(
        self,
        catalogue: Catalogue,
        line: ChannelLine,
        channel_line_no: int,
        mapping_id: int,
        before: int,
    ) -> None:
        self._catalogue = catalogue
        self._line = line
        self._before = before
        self._from = MappedFrom(
            channel_line_no=channel_line_no,
            merchant_code=line.merchant_code,
            quantity=line.quantity,
            mapping_id=mapping_id,
        )
        self.lines: list[OrderLine] = []
        self.rounding_fen = 0

    def open(
        self, mapping: SkuMapping, pieces: int, listed_fen: int, payable_fen: int, *, gift: bool
    ) -> None:
        """Adds what `pieces` of a mapping consist of, bundles in it opened too."""
        components = mapping.components
        weights = [weight_of(component) for component in components]
        skus = [component.sku for component in components]
        listed = share_out(listed_fen, weights, skus)
        payable = share_out(payable_fen, weights, skus)
        for component, its_listed_fen, its_payable_fen in zip(
            components, listed, payable, strict=True
        ):
            quantity = pieces * component.quantity
            its_gift = gift or component.gift
            inner = self._catalogue.mappings.get(("", "", "", component.sku))
            if inner is not None:
                self.open(inner, quantity, its_listed_fen, its_payable_fen, gift=its_gift)
            else:
                self._add(component.sku, quantity, its_listed_fen, its_payable_fen, gift=its_gift)

    def _add(
        self, sku: str, quantity: int, listed_fen: int, payable_fen: int, *, gift: bool
    ) -> None:
        unit_price_fen = -(-listed_fen // quantity)
        self.rounding_fen += unit_price_fen * quantity - listed_fen
        self.lines.append(
            OrderLine(
                line_no=self._before + len(self.lines) + 1,
                channel_line_id=self._line.line_id,
                channel_sku_id=self._line.channel_sku_id,
                sku=sku,
                title=self._line.title,
                quantity=quantity,
                unit_price_fen=unit_price_fen,
                discount_fen=unit_price_fen * quantity - payable_fen,
                paid_fen=payable_fen,
                is_gift=gift,
                mapped=self._from,
            )
        )


def weight_of(component: Component) -> int:
    """A component's part of the money, as a weight: of all its pieces; a gift has none."""
    if component.gift:
        return 0
    return component.quantity * (1 if component.weight is None else component.weight)


def in_channel_pieces(
    shipped: Sequence[tuple[str, int]], mapped: Mapping[str, int]
) -> tuple[tuple[str, int], ...]:
    """Our shipped pieces, (channel's line id, pieces), as the channel counts them.

    `mapped` are the pieces the channel sold of lines that a mapping opened. A parcel holds all of an order, so
    such a line has left in whole, components and gifts.
    """
    told_pieces: dict[str, int] = {}
    for line_id, pieces in shipped:
        sold = mapped.get(line_id)
        told_pieces[line_id] = told_pieces.get(line_id, 0) + pieces if sold is None else sold
    return tuple(told_pieces.items())
