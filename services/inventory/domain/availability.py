"""What a channel may offer of a SKU. Pure.

Guarantees: no channel is offered more than is for sale, nor a negative number; more goods never make a smaller
number; a listing of few pieces is closed, which is 0. The shares of several channels may come to more than 100 %:
then they offer the same pieces, and who orders first gets them.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Level(Struct, frozen=True, kw_only=True):
    """One SKU in one warehouse, in pieces. `safety` is what is never offered from there."""

    on_hand: int
    reserved: int
    safety: int


class Quota(Struct, frozen=True, kw_only=True):
    """What a channel may have of what is for sale.

    `share_percent` of it, less `buffer` pieces for what is sold before the channel hears of a change; a listing of
    `close_at` pieces or fewer closes. `rule` is the row that said so. With a `group` the share is that group's alone
    (domain/quotas.py).
    """

    share_percent: int
    buffer: int
    close_at: int
    rule: str
    group: str = ""


def for_sale(levels: Iterable[Level]) -> int:
    """Pieces that lie anywhere, are promised to nobody and are above their warehouse's safety stock.

    A warehouse below its safety stock takes nothing away from the others.
    """
    return sum(max(0, level.on_hand - level.reserved - level.safety) for level in levels)


def offered(pieces: int, quota: Quota, *, set_aside: int = 0, shared_out: bool = False) -> int:
    """Pieces of `pieces` for sale that the channel may offer; fractions are left out.

    `set_aside`: what of them a campaign keeps for the channel, which is its own whatever its share. `shared_out`: what is
    kept for other groups is not among them, so that of a hard share all may be offered.
    """
    rest = pieces - set_aside
    share = rest if shared_out and quota.group else rest * quota.share_percent // 100
    number = max(0, set_aside + share - quota.buffer)
    return number if number > quota.close_at else 0
