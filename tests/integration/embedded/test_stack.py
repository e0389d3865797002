"""The embedded stack through its lives: up, killed in part and whole, kept, wiped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import psutil
import pytest
import valkey
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from fastavro import parse_schema

from chassis import registry
from chassis.errors import Unavailable
from deploy.embedded import postgres, stack
from deploy.embedded import state as states
from deploy.embedded.errors import NotRunning, PortTaken, UnknownServer
from deploy.embedded.processes import Identity, identify, is_alive, wait_until
from deploy.embedded.progress import Progress
from deploy.embedded.stack import SERVERS, Stack
from schemas.lock import read_lock
from tests.support import stack as stacks

pytestmark = [pytest.mark.serial, pytest.mark.timeout(600)]

CLONE = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose parents only its owner may enter, as in a clone under root's directory."""
    monkeypatch.setattr(postgres, "LASTING", Path(tempfile.gettempdir()))
    yield tmp_path / "家 home"
    stack.down(tmp_path / "家 home", wipe=True)


def test_after_a_start_killed_in_its_middle_and_after_partial_death_a_new_start_is_whole(
    home: Path,
) -> None:
    starting = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"],
        cwd=CLONE,
        env={**os.environ, "DANSHU_HOME": str(home)},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    left = _first_recorded(home)
    starting.kill()
    starting.wait()
    first = stack.up(home, keep=False)
    assert not any(is_alive(one) for one in left)

    told: list[Progress] = []
    assert stack.up(home, keep=False, on_progress=told.append) == first
    assert [one.detail for one in told] == ["already running"]
    assert {one.name: one.state for one in stack.status(home)} == dict.fromkeys(SERVERS, "running")
    assert _listening_addresses(first) == {"127.0.0.1"}

    remember(first)
    kafka_before = identify(first.pids["kafka"])
    os.kill(first.pids["valkey"], signal.SIGKILL)
    os.kill(first.pids["registry"], signal.SIGKILL)
    second = stack.up(home, keep=False)
    assert kafka_before is not None
    assert not is_alive(kafka_before)
    assert recalled(second) == (None, None, None)  # a new run's data, not the old one's

    assert stack.down(home)
    assert not (home / "data").exists()
    assert stack.running(home) is None
    assert not stack.down(home)


def test_each_server_comes_back_on_its_port_with_its_data(
    private_stack: stacks.PrivateStack,
) -> None:
    remember(private_stack.addresses)
    for server in SERVERS:
        private_stack.kill(server)
        states_now = {one.name: one.state for one in stack.status(private_stack.home)}
        assert states_now[server] == "dead"
        private_stack.start(server)
    private_stack.restart("kafka")
    private_stack.restart("postgres")
    assert recalled(private_stack.addresses) == ("kept", "kept", "kept")


def test_kept_data_outlive_kill_9_of_everything_even_if_ports_must_shift(home: Path) -> None:
    before = stack.up(home, keep=True)
    remember(before)
    for process in _families(before):
        # Killing a parent takes its children along before their turn comes.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not any(map(psutil.pid_exists, before.pids.values())), 10)
    occupied = [before.kafka_bootstrap, before.postgres_url.split("@")[1].split("/")[0]]
    squatters = [socket.create_server(_address(one)) for one in occupied]
    try:
        after = stack.up(home, keep=False)
        assert after.kafka_bootstrap != before.kafka_bootstrap
        assert after.postgres_url != before.postgres_url
        assert recalled(after) == ("kept", "kept", "kept")
    finally:
        for squatter in squatters:
            squatter.close()
    stack.down(home)
    assert (home / "data").exists()
    stack.down(home, wipe=True)
    assert not (home / "data").exists()


def test_a_stranger_that_answers_at_a_port_is_not_taken_for_our_server(home: Path) -> None:
    strangers: list[Stranger] = []

    def interfere(progress: Progress) -> None:
        # The last moment before ours starts: the port was free when it was chosen.
        if (progress.server, progress.step) == ("valkey", "starting") and not strangers:
            port = states.read_started(home).ports["valkey"]["tcp"]
            strangers.append(Stranger(port))

    first = stack.up(home, keep=False, on_progress=interfere)
    (stranger,) = strangers
    with stranger:
        assert f":{stranger.port}/" not in first.valkey_url
        with valkey.Valkey.from_url(first.valkey_url) as ours:
            told: Any = ours.info("server")
        assert told["process_id"] == first.pids["valkey"]
    stack.kill(home, "valkey")
    port = states.read_started(home).ports["valkey"]["tcp"]
    with Stranger(port), pytest.raises(PortTaken, match=f"another has its port {port}"):
        stack.start(home, "valkey")


