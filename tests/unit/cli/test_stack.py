"""`danshu status`: what it shows, and its exit status. `danshu down` and the demo's home."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from cli.stack import app
from demo.errors import DemoRuns
from demo.home import demo_home, held
from deploy.embedded import stack
from deploy.embedded import state as states
from deploy.embedded.errors import NotRunning
from deploy.embedded.processes import Identity, identify, is_alive
from deploy.embedded.stack import SERVERS, ServerStatus
from deploy.embedded.state import ServerState, StackState

PORTS = {name: dict(one.preferred_ports) for name, one in SERVERS.items()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DANSHU_HOME", str(tmp_path))
    return tmp_path


def recorded(home: Path, monkeypatch: pytest.MonkeyPatch, **said: str) -> None:
    """A stack of living processes, of which each server says this of itself."""
    ours = identify(os.getpid())
    assert ours is not None
    servers = tuple(
        ServerState(name=name, identity=Identity(pid=1, started="x") if word == "dead" else ours)
        for name, word in said.items()
    )
    whole = len(servers) == len(SERVERS)
    states.write(
        home,
        StackState(phase="running" if whole else "starting", ports=PORTS, servers=servers),
    )
    told = tuple(
        ServerStatus(
            name=name, title=SERVERS[name].title, state=word, pid=1, ports={}, log_path="a.log"
        )
        for name, word in said.items()
    )
    monkeypatch.setattr(stack, "status", lambda _: told)


def shown(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["status", *arguments])


@pytest.mark.parametrize(
    ("said", "exit_code"),
    [
        ({}, 3),
        ({"postgres": "running"}, 3),
        (dict.fromkeys(SERVERS, "running"), 0),
        (dict.fromkeys(SERVERS, "running") | {"kafka": "unready"}, 3),
        (dict.fromkeys(SERVERS, "running") | {"kafka": "dead"}, 3),
    ],
    ids=["nothing yet", "a part", "all", "one is mute", "one is dead"],
)
@pytest.mark.parametrize("output", ["table", "json"])
def test_only_a_stack_that_runs_as_a_whole_is_well(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    exit_code: int,
    output: str,
) -> None:
    recorded(home, monkeypatch, **said)
    assert shown("-o", output).exit_code == exit_code


def test_servers_that_were_not_started_are_in_the_table(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(home, monkeypatch, postgres="running")
    lines = shown().stdout.splitlines()
    assert sum("not started" in line for line in lines) == len(SERVERS) - 1
    assert any(SERVERS["kafka"].title in line and "not started" in line for line in lines)


def test_addresses_are_told_only_of_a_whole_stack(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(home, monkeypatch, postgres="running")
    assert msgspec.json.decode(shown("-o", "json").stdout)["addresses"] is None
    assert isinstance(shown("-o", "env").exception, NotRunning)


def test_where_no_stack_was_started_that_is_said(home: Path) -> None:
    assert isinstance(shown().exception, NotRunning)


def test_down_ends_what_a_killed_demo_left(home: Path) -> None:
    logs = demo_home() / "run" / "logs"
    logs.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as orphan:
        identity = identify(orphan.pid)
        assert identity is not None
        (logs / "processes.json").write_bytes(msgspec.json.encode({"orders": identity}))
        states.write(demo_home(), StackState(phase="running", ports=PORTS))

        ended = CliRunner().invoke(app, ["down"])

        assert ended.exit_code == 0
        assert not is_alive(identity)
    assert states.read(demo_home()) is None
    assert "nothing was running" not in ended.stdout
    assert "nothing was running" in CliRunner().invoke(app, ["down"]).stdout


def test_down_leaves_a_demo_that_runs_and_says_so(home: Path) -> None:
    with held(demo_home()):
        states.write(demo_home(), StackState(phase="running", ports=PORTS))
        left = CliRunner().invoke(app, ["down"])
        refused = CliRunner().invoke(app, ["down", "--wipe"])
    assert left.exit_code == 0
    assert str(demo_home()) in left.stderr
    assert isinstance(refused.exception, DemoRuns)
    assert states.read(demo_home()) is not None
