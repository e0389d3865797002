"""A CSV file of SKU mappings: rows with the same key are the components of one mapping.

Guarantees: every row that cannot be used is named with its row number (the header is row 1), and then no
mapping of the file is; a file is read whole or refused whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from cli.csv_file import RowFault, read_rows
from services.ingest.domain.mapping_rules import WrittenMapping
from services.ingest.domain.matching import Component, Key

KEY: Final = ("channel", "shop", "channel_sku_id", "merchant_code")
COLUMNS: Final = (*KEY, "sku", "quantity", "weight", "gift")
NEEDED: Final = frozenset({"sku"})
YES: Final = frozenset({"1", "y", "yes", "true", "是"})
NO: Final = frozenset({"", "0", "n", "no", "false", "否"})
DIGITS_MAX: Final = 12


class MappingFile(Struct, frozen=True):
    """What a file says. `rows` are the row numbers behind each mapping."""

    mappings: tuple[WrittenMapping, ...]
    rows: tuple[tuple[int, ...], ...]


def read_mappings(content: bytes) -> MappingFile | tuple[RowFault, ...]:
    """The mappings of a CSV file in UTF-8, or everything that is wrong with it."""
    rows = read_rows(content)
    if isinstance(rows, RowFault):
        return (rows,)
    if not rows:
        return (RowFault(1, f"the file is empty; the first row names columns of {_names()}"),)
    header = [name.strip().lower() for name in rows[0][1]]
    if faults := tuple(_header_faults(header)):
        return faults
    return _grouped(header, rows[1:])


def component_of(text: str, *, gift: bool = False) -> Component | str:
    """`SKU[:PIECES][@WEIGHT]` → a component, or what is wrong with it."""
    rest, at, weight = text.rpartition("@") if "@" in text else (text, "", "")
    sku, _, pieces = rest.partition(":")
    return _component(
        {
            "sku": sku,
            "quantity": pieces,
            "weight": weight if at else "",
            "gift": "1" if gift else "",
        }
    )


def _header_faults(header: Sequence[str]) -> Iterator[RowFault]:
    if unknown := [name for name in header if name not in COLUMNS]:
        yield RowFault(1, f"unknown column {', '.join(unknown)}; known are {_names()}")
    if len(set(header)) != len(header):
        yield RowFault(1, "a column is named twice")
    if missing := NEEDED - set(header):
        yield RowFault(1, f"column {', '.join(missing)} is missing")


def _grouped(
    header: Sequence[str], rows: Sequence[tuple[int, Sequence[str]]]
) -> MappingFile | tuple[RowFault, ...]:
    mappings: dict[Key, WrittenMapping] = {}
    numbers: dict[Key, tuple[int, ...]] = {}
    faults: list[RowFault] = []
    for number, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(header):
            faults.append(RowFault(number, f"{len(cells)} cells, {len(header)} columns"))
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        component = _component(row)
        if isinstance(component, str):
            faults.append(RowFault(number, component))
            continue
        channel, shop, sku_id, code = (row.get(name, "") for name in KEY)
        key = (channel, shop, sku_id, code)
        mapping = mappings.get(key) or WrittenMapping(
            channel=channel, shop=shop, channel_sku_id=sku_id, merchant_code=code
        )
        mappings[key] = replace(mapping, components=(*mapping.components, component))
        numbers[key] = (*numbers.get(key, ()), number)
    if not mappings and not faults:
        faults.append(RowFault(1, "there is no mapping below the header"))
    return tuple(faults) or MappingFile(tuple(mappings.values()), tuple(numbers.values()))


def _component(row: Mapping[str, str]) -> Component | str:
    gift = row.get("gift", "").lower()
    if gift not in YES | NO:
        return f"gift is {gift!r}; write 1 for a gift and nothing for goods"
    if not row["sku"]:
        return "sku is missing"
    quantity, weight = row.get("quantity") or "1", row.get("weight") or ""
    for name, number in (("quantity", quantity), ("weight", weight or "0")):
        if not (number.isascii() and number.isdigit() and len(number) <= DIGITS_MAX):
            return f"{name} is {number!r}, not a whole number"
    return Component(
        sku=row["sku"],
        quantity=int(quantity),
        weight=int(weight) if weight else None,
        gift=gift in YES,
    )


def _names() -> str:
    return ", ".join(COLUMNS)
