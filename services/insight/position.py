"""Where a start begins to read: a while before the last position, so that windows which were open when the
process ended are built anew from the topic.

Guarantees: every window that starts at the returned horizon or later is read from its first order on, since
a record is stamped after its order was accepted. Closings announced before are announced again with equal
totals. Without committed positions everything is read from the oldest record. Where a partition's oldest
records are gone the horizon is later than they were: what is left of a minute is never told as the whole.

Which channels sell is known from what was announced before: one that is silent at a start is still named.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from chassis.errors import Unavailable
from chassis.source import SEEKING

TIMEOUT_S = 15.0
CLOCKS_APART = timedelta(minutes=1)
"""How far the clocks of a door and of a producer may differ."""
CLOSINGS_READ = 20_000
"""Newest closings whose channels a start knows: a day of fourteen channels that sell in every minute."""
BEGINNING = datetime.fromtimestamp(0, UTC)


def rewind(
    shared: Mapping[str, Any], group: str, topic: str, back: timedelta, now: datetime
) -> datetime:
    """Moves the group's committed positions `back` in time and returns the horizon for the windows.

    Raises Unavailable when Kafka does not answer, or while another member of the group is alive: also one that
    was killed, until its session is over.
    """
    _alone(shared, group)
    options = {**SEEKING, "group.id": group, **shared}
    consumer = Consumer(options)
    try:
        return _rewind(consumer, topic, back, now)
    except KafkaException as error:
        raise Unavailable(f"positions of {group}: {error.args[0]}") from error
    finally:
        consumer.close()


def channels_announced(shared: Mapping[str, Any], group: str, topic: str) -> frozenset[str]:
    """Channels of the newest closings on the topic of signals. Raises Unavailable."""
    consumer = Consumer({**SEEKING, "group.id": group, **shared})
    try:
        partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
        return frozenset[str]().union(
            *(_keys(consumer, TopicPartition(topic, number)) for number in partitions)
        )
    except KafkaException as error:
        raise Unavailable(f"closings on {topic}: {error.args[0]}") from error
    finally:
        consumer.close()


def _keys(consumer: Consumer, partition: TopicPartition) -> frozenset[str]:
    """Keys of the newest records of a partition."""
    oldest, end = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
    at = max(oldest, end - CLOSINGS_READ)
    consumer.assign([TopicPartition(partition.topic, partition.partition, at)])
    found: set[str] = set()
    while at < end:
        message = consumer.poll(TIMEOUT_S)
        if message is None or message.error() is not None:
            raise Unavailable(f"{partition.topic}/{partition.partition} gives no record")
        found.add((message.key() or b"").decode())
        at = (message.offset() or 0) + 1
    consumer.unassign()
    return frozenset(found - {""})


def _alone(shared: Mapping[str, Any], group: str) -> None:
    """Raises Unavailable while somebody else reads: where nothing is committed Kafka would let both, half each."""
    admin = AdminClient(dict(shared))  # what is asked of one that nobody holds is never answered
    asked = admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S)
    try:
        members = asked[group].result().members
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return
        raise Unavailable(f"members of {group}: {error.args[0]}") from error
    if members:
        raise Unavailable(f"another process of insight reads, at {members[0].host}")


def _rewind(consumer: Consumer, topic: str, back: timedelta, now: datetime) -> datetime:
    partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
    asked = [TopicPartition(topic, number) for number in partitions]
    committed = [p for p in consumer.committed(asked, timeout=TIMEOUT_S) if p.offset >= 0]
    newest = [_stamp_before(consumer, p) for p in committed]
    behind = [
        stamp
        for position, stamp in zip(committed, newest, strict=True)
        if stamp is not None and _is_behind(consumer, position)
    ]
    read = [stamp for stamp in newest if stamp is not None]
    # Of a partition without records nobody knows how new its last one was. Where others are only read again it was
    # emptied by its retention: long before that.
    emptied = BEGINNING if read else now
    whole = _minute_after(max(_gone_until(consumer, p, emptied) for p in asked) + CLOCKS_APART)
    if not read:
        return whole
    # A partition at its end is as new as the newest of them; one with records left is as old as it is.
    since = min([max(read), *behind]) - back
    seeks = [TopicPartition(p.topic, p.partition, _ms(since - CLOCKS_APART)) for p in committed]
    found = consumer.offsets_for_times(seeks, timeout=TIMEOUT_S)
    earlier = [
        TopicPartition(to.topic, to.partition, min(to.offset, at.offset))
        for to, at in zip(found, committed, strict=True)
        if to.offset >= 0
    ]
    if earlier:
        consumer.commit(offsets=earlier, asynchronous=False)
    return max(whole, _minute_after(since))


def _is_behind(consumer: Consumer, position: TopicPartition) -> bool:
    end: int = consumer.get_watermark_offsets(position, timeout=TIMEOUT_S)[1]
    return position.offset < end


def _gone_until(consumer: Consumer, partition: TopicPartition, emptied: datetime) -> datetime:
    """Up to when records of a partition may be gone: `emptied` where none is left, BEGINNING where all are there."""
    oldest, end = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
    if oldest == 0:
        return BEGINNING
    return emptied if oldest == end else _stamp(consumer, partition, oldest)


def _stamp_before(consumer: Consumer, position: TopicPartition) -> datetime | None:
    """When the last record before a position was written; None where there is none any more."""
    oldest, _ = consumer.get_watermark_offsets(position, timeout=TIMEOUT_S)
    return _stamp(consumer, position, position.offset - 1) if position.offset > oldest else None


def _stamp(consumer: Consumer, partition: TopicPartition, offset: int) -> datetime:
    """When a record was written."""
    consumer.assign([TopicPartition(partition.topic, partition.partition, offset)])
    message = consumer.poll(TIMEOUT_S)
    consumer.unassign()
    if message is None or message.error() is not None:
        raise Unavailable(f"{partition.topic}/{partition.partition} gives no record")
    return datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC)


def _minute_after(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
