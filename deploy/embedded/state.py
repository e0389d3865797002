"""What is known of a stack between two commands: `stack.json` in its home, and the home's lock.

Guarantees: the file is replaced whole, never half written; only one command at a time changes a
home.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from deploy.embedded.errors import (
    HomeNotWritable,
    NotRunning,
    PortUnreadable,
    StackBusy,
    StateUnreadable,
    UnknownServer,
)
from deploy.embedded.locks import try_lock
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.postgres import DATABASE, ROLE, private_directories
from deploy.embedded.processes import Identity
from deploy.embedded.registry import API_PATH

_LOCK_PATIENCE_S = 300


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """One started server."""

    name: str
    identity: Identity


class StackState(msgspec.Struct, frozen=True, kw_only=True):
    """One home's stack; `ports` is server → port name → number."""

    phase: Literal["starting", "running"]
    ports: dict[str, dict[str, int]]
    servers: tuple[ServerState, ...] = ()

    def server(self, name: str) -> ServerState:
        """The started server of that name.

        Raises:
            UnknownServer: the stack has none.
        """
        for one in self.servers:
            if one.name == name:
                return one
        raise UnknownServer(f"the stack has no server {name!r}")

    def with_server(self, started: ServerState) -> "StackState":
        """The state with this server added, or put in place of its predecessor."""
        others = tuple(one for one in self.servers if one.name != started.name)
        return msgspec.structs.replace(self, servers=(*others, started))


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A running stack's addresses, as the services take them in their settings."""

    home: str
    kafka_bootstrap: str
    schema_registry_url: str
    postgres_url: str
    valkey_url: str
    pids: dict[str, int]

    def environment(self) -> dict[str, str]:
        """The services' settings as environment variables."""
        return {
            "DANSHU_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "DANSHU_SCHEMA_REGISTRY_URL": self.schema_registry_url,
            "DANSHU_POSTGRES_URL": self.postgres_url,
            "DANSHU_VALKEY_URL": self.valkey_url,
        }


def addresses(state: StackState, home: Path) -> Stack:
    """The addresses of a stack in this state."""
    ports = state.ports
    return Stack(
        home=str(home),
        kafka_bootstrap=f"{LOOPBACK}:{ports['kafka']['broker']}",
        schema_registry_url=f"http://{LOOPBACK}:{ports['registry']['http']}{API_PATH}",
        postgres_url=f"postgresql://{ROLE}@{LOOPBACK}:{ports['postgres']['tcp']}/{DATABASE}",
        valkey_url=f"valkey://{LOOPBACK}:{ports['valkey']['tcp']}/0",
        pids={one.name: one.identity.pid for one in state.servers},
    )


def default_home() -> Path:
    """DANSHU_HOME, else `.danshu` in the clone."""
    named = os.environ.get("DANSHU_HOME")
    clone = Path(__file__).resolve().parents[2]
    return Path(named).expanduser().resolve() if named else clone / ".danshu"


def read(home: Path) -> StackState | None:
    """The recorded state; None if no stack was started since the last `down`.

    Raises:
        StateUnreadable: the file is there and is not ours.
    """
    path = home / "stack.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=StackState)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StateUnreadable(f"{path}: {error}") from None


def read_started(home: Path) -> StackState:
    """The recorded state.

    Raises:
        NotRunning: there is none.
    """
    state = read(home)
    if state is None:
        raise NotRunning(f"no stack runs in {home}")
    return state


def write(home: Path, state: StackState) -> None:
    """Replace the recorded state. The addresses stand beside it for readers in other languages."""
    document = msgspec.to_builtins(state) | {
        "addresses": msgspec.to_builtins(addresses(state, home))
    }
    fresh = home / "stack.json.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    fresh.replace(home / "stack.json")


def forget(home: Path) -> None:
    """Remove the record: nothing runs any more."""
    (home / "stack.json").unlink(missing_ok=True)


def is_kept(home: Path) -> bool:
    """Whether the data in this home were started with `keep` and are not to be wiped."""
    return (home / "data" / "kept").exists()


def mark_kept(home: Path) -> None:
    """Keep the data beyond the next `down`."""
    (home / "data").mkdir(parents=True, exist_ok=True)
    (home / "data" / "kept").touch()


def wipe_data(home: Path) -> None:
    """Remove all data, also those which lie outside and are linked to."""
    linked = home / "data" / "postgres"
    if linked.is_symlink():
        shutil.rmtree(linked.readlink().parent, ignore_errors=True)
    for private in private_directories(home):
        shutil.rmtree(private, ignore_errors=True)
    for name in ("data", "config", "scratch"):
        shutil.rmtree(home / name, ignore_errors=True)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Make the home if need be, and let nobody else change its stack while the block runs.

    Raises:
        HomeNotWritable: it cannot be made or written.
        StackBusy: another command held it for five minutes.
    """
    try:
        (home / "logs").mkdir(parents=True, exist_ok=True)
        lock = (home / "stack.lock").open("w")
    except OSError as error:
        raise HomeNotWritable(f"{error.filename or home}: {error.strerror}") from None
    with lock:
        deadline = time.monotonic() + _LOCK_PATIENCE_S
        while not try_lock(lock):
            if time.monotonic() > deadline:
                raise StackBusy(f"another command holds {home / 'stack.lock'}")
            time.sleep(0.1)
        yield


def port_preferences(
    preferred: Mapping[str, Mapping[str, int]], recorded: StackState | None
) -> dict[str, int]:
    """Where each search for a port begins: where it was, else DANSHU_PORT_<SERVER>, else custom.

    The result's keys are `server.port`. DANSHU_PORT_<SERVER> sets a server's first port.

    Raises:
        PortUnreadable: such a variable holds no port number.
    """
    known = recorded.ports if recorded else {}
    wishes = {}
    for server, ports in preferred.items():
        for index, (name, usual) in enumerate(ports.items()):
            before = known.get(server, {}).get(name)
            named = _named_port(f"DANSHU_PORT_{server.upper()}") if index == 0 else None
            wishes[f"{server}.{name}"] = before or named or usual
    return wishes


def _named_port(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise PortUnreadable(f"{variable} is {text!r}")
    return int(text)
