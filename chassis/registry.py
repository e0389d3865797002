"""The schema registry gets our schemas in lock order and must hand out the locked ids.

Any Confluent-compatible registry does. An in-memory one that lost everything is filled again and gives the
same ids, so a log that outlived it stays readable. It is asked for what a newer release has registered (`schema_of`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from chassis.codec import Codec
from chassis.errors import StartRefused, Unavailable
from schemas.lock import Locked, canonical, read_lock

CONFLICT = 409
"""Somebody else fills it at the same moment; the order of both is the same, so both get the same ids."""
CONFLICTS_MAX = 20
CONFLICT_PAUSE_S = 0.2
NOT_FOUND = 404
ANSWER_S = 2.0
FILL_ANSWER_S = 10.0
"""How long one answer may take while it is filled: by itself the client waits for ever, and the start with it."""
SCHEMA_IDS = range(1, 2**31)
"""What a registry may give out. It is not asked for anything else, which a broken record may well name."""
REMEDY = (
    "The registry was filled by someone else first. Use an empty one, or write a lock for this registry "
    "with `danshu schemas adopt` and deploy it with the code."
)


def _holds(client: SchemaRegistryClient, entry: Locked) -> bool:
    try:
        held = client.get_schema(entry.schema_id)
    except SchemaRegistryError as error:
        if error.http_status_code == NOT_FOUND:
            return False
        raise
    return f'"{entry.full_name.rpartition(".")[2]}"' in (held.schema_str or "")


def _demand(given: int, entry: Locked) -> None:
    if given != entry.schema_id:
        raise StartRefused(
            f"schema {entry.full_name} got id {given}, the lock says {entry.schema_id}. {REMEDY}"
        )


def _fill(client: SchemaRegistryClient, entries: Sequence[Locked]) -> int:
    # Filled in order, so the last one there means all are.
    if _holds(client, entries[-1]):
        return 0
    client.set_compatibility(level="FULL_TRANSITIVE")
    for entry in entries:
        given = client.register_schema(
            entry.full_name, Schema(canonical(entry.schema()), schema_type="AVRO")
        )
        _demand(given, entry)
    return len(entries)


def ensure(url: str, locked: Sequence[Locked] | None = None) -> int:
    """Registers what is missing, in order; returns how many were registered. A second call returns 0.

    Raises StartRefused when an id differs from the lock, Unavailable when the registry does not answer.
    """
    entries = read_lock() if locked is None else locked
    with _reached({"url": url, "timeout": FILL_ANSWER_S, "max.retries": 0}) as client:
        for _ in range(CONFLICTS_MAX):
            try:
                return _fill(client, entries)
            except SchemaRegistryError as error:
                if error.http_status_code != CONFLICT:
                    raise
            time.sleep(CONFLICT_PAUSE_S)
        return _fill(client, entries)


def schema_of(url: str, schema_id: int) -> dict[str, Any] | None:
    """The Avro schema with this id, None where the registry has none.

    One question without a second try, at most some seconds long. Raises Unavailable when it is not answered.
    """
    if schema_id not in SCHEMA_IDS:
        return None
    with _reached({"url": url, "timeout": ANSWER_S, "max.retries": 0}) as client:
        try:
            held = client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code == NOT_FOUND:
                return None
            raise
    if held.schema_type != "AVRO":
        return None
    schema: dict[str, Any] = json.loads(held.schema_str or "{}")
    return schema


def codec_asking(url: str) -> Codec:
    """The codec of a process: over the committed lock, and for what is newer it asks this registry."""
    return Codec(read_lock(), partial(schema_of, url))


@contextmanager
def _reached(options: dict[str, Any]) -> Iterator[SchemaRegistryClient]:
    """A client. Raises Unavailable for whatever says that there is no answer now."""
    url = options["url"]
    try:
        with SchemaRegistryClient(options) as client:
            yield client
    except SchemaRegistryError as error:
        raise Unavailable(f"schema registry: {error.error_message}") from error
    except OSError as error:
        raise Unavailable(f"schema registry at {url} does not answer") from error
    except Exception as error:
        if type(error).__module__.startswith(("httpx", "httpcore")):
            raise Unavailable(f"schema registry at {url} does not answer") from error
        raise
