"""What of a channel's extension is told and kept, and what of it goes under seal.

Guarantees: the record that is told has every field but those about a person; those stand in `personal_of` only. Pure.
"""

from __future__ import annotations

from functools import cache, lru_cache
from types import NoneType
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct

from schemas.events.orders import ChannelExtension
from services.ingest.domain.model import Extension

BUYER_KEY = "buyer_key"
EXTENSION = "extension"


def personal_fields(kind: type[Extension]) -> tuple[str, ...]:
    """Names of the fields that tell of a person, in the order of their declaration."""
    hidden = kind.PERSONAL | {BUYER_KEY}
    return tuple(name for name in kind.__struct_fields__ if name in hidden)


def personal_of(extension: Extension) -> tuple[tuple[str, str], ...]:
    """(field, text) of what tells of a person; several texts in one field as JSON, what is empty left out."""
    found = []
    for name in _personal_fields(type(extension)):
        if value := getattr(extension, name):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            found.append((name, text))
    return tuple(found)


def told(extension: Extension) -> ChannelExtension | None:
    """The extension as events tell it; None for an import, and for a channel whose record is not on the wire yet."""
    channel, record = _on_the_wire(type(extension))
    if record is None:
        return None
    made: Any = msgspec.convert(extension, record, from_attributes=True)
    return ChannelExtension(**{channel: made})


def changed_fields(
    before: ChannelExtension | None, after: ChannelExtension | None
) -> tuple[str, ...]:
    """What an amendment names: `extension.<field>` each, or `extension` where one of them has none."""
    if before == after:
        return ()
    was, reads = record_of(before), record_of(after)
    if was is None or reads is None or type(was) is not type(reads):
        return (EXTENSION,)
    fields = was.__struct_fields__
    return tuple(f"{EXTENSION}.{f}" for f in fields if getattr(was, f) != getattr(reads, f))


def record_of(extension: ChannelExtension | None) -> Struct | None:
    """The one record that is set."""
    if extension is None:
        return None
    records = (getattr(extension, name) for name in extension.__struct_fields__)
    return next((record for record in records if record is not None), None)


def as_json(extension: ChannelExtension | None) -> str | None:
    """The record with its channel as `type`: the column of `ingest.orders`."""
    if extension is None:
        return None
    for channel in extension.__struct_fields__:
        if (record := getattr(extension, channel)) is not None:
            fields = msgspec.json.encode(record).decode().removeprefix("{")
            return f'{{"type":"{channel}",{fields}'
    return None


_personal_fields = lru_cache(maxsize=None)(personal_fields)


@cache
def _on_the_wire(kind: type[Extension]) -> tuple[str, type[Struct] | None]:
    """The channel and the class of its record."""
    channel = str(kind.__struct_config__.tag)
    hint = get_type_hints(ChannelExtension).get(channel)
    return channel, next((one for one in get_args(hint) if one is not NoneType), None)
