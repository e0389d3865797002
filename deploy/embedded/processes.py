"""Detached server processes, known by pid and start time so that a reused pid is never touched.

Guarantees: a process is recorded before it runs (it waits at a gate until the caller has written
its identity down, and gives up if the caller dies first), survives its starter, and never becomes
the starter's zombie.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from deploy.embedded.errors import ProcessOfAnotherUser, ServerFailed, ServerWontStop

# The outer shell ends at once, so that init adopts the server; the inner one waits for the word
# "go" on fd 3 and becomes the server. Standard error is the log.
_GATE = 'exec 3<&0; { read -r go <&3 && exec "$@" 3<&- </dev/null >&2; } & echo $!'
_POLL_S = 0.02


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A process for as long as the machine lives: its pid and when the kernel started it."""

    pid: int
    started: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The user a server runs as when that is not the caller."""

    name: str
    uid: int
    gid: int


def identify(pid: int) -> Identity | None:
    """The identity of a living process; None if there is none or only its zombie is left."""
    started = _linux_start(pid) if sys.platform == "linux" else _psutil_start(pid)
    return None if started is None else Identity(pid=pid, started=started)


def is_alive(identity: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


@contextmanager
def gated(
    argv: Sequence[str],
    *,
    log_path: Path,
    env: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
) -> Iterator[Identity]:
    """Start `argv` detached, yield its identity, and let it run when the block ends well.

    Args:
        argv: absolute program and arguments.
        log_path: appended to by the server's stdout and stderr.
        env: the server's whole environment.
        cwd: where it starts.
        account: the user to become, only possible for root.

    Raises:
        ServerFailed: the program could not be started at all.
    """
    with log_path.open("ab") as log:
        try:
            gate = subprocess.Popen(
                ["/bin/sh", "-c", _GATE, "danshu-gate", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=() if account else None,
            )
        except OSError as error:
            raise ServerFailed(f"{argv[0]} cannot be started: {error}", log_path=log_path) from None
    with gate:
        assert gate.stdin is not None
        assert gate.stdout is not None
        pid = int(gate.stdout.readline())
        identity = identify(pid)
        if identity is None:
            raise ServerFailed(f"{argv[0]} ended before it began", log_path=log_path)
        yield identity
        gate.stdin.write(b"go\n")


def end(
    identity: Identity, *, asked_by: signal.Signals = signal.SIGTERM, patience_s: float
) -> None:
    """Ask a process to end, and after `patience_s` kill it. One already gone is fine.

    Raises:
        ServerWontStop: it outlived SIGKILL by ten seconds.
        ProcessOfAnotherUser: only that user may end it.
    """
    if _send(identity, asked_by) and not wait_until(lambda: not is_alive(identity), patience_s):
        slay(identity)


def slay(identity: Identity) -> None:
    """SIGKILL one process and wait until it is gone.

    Raises:
        ServerWontStop: it is still there ten seconds later.
        ProcessOfAnotherUser: only that user may end it.
    """
    if _send(identity, signal.SIGKILL) and not wait_until(lambda: not is_alive(identity), 10):
        raise ServerWontStop(f"process {identity.pid} does not end")


def occupants(directory: Path) -> tuple[Identity, ...]:
    """The processes whose working directory is `directory`: all of a Postgres cluster's.

    Its backends leave their parent's session, so no process group names them, and after a
    SIGKILL of the postmaster they block the next start until they are gone.
    """
    import psutil

    wanted = str(directory.resolve())
    processes = psutil.process_iter(["cwd"])
    found = [identify(one.pid) for one in processes if one.info["cwd"] == wanted]
    return tuple(identity for identity in found if identity is not None)


def listens(identity: Identity, ports: Collection[int]) -> bool:
    """Whether this very process accepts connections on all of these ports."""
    import psutil

    try:
        sockets = psutil.Process(identity.pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return set(ports) <= {one.laddr.port for one in sockets if one.status == psutil.CONN_LISTEN}


def wait_until(holds: Callable[[], bool], patience_s: float) -> bool:
    """Poll `holds` every 20 ms; whether it became true within `patience_s`."""
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _send(identity: Identity, which: signal.Signals) -> bool:
    if not is_alive(identity):
        return False
    try:
        os.kill(identity.pid, which)
    except ProcessLookupError:
        return False
    except PermissionError:
        raise ProcessOfAnotherUser(f"process {identity.pid} belongs to another user") from None
    return True


def _linux_start(pid: int) -> str | None:
    # Clock ticks since boot, not wall time: a corrected clock must not hide an orphan.
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    state, threads, start_ticks = fields[0], int(fields[17]), fields[19]
    # The first thread may be a zombie while others still close the process's files and ports.
    return None if state in "ZX" and threads <= 1 else f"{boot}/{start_ticks}"


def _psutil_start(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        gone = process.status() == psutil.STATUS_ZOMBIE
        return None if gone else str(int(process.create_time()))
    except psutil.Error:
        return None
