"""The topic map (`schemas/topics.toml`) as values: what exists, who may write it, how it is created.

`ensure` creates what is missing and refuses a topic whose partition count differs from the map: a key would
move to another partition and its events would lose their order.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from msgspec import Struct

from chassis.errors import StartRefused, Unavailable

MAP = Path(__file__).parent.parent / "schemas" / "topics.toml"
ADMIN_TIMEOUT_S = 30.0
RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Twice `codec.PAYLOAD_BYTES_MAX`: a payload and whatever stands around it. Kafka's own limit is 1 MiB, less than an order may have."""
MAX_BYTES = "max.message.bytes"
LEADER_TRIES = 300
LEADER_PAUSE_S = 0.05


class Topic(Struct, frozen=True, kw_only=True):
    """One topic of the map. `domain` is its name without prefix and version."""

    domain: str
    key: str
    partitions: int
    retention_ms: int
    compacted: bool
    expires: bool
    """Its records are worthless when old: a reader that comes after their retention goes on without them."""
    producer: str
    consumers: tuple[str, ...]

    def name(self, prefix: str) -> str:
        """The name on the broker: `<prefix>.<domain>.v1`; command topics read `<prefix>.commands.<service>.v1`."""
        return f"{prefix}.{self.domain.replace('commands-', 'commands.')}.v1"

    def settings(self) -> dict[str, str]:
        """Broker settings of the topic."""
        largest = {MAX_BYTES: str(RECORD_BYTES_MAX)}
        if self.compacted:
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000", **largest}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms), **largest}


def read_map(path: Path = MAP) -> Mapping[str, Topic]:
    """Domain → topic."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    defaults = document["defaults"]
    return {
        domain: Topic(
            domain=domain,
            key=entry["key"],
            partitions=entry.get("partitions", defaults["order_partitions"]),
            retention_ms=entry.get("retention_ms", defaults["retention_ms"]),
            compacted=entry.get("compacted", False),
            expires=entry.get("expires", False),
            producer=entry["producer"],
            consumers=tuple(entry["consumers"]),
        )
        for domain, entry in document["topics"].items()
    }


TOPICS: Mapping[str, Topic] = read_map()


def consumed_by(processor: str) -> tuple[str, ...]:
    """Domains a processor reads, by the map."""
    return tuple(d for d, topic in TOPICS.items() if processor in topic.consumers)


def ensure(bootstrap: Mapping[str, Any], prefix: str, replication: int) -> None:
    """Creates missing topics and checks the others. A second call changes nothing.

    Raises Unavailable when the broker does not answer, StartRefused when a partition count differs.
    """
    admin = AdminClient(dict(bootstrap))
    try:
        existing = admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics
    except KafkaException as error:
        raise Unavailable(f"Kafka does not answer: {error.args[0]}") from error
    missing = []
    for topic in TOPICS.values():
        name = topic.name(prefix)
        if name not in existing:
            missing.append(NewTopic(name, topic.partitions, replication, config=topic.settings()))
        elif len(existing[name].partitions) != topic.partitions:
            raise StartRefused(
                f"{name} has {len(existing[name].partitions)} partitions, the map says {topic.partitions}. "
                "Topics are never repartitioned in place: restore the count in schemas/topics.toml, or "
                "introduce a new major version of the topic."
            )
    _let_large_records_in(
        admin, [name for t in TOPICS.values() if (name := t.name(prefix)) in existing]
    )
    if not missing:
        return
    for name, created in admin.create_topics(missing, request_timeout=ADMIN_TIMEOUT_S).items():
        try:
            created.result()
        except KafkaException as error:
            # Two services that start together both create; the second finds it done.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise Unavailable(f"{name} could not be created: {error.args[0]}") from error
    _await_leaders(admin, [topic.topic for topic in missing], prefix)


def _let_large_records_in(admin: AdminClient, names: Sequence[str]) -> None:
    """Topics that were made before they had a limit of their own take it now. Raises Unavailable."""
    if not names:
        return
    wanted = ConfigEntry(
        MAX_BYTES, str(RECORD_BYTES_MAX), incremental_operation=AlterConfigOpType.SET
    )
    try:
        described = admin.describe_configs([ConfigResource(ResourceType.TOPIC, n) for n in names])
        small = [r for r, got in described.items() if got.result()[MAX_BYTES].value != wanted.value]
        changes = [
            ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=[wanted])
            for resource in small
        ]
        for changed in admin.incremental_alter_configs(changes).values() if changes else ():
            changed.result()
    except KafkaException as error:
        raise Unavailable(f"topics could not be looked at: {error.args[0]}") from error


def _await_leaders(admin: AdminClient, names: Sequence[str], prefix: str) -> None:
    """A topic answers "created" a moment before its partitions can be asked for anything."""
    partitions = {topic.name(prefix): topic.partitions for topic in TOPICS.values()}
    waiting = {TopicPartition(name, p) for name in names for p in range(partitions[name])}
    for _ in range(LEADER_TRIES):
        # A client which asked too early keeps the answer "no leaders found"; fresh metadata replace it.
        admin.list_topics(timeout=ADMIN_TIMEOUT_S)
        asked = admin.list_offsets(
            {
                partition: OffsetSpec.latest()  # type: ignore[no-untyped-call]
                for partition in waiting
            }
        )
        waiting = {partition for partition, answer in asked.items() if answer.exception()}
        if not waiting:
            return
        time.sleep(LEADER_PAUSE_S)
    raise Unavailable(f"{len(waiting)} new partitions have no leader yet")


def configured(bootstrap: Mapping[str, Any], name: str) -> dict[str, str]:
    """Settings of a topic as the broker has them (for checks)."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    admin = AdminClient(dict(bootstrap))  # what is asked of one that nobody holds is never answered
    described = admin.describe_configs([resource])[resource].result()
    return {key: entry.value for key, entry in described.items()}
