"""Presets: which column of a back office's export is what. One TOML file each, or a merchant's own.

A preset names, for each field of an order and of its lines, the headers under which exports have had it, the best
one first; what a state's words mean; and how an order number of the channel looks.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from services.ingest.domain.model import LineRefundState, OrderSnapshotState
from services.ingest.imports.cells import Cell, header, wording

FOLDER = Path(__file__).parent / "presets"
HEADER_ROWS_MAX = 20
"""Titles and notes may stand above the header."""
PRESET_BYTES_MAX = 256 * 1024

Names = Annotated[tuple[str, ...], Meta(min_length=1)]


class Unusable(Exception):
    """A preset or a file which cannot be imported from; the message is for people."""


class OrderColumns(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is the same in every row of an order; later rows may leave it empty. Amounts are yuan."""

    no: Names
    state: Names
    created: Names | None = None
    paid: Names | None = None
    shipped: Names | None = None
    ended: Names | None = None
    ship_by: Names | None = None
    payable: Names | None = None
    freight: Names | None = None
    name: Names | None = None
    phone: Names | None = None
    province: Names | None = None
    city: Names | None = None
    district: Names | None = None
    town: Names | None = None
    address: Names | None = None
    buyer_memo: Names | None = None
    seller_memo: Names | None = None


class LineColumns(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What belongs to one row. `payable` is the row's share of what is payable, `total` its list price times pieces."""

    quantity: Names
    no: Names | None = None
    sku_id: Names | None = None
    merchant_sku: Names | None = None
    title: Names | None = None
    unit_price: Names | None = None
    total: Names | None = None
    payable: Names | None = None
    freight: Names | None = None
    refund: Names | None = None


class Preset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One export. `channel` is "" where it fits any. `address_in_one`: the address column begins with province and city.

    `line_payable_has_freight`: the row's share of what is payable has its freight in it.
    """

    title: str
    channel: str = ""
    note: str = ""
    order_no: str = r"^[0-9A-Za-z_\-]{1,64}$"
    order: OrderColumns
    line: LineColumns
    states: Mapping[str, OrderSnapshotState]
    refunds: Mapping[str, LineRefundState] = {}
    address_in_one: bool = False
    line_payable_has_freight: bool = False

    def required(self) -> tuple[tuple[str, Names], ...]:
        """Fields without which no order can be made."""
        found = [("order.no", self.order.no), ("order.state", self.order.state)]
        found.append(("line.quantity", self.line.quantity))
        codes = (*(self.line.merchant_sku or ()), *(self.line.sku_id or ()))
        found.append(("line.merchant_sku", codes))
        amounts = (*(self.order.payable or ()), *(self.line.payable or ()))
        found.append(("order.payable", amounts))
        return tuple(found)


class Loaded(Struct, frozen=True, kw_only=True):
    """A preset with its name and a digest of its text."""

    name: str
    sha256: str
    preset: Preset


class Columns(Struct, frozen=True, kw_only=True):
    """Where a preset's fields stand in one file. `at`: field → place of its column, counted from 0."""

    header_row: int
    headers: tuple[str, ...]
    at: Mapping[str, int]

    def name_of(self, field: str) -> str:
        """The header of a field's column, "" where the file has none."""
        return self.headers[self.at[field]] if field in self.at else ""


def known() -> tuple[str, ...]:
    """Names of the presets which come with Danshu."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(name_or_path: str) -> Loaded:
    """A preset by its name, or a merchant's own by its path. Raises Unusable with what is wrong."""
    path = FOLDER / f"{name_or_path}.toml"
    if name_or_path not in known():
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise Unusable(
                f"没有名为 {name_or_path} 的预设；现有：{'、'.join(known())}，或给出自己的 .toml 文件"
            )
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Unusable(f"预设 {path} 读不了：{error.strerror}") from None
    if len(text) > PRESET_BYTES_MAX:
        raise Unusable(f"预设 {path} 超过 {PRESET_BYTES_MAX} 字节")
    try:
        preset = msgspec.convert(tomllib.loads(text.decode()), Preset)
        re.compile(preset.order_no)
    except (
        tomllib.TOMLDecodeError,
        UnicodeDecodeError,
        msgspec.ValidationError,
        re.error,
    ) as error:
        raise Unusable(f"预设 {path} 不能用：{error}") from None
    if not preset.states:
        raise Unusable(f"预设 {path} 没有说明任何订单状态（[states]）")
    preset = replace(
        preset,
        states={wording(words): state for words, state in preset.states.items()},
        refunds={wording(words): state for words, state in preset.refunds.items()},
    )
    return Loaded(name=path.stem, sha256=hashlib.sha256(text).hexdigest(), preset=preset)


def fitting(channel: str) -> tuple[Loaded, ...]:
    """The presets of a channel, its own before those that fit any."""
    loaded = [load(name) for name in known()]
    fit = [one for one in loaded if one.preset.channel in {channel, ""}]
    return tuple(sorted(fit, key=lambda one: (not one.preset.channel, one.name)))


def columns(preset: Preset, rows: Sequence[tuple[int, Sequence[Cell]]]) -> Columns:
    """Finds the header among the first rows. Raises Unusable naming every column that is missing or there twice."""
    best: list[str] = []
    for row, cells in rows[:HEADER_ROWS_MAX]:
        headers = tuple(header(cell) for cell in cells)
        if not any(header(name) in headers for name in preset.order.no):
            continue
        missing = _missing(preset, headers)
        if not missing:
            return Columns(header_row=row, headers=headers, at=_places(preset, headers))
        best = best or [f"第 {row} 行是表头，但缺少：{'；'.join(missing)}"]
    if best:
        raise Unusable(best[0])
    names = "、".join(preset.order.no)
    raise Unusable(f"前 {HEADER_ROWS_MAX} 行里没有表头“{names}”：文件、预设或编码不对")


def _missing(preset: Preset, headers: tuple[str, ...]) -> list[str]:
    return [
        f"{field}（{'、'.join(names) or '预设没有给出列名'}）"
        for field, names in preset.required()
        if not any(header(name) in headers for name in names)
    ]


def _places(preset: Preset, headers: tuple[str, ...]) -> dict[str, int]:
    places: dict[str, int] = {}
    for group, fields in (("order", preset.order), ("line", preset.line)):
        for field in fields.__struct_fields__:
            for name in getattr(fields, field) or ():
                if (named := header(name)) not in headers:
                    continue
                if headers.count(named) > 1:
                    raise Unusable(f"“{name}”列出现了 {headers.count(named)} 次，不知道用哪一列")
                places[f"{group}.{field}"] = headers.index(named)
                break
    return places


def state_of(preset: Preset, text: str) -> OrderSnapshotState | None:
    """What a state's words mean; None: the preset does not know them."""
    return preset.states.get(wording(text))


def refund_of(preset: Preset, text: str) -> LineRefundState:
    """What a refund's words mean; unknown words count as an open refund, so that nothing ships by mistake."""
    if not text:
        return LineRefundState.NONE
    return preset.refunds.get(wording(text), LineRefundState.UNKNOWN)
