"""What the stack must know of one server; each server fills it in in a file of its own."""

import secrets
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.processes import Account
from deploy.embedded.progress import OnProgress


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One server's place in one home: where its files and ports are."""

    name: str
    home: Path
    cache: Path
    ports: Mapping[str, int]
    on_progress: OnProgress
    kept: bool = False
    """Whether the home's data are to outlive `down`, and the machine's next start."""

    @property
    def data_path(self) -> Path:
        """What outlives the process; gone after `down` unless kept."""
        return self.home / "data" / self.name

    @property
    def config_path(self) -> Path:
        """Written anew before every start."""
        return self.home / "config" / self.name

    @property
    def log_path(self) -> Path:
        """Standard output and error of the process."""
        return self.home / "logs" / f"{self.name}.log"


def unfinished(data_path: Path) -> Path:
    """A fresh place beside `data_path` in which to lay data out, to be moved there when whole.

    Each attempt has its own: what lays them out may outlive a killed `up` for some seconds, and
    must neither write into nor read from its successor's.
    """
    return data_path.with_name(f"{data_path.name}.{secrets.token_hex(4)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start the process once everything is in place."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path
    account: Account | None = None


def nothing_to_do(_: Site) -> None:
    """For servers that are complete as soon as they answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A kind of server.

    Attributes:
        name: also the name of its log and data.
        preferred_ports: port name → where the search for a free one begins.
        prepare: fetches, writes configuration, lays out data; may be called again at any time
            while the server is down.
        is_ready: asks the running server itself, in well under a second.
        complete: after each start, when ready.
        clear_leftovers: ends processes a killed predecessor left in the data directory.
        stop_signal: its orderly end.
        start_patience_s, stop_patience_s: bounds, generous: two busy cores need a minute for a JVM.
    """

    name: str
    title: str
    preferred_ports: Mapping[str, int]
    prepare: Callable[[Site], Launch]
    is_ready: Callable[[Site], bool]
    complete: Callable[[Site], None] = nothing_to_do
    clear_leftovers: Callable[[Site], None] = nothing_to_do
    stop_signal: signal.Signals = signal.SIGTERM
    start_patience_s: float = 180
    stop_patience_s: float = 20
