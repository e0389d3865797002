"""Which warehouse serves an order, and what is missing where none does.

Guarantees: pure; an order is held whole, in one warehouse, or not at all. The Lua scripts follow the same `choose`; a
property test plays both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec.structs import replace

from services.inventory.domain.model import Goods, Lacking, Missing, Row, Short, pieces_of

Available = Callable[[Row], int]


def spare_of(seen: Available, promised: Mapping[Row, int]) -> Available:
    """What is left of what was seen when this batch's promises are kept."""

    def available(row: Row) -> int:
        return seen(row) - promised.get(row, 0)

    return available


def choose(available: Available, candidates: Iterable[str], goods: Goods) -> str:
    """The first warehouse that has all of it; empty when none has."""
    for warehouse in candidates:
        for sku, quantity in goods:
            if available((warehouse, sku)) < quantity:
                break
        else:
            return warehouse
    return ""


def passed_over(
    available: Available,
    candidates: Iterable[str],
    chosen: str,
    goods: Goods,
    quota: Callable[[Row], str] = lambda _row: "",
) -> tuple[Lacking, ...]:
    """Why none of the candidates before the chosen one was taken."""
    found: list[Lacking] = []
    for warehouse in candidates:
        if warehouse == chosen:
            break
        one = lacking(available, warehouse, goods)
        found.append(replace(one, quota=quota((warehouse, one.sku))))
    return tuple(found)


def lacking(available: Available, warehouse: str, goods: Goods) -> Lacking:
    """What a warehouse lacks most of an order."""
    lacks, sku, wanted = max(
        (pieces - available((warehouse, sku)), sku, pieces) for sku, pieces in goods
    )
    return Lacking(
        warehouse=warehouse,
        sku=sku if lacks > 0 else "",
        wanted=wanted if lacks > 0 else 0,
        available=max(0, wanted - lacks) if lacks > 0 else 0,
    )


def shortfall(
    available: Available,
    candidates: Sequence[str],
    goods: Goods,
    quota: Callable[[Row], str] = lambda _row: "",
) -> Short:
    """What is missing in the warehouse that lacks the fewest pieces; the earlier candidate on a tie.

    Without candidates everything is missing. `quota` names the one that is in the way in a row, if any.
    """
    best: tuple[Missing, ...] = tuple(
        Missing(sku=sku, wanted=quantity, available=0) for sku, quantity in goods
    )
    fewest: int | None = None
    for warehouse in candidates:
        missing = tuple(
            Missing(
                sku=sku, wanted=quantity, available=max(0, there), quota=quota((warehouse, sku))
            )
            for sku, quantity in goods
            if (there := available((warehouse, sku))) < quantity
        )
        pieces = sum(one.wanted - one.available for one in missing)
        if fewest is None or pieces < fewest:
            fewest, best = pieces, missing
    return Short(missing=best)


def choose_part(
    available: Available,
    candidates: Sequence[str],
    goods: Goods,
    quota: Callable[[Row], str] = lambda _row: "",
) -> tuple[str, Goods, tuple[Missing, ...]]:
    """What the warehouse that has most of it can give, and what is then missing; the earlier one on a tie.

    Empty where none has a piece.
    """
    best: tuple[str, Goods, tuple[Missing, ...]] = ("", (), ())
    most = 0
    for warehouse in candidates:
        there = [(sku, wanted, available((warehouse, sku))) for sku, wanted in goods]
        given = tuple((sku, min(wanted, has)) for sku, wanted, has in there if has > 0)
        pieces = pieces_of(given)
        if pieces > most:
            missing = tuple(
                Missing(
                    sku=sku, wanted=wanted, available=max(0, has), quota=quota((warehouse, sku))
                )
                for sku, wanted, has in there
                if has < wanted
            )
            most, best = pieces, (warehouse, given, missing)
    return best