class Stranger:
    """Listens beside the reservation of a port, as any server may, and greets like a Valkey."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._server = socketserver.ThreadingTCPServer(
            ("127.0.0.1", port), _Pong, bind_and_activate=False
        )
        self._server.allow_reuse_address = True
        self._server.daemon_threads = True
        self._server.server_bind()
        self._server.server_activate()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Pong(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for _ in self.rfile:
            self.wfile.write(b"+PONG\r\n")


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(home: Path) -> None:
    bystander = subprocess.Popen(["/bin/sh", "-c", "read -r _"], stdin=subprocess.PIPE)
    with bystander:
        home.mkdir()
        ports = {name: dict(one.preferred_ports) for name, one in SERVERS.items()}
        stale = Identity(pid=bystander.pid, started="another boot/1")
        recorded = states.StackState(
            phase="running",
            ports=ports,
            servers=tuple(states.ServerState(name=name, identity=stale) for name in SERVERS),
        )
        states.write(home, recorded)
        assert stack.running(home) is None
        assert stack.down(home)
        assert bystander.poll() is None
        bystander.communicate(b"\n")


def test_commands_on_a_stack_that_does_not_run_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="danshu up"):
        stack.kill(tmp_path, "kafka")


def test_services_that_start_together_fill_an_empty_registry_with_the_same_ids(
    private_stack: stacks.PrivateStack,
) -> None:
    private_stack.restart("registry")
    url = private_stack.addresses.schema_registry_url
    with ThreadPoolExecutor(6) as pool:
        filled = list(pool.map(lambda _: registry.ensure(url), range(6)))
    assert max(filled) == len(read_lock())
    assert registry.ensure(url) == 0


def test_the_registry_tells_what_another_release_has_registered(
    private_stack: stacks.PrivateStack,
) -> None:
    url = private_stack.addresses.schema_registry_url
    registry.ensure(url)
    for entry in (read_lock()[0], read_lock()[-1]):
        told = registry.schema_of(url, entry.schema_id)
        assert told is not None
        # It leaves out what goes without saying, such as the namespace of a record within.
        assert parse_schema(told) == parse_schema(entry.schema())
    for of_nobody in (0, len(read_lock()) + 1, 2**31 - 1, 2**32 - 1):
        assert registry.schema_of(url, of_nobody) is None
    private_stack.kill("registry")
    try:
        with pytest.raises(Unavailable):
            registry.schema_of(url, read_lock()[0].schema_id)
    finally:
        private_stack.start("registry")


def test_an_unknown_server_is_named(private_stack: stacks.PrivateStack) -> None:
    with pytest.raises(UnknownServer, match="mysql"):
        private_stack.kill("mysql")


def remember(addresses: Stack) -> None:
    """Leave the word "kept" in Kafka, Postgres and Valkey."""
    admin = AdminClient({"bootstrap.servers": addresses.kafka_bootstrap})
    topic = NewTopic("memory.v1", num_partitions=1, replication_factor=1)
    admin.create_topics([topic])["memory.v1"].result(timeout=20)
    producer = Producer({"bootstrap.servers": addresses.kafka_bootstrap, "acks": "all"})
    producer.produce("memory.v1", b"kept")
    assert producer.flush(20) == 0
    _psql(addresses, "CREATE TABLE memory (word text); INSERT INTO memory VALUES ('kept')")
    with valkey.Valkey.from_url(addresses.valkey_url) as client:
        client.set("memory", "kept")


def recalled(addresses: Stack) -> tuple[str | None, str | None, str | None]:
    """What Kafka, Postgres and Valkey remember."""
    with valkey.Valkey.from_url(addresses.valkey_url) as client:
        in_valkey = client.get("memory")
    known = _psql(addresses, "SELECT to_regclass('memory') IS NOT NULL") == "t"
    in_postgres = _psql(addresses, "SELECT word FROM memory") if known else None
    word = in_valkey.decode() if isinstance(in_valkey, bytes) else None
    return _from_kafka(addresses), in_postgres, word


def _from_kafka(addresses: Stack) -> str | None:
    admin = AdminClient({"bootstrap.servers": addresses.kafka_bootstrap})
    if "memory.v1" not in admin.list_topics(timeout=20).topics:
        return None
    consumer = Consumer(
        {
            "bootstrap.servers": addresses.kafka_bootstrap,
            "group.id": "recall",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.subscribe(["memory.v1"])
        message = consumer.poll(30)
        assert message is not None
        return (message.value() or b"").decode()
    finally:
        consumer.close()


def _psql(addresses: Stack, statement: str) -> str:
    from deploy.embedded.postgres import _wheel_programs

    psql = str(_wheel_programs() / "psql")
    command = [psql, "-d", addresses.postgres_url, "-XAtqc", statement]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    return done.stdout.strip()


def _families(addresses: Stack) -> list[psutil.Process]:
    parents = [psutil.Process(pid) for pid in addresses.pids.values()]
    return [*parents, *(child for one in parents for child in one.children(recursive=True))]


def _listening_addresses(addresses: Stack) -> set[str]:
    connections = [one for family in _families(addresses) for one in family.net_connections("tcp")]
    listening = [one for one in connections if one.status == psutil.CONN_LISTEN]
    return {one.laddr.ip.removeprefix("::ffff:") for one in listening}


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    return host, int(port)


def _first_recorded(home: Path) -> list[Identity]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        recorded = states.read(home)
        if recorded is not None and len(recorded.servers) >= 2:
            return [one.identity for one in recorded.servers]
        os.sched_yield()
    raise AssertionError("nothing was started within a minute")
