"""Channels' extensions on the wire: the schema is what the channels declare, and all of it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.codec import codec
from chassis.plugins import load
from schemas.events.orders import ChannelExtension, OrderAmended
from schemas.lock import breaches, sources
from services.ingest.channels import Channel
from services.ingest.domain.extensions import as_json, personal_fields, record_of, told
from services.ingest.domain.model import Extension
from services.ingest.extension_schema import avro_type, field_docs, render
from tests.contract.genuine_pushes import EXAMPLES
from tests.unit.orders.life import amended

CHANNELS = load("services.ingest.channels", "CHANNEL", Channel)


def payloads(name: str) -> list[Path]:
    """The examples of a channel."""
    found = sorted(Path(EXAMPLES, name).glob("*.json"))
    return [path for path in found if not path.name.endswith(".expected.json")]


EXTENSIONS = [
    found.order.extensions
    for name, channel in CHANNELS.items()
    for path in payloads(name)
    for found in channel.normalise(path.read_bytes())
    if found.order is not None
]


def test_the_schema_is_what_the_channels_declare() -> None:
    written = {path: path.read_text(encoding="utf-8") for path in render()}
    assert written == render(), "run: python -m services.ingest.extension_schema"


def test_every_channel_has_its_record() -> None:
    assert set(CHANNELS) == set(ChannelExtension.__struct_fields__)
    for name, channel in CHANNELS.items():
        assert channel.extension.__struct_config__.tag == name
    assert {str(type(one).__struct_config__.tag) for one in EXTENSIONS} == set(CHANNELS)


@pytest.mark.parametrize("name", list(CHANNELS))
def test_what_stands_under_a_field_begins_with_its_chinese_label(name: str) -> None:
    kind = CHANNELS[name].extension
    docs = field_docs(kind)
    assert all(ord(docs[field][0]) > 0x2E80 for field in kind.__struct_fields__[1:])


def test_what_channels_tell_goes_over_the_wire_and_back() -> None:
    for extension in EXTENSIONS:
        event = amended("extension", extension=told(extension))
        assert event.extension is not None
        back = codec().decode(codec().encode(event, 1))
        assert isinstance(back, OrderAmended)
        assert back.extension == event.extension


def texts_of(value: Any) -> Iterator[str]:
    """Every text in what an extension tells."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)


def test_a_character_that_no_database_takes_is_in_no_extension() -> None:
    """Postgres' jsonb refuses NUL, and one bad text must not stop the stream."""
    planted = 0
    for name, channel in CHANNELS.items():
        for path in payloads(name):
            body = path.read_bytes()
            said = {
                text
                for found in channel.normalise(body)
                if found.order is not None
                for text in texts_of(msgspec.to_builtins(found.order.extensions))
            }
            for text in said - {""}:
                bad = body.replace(f'"{text}"'.encode(), f'"{text}\\u0000"'.encode())
                planted += bad != body
                for found in channel.normalise(bad):
                    if found.order is not None:
                        assert "\\u0000" not in (as_json(told(found.order.extensions)) or "")
    assert planted > 100


def test_nothing_that_tells_of_a_person_is_told_or_stored() -> None:
    planted = "CANARY"
    for extension in EXTENSIONS:
        hidden: dict[str, Any] = {
            name: ((planted, planted),) if name == "answers" else planted
            for name in personal_fields(type(extension))
        }
        seen = told(msgspec.structs.replace(extension, **hidden))
        assert planted in str(msgspec.structs.replace(extension, **hidden))
        assert planted not in codec().encode(amended("extension", extension=seen), 1).decode(
            "utf-8", "replace"
        )
        assert planted not in (as_json(seen) or "")


def test_a_channel_or_an_optional_field_may_come_later_and_nothing_else() -> None:
    """Both ways, as the lock asks. A union of the records would refuse every channel that comes later."""
    now = sources()["danshu.orders.OrderAmended"]
    (every,) = [f["type"][1] for f in now["fields"] if f["name"] == "extension"]
    without = deepcopy(now)
    (fewer,) = [f["type"][1] for f in without["fields"] if f["name"] == "extension"]
    fewer["fields"] = fewer["fields"][1:]
    assert len(fewer["fields"]) == len(every["fields"]) - 1
    assert breaches(now, [without]) == breaches(without, [now]) == []

    for default, fine in (({"default": None}, True), ({}, False)):
        later = deepcopy(now)
        (more,) = [f["type"][1] for f in later["fields"] if f["name"] == "extension"]
        avro = ["null", "string"] if default else "string"
        field = {"name": "later", "doc": "d", "type": avro, **default}
        more["fields"][0]["type"][1]["fields"].append(field)
        assert (breaches(later, [now]) == []) is fine


@pytest.mark.parametrize("annotation", [float, dict[str, str], str | int, tuple[str, int], bytes])
def test_a_field_that_has_no_place_on_the_wire_is_refused(annotation: object) -> None:
    with pytest.raises(ValueError, match="no place"):
        avro_type(annotation, "X")


def test_every_extension_is_declared_by_its_channel() -> None:
    for extension in EXTENSIONS:
        assert isinstance(extension, Extension)
        channel = CHANNELS[str(type(extension).__struct_config__.tag)]
        assert type(extension) is channel.extension
        assert record_of(told(extension)) is not None
