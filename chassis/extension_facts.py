"""What rules may ask of a channel's extension: `ext.<field>`, typed, from the records of the wire.

A fact that the order's channel does not tell is missing, never a guess: the table that has to look at it answers with
its `on_error` (`chassis.rules.table`). Texts that are "" were not told. Times are texts of Beijing as `2026-11-11
20:00:00`, which compare as they stand. Fields of one name mean the same on every channel, so they are one fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType, NoneType
from typing import Any, TypeAlias, get_args, get_type_hints

from msgspec import Struct

from chassis.currency import amount_text
from chassis.rules.values import Kind, Value
from schemas.events.orders import ChannelExtension, OrderPlaced
from schemas.lock import newest, read_lock

GROUP = "ext."
Told: TypeAlias = tuple[tuple[str, Value], ...]
"""(fact, value) of an order, as a service keeps what its table asks."""
_BEIJING = timedelta(hours=8)
_KINDS: Mapping[Any, Kind] = MappingProxyType(
    {str: "text", int: "int", bool: "bool", datetime: "text", tuple[str, ...]: "text list"}
)


def records() -> Mapping[str, type[Struct]]:
    """The record of each channel, by its name."""
    hints = get_type_hints(ChannelExtension)
    return {channel: _told(hints[channel]) for channel in ChannelExtension.__struct_fields__}


def kinds_of(record: type[Struct]) -> dict[str, Kind]:
    """The fields of a record that are facts: lists of other things than texts are none."""
    hints = get_type_hints(record)
    told = {field: _told(hints[field]) for field in record.__struct_fields__}
    return {field: _KINDS[kind] for field, kind in told.items() if kind in _KINDS}


@lru_cache(maxsize=1)
def docs() -> Mapping[str, Mapping[str, str]]:
    """Channel → field → its Chinese label and what it means, from the locked schema."""
    schema = newest(read_lock())[OrderPlaced.FULL_NAME].schema()
    (extension,) = [field for field in schema["fields"] if field["name"] == "extension"]
    return {
        channel["name"]: {field["name"]: field["doc"] for field in _fields(channel)}
        for channel in _fields(extension)
    }


def told_of(
    channel: str, extension: ChannelExtension | None, currency: str
) -> tuple[tuple[str, str], ...]:
    """(label, value) of what is told, as people read it; what is empty, zero, false or a list of records is left out.

    `currency` is the order's, and so that of the amounts.
    """
    record = None if extension is None else getattr(extension, channel, None)
    if record is None:
        return ()
    values = [(field, getattr(record, field)) for field in kinds_of(type(record))]
    labels = {field: doc.split(" · ")[0] for field, doc in docs()[channel].items()}
    return tuple(
        (labels[field].removesuffix("(分)"), amount_text(value, currency))
        if field.endswith("_fen")
        else (labels[field], _as_read(value))
        for field, value in values
        if value
    )


def facts_of(
    asked: Sequence[str], channel: str, extension: ChannelExtension | None
) -> dict[str, Value]:
    """The facts of `asked` (`ext.…`) that an order has; what its channel does not tell is left out."""
    record = None if extension is None else getattr(extension, channel, None)
    if record is None:
        return {}
    found: dict[str, Value] = {}
    for name in asked:
        value = getattr(record, name.removeprefix(GROUP), None)
        if isinstance(value, datetime):
            value = _in_beijing(value)
        if value is not None:
            found[name] = value
    return found


def told_to(asked: Sequence[str], channel: str, extension: ChannelExtension | None) -> Told:
    """What `facts_of` finds, to be kept; nothing asked costs nothing."""
    return tuple(facts_of(asked, channel, extension).items()) if asked else ()


def promised_ship_at(channel: str, extension: ChannelExtension | None) -> datetime | None:
    """The latest time to ship that the channel tells now."""
    record = None if extension is None else getattr(extension, channel, None)
    moment: datetime | None = getattr(record, "promised_ship_at", None)
    return moment


def _in_beijing(moment: datetime) -> str:
    return f"{moment + _BEIJING:%Y-%m-%d %H:%M:%S}"


def _as_read(value: object) -> str:
    match value:
        case bool():
            return "是"
        case datetime():
            return _in_beijing(value)
        case tuple():
            return "、".join(map(str, value))
        case _:
            return str(value)


def _fields(field: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of the record that an optional field holds."""
    fields: list[dict[str, Any]] = field["type"][1]["fields"]
    return fields


def _told(hint: Any) -> Any:
    """The type of a field without "or nothing"."""
    parts = get_args(hint)
    return next(one for one in parts if one is not NoneType) if NoneType in parts else hint


def _facts() -> dict[str, Kind]:
    facts: dict[str, Kind] = {}
    for record in records().values():
        for field, kind in kinds_of(record).items():
            assert facts.setdefault(GROUP + field, kind) == kind, f"{field} is of two kinds"
    return dict(sorted(facts.items()))


EXTENSION_FACTS: Mapping[str, Kind] = MappingProxyType(_facts())
"""Every fact of every channel."""
