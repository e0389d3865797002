"""What the servers are told, as pure values."""

from pathlib import Path

import pytest

from deploy.embedded import kafka, postgres, valkey
from deploy.embedded.java import render_properties
from deploy.embedded.progress import silent
from deploy.embedded.server import Site


def site(name: str, home: Path = Path("/clone/.danshu")) -> Site:
    ports = {"broker": 19092, "controller": 19093, "tcp": 15432}
    return Site(name=name, home=home, cache=Path("/cache"), ports=ports, on_progress=silent)


def test_kafka_listens_on_loopback_only() -> None:
    settings = kafka.broker_properties(site("kafka"), Path("/clone/.danshu/data/kafka"))
    for name in ("listeners", "advertised.listeners"):
        for listener in settings[name].split(","):
            assert listener.split("://")[1].startswith("127.0.0.1:")


def test_kafka_makes_no_topic_by_accident_and_commits_offsets_at_once() -> None:
    settings = kafka.broker_properties(site("kafka"), Path("/data"))
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.coordinator.append.linger.ms"] == "0"
    assert settings["offsets.topic.replication.factor"] == "1"


def test_postgres_is_durable_and_on_loopback_only() -> None:
    settings = postgres.settings(site("postgres"))
    assert settings["listen_addresses"] == "127.0.0.1"
    assert settings["unix_socket_directories"] == ""
    assert (settings["fsync"], settings["synchronous_commit"]) == ("on", "on")
    assert "lock_timeout" not in settings
    assert "statement_timeout" not in settings


def test_valkey_never_evicts_and_appends_each_second() -> None:
    settings = valkey.settings(site("valkey"))
    assert settings["bind"] == "127.0.0.1"
    assert settings["maxmemory-policy"] == "noeviction"
    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "everysec")


def test_valkeys_directory_may_have_blanks_and_quotes() -> None:
    home = Path('/a "clone" here')
    assert valkey.settings(site("valkey", home))["dir"] == r'"/a \"clone\" here/data/valkey"'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("127.0.0.1:9092", "127.0.0.1:9092"),
        ("/with blank/x", "/with blank/x"),
        (" leading", "\\ leading"),
        ("C:\\clone", "C:\\\\clone"),
        ("/单枢", "/\\u5355\\u67a2"),
        ("/🚚", "/\\ud83d\\ude9a"),
        ("two\nlines", "two\\nlines"),
    ],
)
def test_a_properties_value_survives_javas_reading(value: str, written: str) -> None:
    assert render_properties({"key": value}) == f"key={written}\n"
