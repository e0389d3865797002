"""Which warehouses send an order that none of them has whole: fewest parcels, then least cost. Pure.

Guarantees: the same numbers always give the same answer. It is exact while there are at most `SETS_MAX` sets of
warehouses to look at; beyond that it is greedy (who has most of what is still wanted comes next) and says so. Each
warehouse that is named gives at least one piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from services.inventory.domain.choosing import Available, choose, lacking
from services.inventory.domain.model import Goods, Lacking, Places

SETS_MAX = 2_000
"""About two milliseconds. Twelve warehouses and four parcels are 793 sets, thirty and two are 465."""

_Wishes: TypeAlias = tuple[tuple[str, ...], tuple[tuple[int, ...], ...], tuple[int, ...]]
"""(warehouses that have any of it, their pieces by SKU, pieces wanted by SKU)."""


class Split(Struct, frozen=True, kw_only=True):
    """Who gives what, and why not otherwise."""

    places: Places
    """By the order of the candidates."""
    cost: int
    """Sum over the warehouses, in the unit it was given in."""
    exact: bool
    """False: found by the greedy search, there may be a better one."""
    not_taken: tuple[Lacking, ...]
    """The other candidates, each with what it lacks most of the order and why it gives nothing."""


def by_rank(warehouses: Sequence[str]) -> Mapping[str, int]:
    """Costs where a table only says who is tried before whom."""
    costs: dict[str, int] = {}
    for rank, warehouse in enumerate(warehouses):
        costs.setdefault(warehouse, rank)
    return costs


def split(
    available: Available, costs: Mapping[str, int], goods: Goods, parcels_max: int
) -> Split | None:
    """The best way to send these goods in at most so many parcels; None where there is none, or none was found.

    `costs` are the candidates in the order of preference, each with what a parcel from there costs; less is better,
    and what costs the same goes by that order.
    """
    pieces = {one: tuple(max(0, available((one, sku))) for sku, _ in goods) for one in costs}
    useful = tuple(one for one in costs if any(pieces[one]))
    wishes = (useful, tuple(pieces[one] for one in useful), tuple(wanted for _, wanted in goods))
    if not _serves(wishes, range(len(useful))):
        return None
    looked_at = 0
    for parcels in range(1, min(parcels_max, len(useful)) + 1):
        looked_at += comb(len(useful), parcels)
        if looked_at > SETS_MAX:
            return _greedy(available, costs, goods, wishes, parcels_max)
        sets = combinations(range(len(useful)), parcels)
        serving = [chosen for chosen in sets if _serves(wishes, chosen)]
        if serving:
            best = min(serving, key=lambda chosen: (_cost(costs, useful, chosen), chosen))
            as_few = {useful[at] for chosen in serving for at in chosen}
            return _told(available, costs, goods, wishes, best, as_few)
    return None


def places_for(
    available: Available, warehouses: Sequence[str], goods: Goods, parcels_max: int
) -> Places:
    """Where the goods would come from now: one warehouse where one has them all; empty where it cannot be."""
    if warehouse := choose(available, warehouses, goods):
        return ((warehouse, goods),)
    found = split(available, by_rank(warehouses), goods, parcels_max) if parcels_max > 1 else None
    return found.places if found else ()


def _serves(wishes: _Wishes, chosen: Sequence[int]) -> bool:
    _, pieces, wanted = wishes
    return all(sum(pieces[at][sku] for at in chosen) >= wants for sku, wants in enumerate(wanted))


def _cost(costs: Mapping[str, int], useful: Sequence[str], chosen: Sequence[int]) -> int:
    return sum(costs[useful[at]] for at in chosen)


def _greedy(
    available: Available,
    costs: Mapping[str, int],
    goods: Goods,
    wishes: _Wishes,
    parcels_max: int,
) -> Split | None:
    useful, pieces, wanted = wishes
    left = list(wanted)
    chosen: list[int] = []
    while any(left):
        if len(chosen) == parcels_max:
            return None
        helpful = {
            at: sum(map(min, pieces[at], left)) for at in range(len(useful)) if at not in chosen
        }
        best = min(helpful, key=lambda at: (-helpful[at], costs[useful[at]], at))
        chosen.append(best)
        left = [max(0, wants - has) for wants, has in zip(left, pieces[best], strict=True)]
    return replace(_told(available, costs, goods, wishes, sorted(chosen), frozenset()), exact=False)


def _told(  # noqa: PLR0917 — all of one answer
    available: Available,
    costs: Mapping[str, int],
    goods: Goods,
    wishes: _Wishes,
    chosen: Sequence[int],
    as_few: frozenset[str] | set[str],
) -> Split:
    useful = wishes[0]
    places = _shares(goods, wishes, chosen)
    taken = {warehouse for warehouse, _ in places}

    def why_not(warehouse: str) -> str:
        if warehouse not in useful:
            return "has_none"
        return "no_cheaper" if warehouse in as_few else "more_parcels"

    return Split(
        places=places,
        cost=sum(costs[warehouse] for warehouse in taken),
        exact=True,
        not_taken=tuple(
            replace(lacking(available, one, goods), why=why_not(one))
            for one in costs
            if one not in taken
        ),
    )


def _shares(goods: Goods, wishes: _Wishes, chosen: Sequence[int]) -> Places:
    """A SKU comes whole from the first that has it all, else from one after the other."""
    useful, pieces, _ = wishes
    shares: dict[int, list[tuple[str, int]]] = {at: [] for at in chosen}
    for number, (sku, wanted) in enumerate(goods):
        whole = [at for at in chosen if pieces[at][number] >= wanted]
        left = wanted
        for at in whole[:1] or chosen:
            given = min(left, pieces[at][number])
            if given:
                shares[at].append((sku, given))
                left -= given
    return tuple((useful[at], tuple(share)) for at, share in shares.items() if share)
