"""The recorded state: addresses, preferred ports, and files that are not ours."""

from pathlib import Path

import msgspec
import pytest

from deploy.embedded import state as states
from deploy.embedded.errors import NotRunning, PortUnreadable, StateUnreadable, UnknownServer
from deploy.embedded.processes import Identity
from deploy.embedded.state import ServerState, StackState

PORTS = {
    "kafka": {"broker": 9092, "controller": 9193},
    "registry": {"http": 8081, "management": 9393},
    "postgres": {"tcp": 5432},
    "valkey": {"tcp": 6379},
}
KAFKA = ServerState(name="kafka", identity=Identity(pid=7, started="boot/1"))
STATE = StackState(phase="running", ports=PORTS, servers=(KAFKA,))


def test_a_written_state_reads_back_and_carries_its_addresses(tmp_path: Path) -> None:
    states.write(tmp_path, STATE)
    assert states.read(tmp_path) == STATE
    document = msgspec.json.decode((tmp_path / "stack.json").read_bytes())
    assert document["addresses"]["kafka_bootstrap"] == "127.0.0.1:9092"
    assert document["addresses"]["pids"] == {"kafka": 7}


def test_addresses_are_the_services_settings(tmp_path: Path) -> None:
    assert states.addresses(STATE, tmp_path).environment() == {
        "DANSHU_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
        "DANSHU_SCHEMA_REGISTRY_URL": "http://127.0.0.1:8081/apis/ccompat/v7",
        "DANSHU_POSTGRES_URL": "postgresql://danshu@127.0.0.1:5432/danshu",
        "DANSHU_VALKEY_URL": "valkey://127.0.0.1:6379/0",
    }


def test_no_state_is_none_and_a_command_that_needs_one_names_the_remedy(tmp_path: Path) -> None:
    assert states.read(tmp_path) is None
    with pytest.raises(NotRunning, match="danshu up"):
        states.read_started(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"phase": "flying", "ports": {}}'])
def test_a_foreign_state_file_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "stack.json").write_bytes(content)
    with pytest.raises(StateUnreadable, match=r"stack\.json"):
        states.read(tmp_path)


def test_a_started_server_takes_its_predecessors_place() -> None:
    successor = ServerState(name="kafka", identity=Identity(pid=8, started="boot/2"))
    assert STATE.with_server(successor).servers == (successor,)


def test_an_unknown_server_is_refused() -> None:
    with pytest.raises(UnknownServer, match="mysql"):
        STATE.server("mysql")


def test_the_search_for_ports_begins_where_the_server_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DANSHU_PORT_KAFKA", raising=False)
    before = msgspec.structs.replace(STATE, ports={"kafka": {"broker": 9099}})
    wishes = states.port_preferences({"kafka": {"broker": 9092, "controller": 9193}}, before)
    assert wishes == {"kafka.broker": 9099, "kafka.controller": 9193}


def test_a_setting_moves_a_servers_first_port_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANSHU_PORT_KAFKA", "19092")
    wishes = states.port_preferences({"kafka": {"broker": 9092, "controller": 9193}}, None)
    assert wishes == {"kafka.broker": 19092, "kafka.controller": 9193}


@pytest.mark.parametrize("text", ["many", "0", "65536", "-1", "90.5"])
def test_a_setting_that_is_no_port_is_refused_by_name(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANSHU_PORT_KAFKA", text)
    with pytest.raises(PortUnreadable, match="DANSHU_PORT_KAFKA"):
        states.port_preferences({"kafka": {"broker": 9092}}, None)


def test_wiping_removes_linked_data_elsewhere_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "temporary" / "danshu-postgres-1" / "data"
    elsewhere.mkdir(parents=True)
    (tmp_path / "home" / "data").mkdir(parents=True)
    (tmp_path / "home" / "data" / "postgres").symlink_to(elsewhere)
    states.wipe_data(tmp_path / "home")
    assert not elsewhere.parent.exists()
    assert elsewhere.parent.parent.exists()
    assert not (tmp_path / "home" / "data").exists()
