"""What the suite's fixtures promise to every other test."""

import asyncpg
import valkey
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.embedded.stack import Stack


async def test_a_database_is_empty_and_takes_statements(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname = 'public'"
        )
        await connection.execute("CREATE TABLE orders (id int)")
    finally:
        await connection.close()
    assert found == 0


def test_a_valkey_database_is_empty_and_takes_keys(valkey_url: str) -> None:
    with valkey.Valkey.from_url(valkey_url) as client:
        assert client.dbsize() == 0
        client.set("held", 1)


def test_a_topic_under_the_prefix_can_be_made(stack: Stack, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    name = f"{topic_prefix}.orders.v1"
    made = admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    made[name].result(timeout=10)
