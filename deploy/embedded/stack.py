"""The embedded stack: Kafka, registry, Postgres and Valkey of one home, on 127.0.0.1.

Guarantees: after `up` every server has answered a real request, and it is the one we started, not
another on its port; servers outlive the caller; a killed predecessor, whole or in part, never hinders
the next `up`; no process is signalled unless its recorded start time still fits. All functions are safe to call again.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import msgspec

from deploy.embedded import state as states
from deploy.embedded.artifacts import cache_directory
from deploy.embedded.errors import HomeNotWritable, PortTaken, ServerFailed, UnknownServer
from deploy.embedded.kafka import KAFKA
from deploy.embedded.ports import is_listening, reserved
from deploy.embedded.postgres import POSTGRES
from deploy.embedded.processes import Identity, end, gated, is_alive, listens, slay, wait_until
from deploy.embedded.progress import OnProgress, Progress, silent
from deploy.embedded.registry import REGISTRY
from deploy.embedded.server import Server, Site
from deploy.embedded.state import ServerState, Stack, StackState, addresses, default_home
from deploy.embedded.valkey import VALKEY

__all__ = [
    "SERVERS", "ServerStatus", "Stack", "default_home", "down", "kill", "restart", "running",
    "start", "status", "up",
]  # fmt: skip

_ANSWER_PATIENCE_S = 10
_PORT_ATTEMPTS = 3

# The order in which they are stopped: what others lean on comes last.
SERVERS = {one.name: one for one in (REGISTRY, KAFKA, VALKEY, POSTGRES)}


class ServerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one server is doing. `state` is running, unready (alive but mute) or dead."""

    name: str
    title: str
    state: str
    pid: int
    ports: dict[str, int]
    log_path: str


class _Cancelled(Exception):  # not an error: another server's failure ends this start
    pass


def up(home: Path, *, keep: bool, on_progress: OnProgress = silent) -> Stack:
    """Bring the home's stack up, or find it up already.

    A stack of which a part is dead is ended and started anew. Data of an earlier run are wiped
    unless that run, or this one, was told to keep them.

    Args:
        home: the directory of its data, logs and state.
        keep: data outlive `down`; true once is true until `down(wipe=True)`.
        on_progress: told of each step, from several threads.

    Raises:
        StackError: each subclass says what to do about it.
    """
    home = home.resolve()
    with states.locked(home):
        recorded = states.read(home)
        if recorded is not None and _answers(home, recorded):
            on_progress(Progress(server="stack", step="note", detail="already running"))
            if keep:
                states.mark_kept(home)
            return addresses(recorded, home)
        if recorded is not None:
            on_progress(
                Progress(server="stack", step="note", detail="ending what an earlier run left")
            )
            _end_all(home, recorded, on_progress)
        if not (keep or states.is_kept(home)):
            states.wipe_data(home)
        try:
            if keep:
                states.mark_kept(home)
            for _ in range(_PORT_ATTEMPTS - 1):
                try:
                    return _start_all(home, recorded, on_progress)
                except PortTaken as error:
                    on_progress(Progress(server="stack", step="note", detail=error.what))
            return _start_all(home, recorded, on_progress)
        except OSError as error:
            where = error.filename or home
            raise HomeNotWritable(f"{where}: {error.strerror}") from error


def down(home: Path, *, wipe: bool = False, on_progress: OnProgress = silent) -> bool:
    """Stop the home's stack in order and remove its data unless they are kept.

    Args:
        home: as for `up`.
        wipe: remove kept data too.
        on_progress: told of each step.

    Returns:
        Whether anything was recorded as started.
    """
    home = home.resolve()
    if not home.is_dir():
        return False
    with states.locked(home):
        recorded = states.read(home)
        if recorded is not None:
            _end_all(home, recorded, on_progress)
            states.forget(home)
        if wipe or not states.is_kept(home):
            states.wipe_data(home)
    return recorded is not None


def running(home: Path) -> Stack | None:
    """The addresses of the home's stack if all of its servers live, else None."""
    recorded = states.read(home.resolve())
    return addresses(recorded, home.resolve()) if recorded and _is_whole(recorded) else None


def status(home: Path) -> tuple[ServerStatus, ...]:
    """How each started server is doing; asks the servers themselves.

    Raises:
        NotRunning: no stack was started in this home.
    """
    home = home.resolve()
    recorded = states.read_started(home)
    return tuple(_status(home, recorded, one) for one in recorded.servers)


def start(home: Path, server: str, *, on_progress: OnProgress = silent) -> Stack:
    """Start one server of a stack again, on its port and data; one that lives is left alone.

    Raises:
        NotRunning, UnknownServer, ServerFailed: see there.
    """
    home = home.resolve()
    with states.locked(home):
        recorded = states.read_started(home)
        if not is_alive(recorded.server(server).identity):
            site = _site(home, recorded, _server(server), on_progress)
            starter = _Starter(recorded, home)
            starter.start(_server(server), site)
            recorded = starter.state
        return addresses(recorded, home)


def kill(home: Path, server: str) -> None:
    """SIGKILL one server with all its processes and wait until they are gone.

    Raises:
        NotRunning, UnknownServer, ServerWontStop: see there.
    """
    home = home.resolve()
    with states.locked(home):
        recorded = states.read_started(home)
        slay(recorded.server(server).identity)
        _server(server).clear_leftovers(_site(home, recorded, _server(server), silent))


def restart(home: Path, server: str, *, on_progress: OnProgress = silent) -> Stack:
    """Stop one server in order and start it again, on its port and data.

    Raises:
        NotRunning, UnknownServer, ServerFailed, ServerWontStop: see there.
    """
    home = home.resolve()
    with states.locked(home):
        recorded = states.read_started(home)
        _end(home, recorded, recorded.server(server), on_progress)
    return start(home, server, on_progress=on_progress)


def _server(name: str) -> Server:
    try:
        return SERVERS[name]
    except KeyError:
        raise UnknownServer(f"there is no server {name!r}") from None


def _is_whole(recorded: StackState) -> bool:
    alive = {one.name for one in recorded.servers if is_alive(one.identity)}
    return recorded.phase == "running" and alive == set(SERVERS)


def _answers(home: Path, recorded: StackState) -> bool:
    """Whether every server lives and answers: one killed a moment ago may still look alive."""

    def settled() -> bool:
        return not _is_whole(recorded) or all(one.state == "running" for one in status(home))

    return wait_until(settled, _ANSWER_PATIENCE_S) and _is_whole(recorded)


def _site(home: Path, recorded: StackState, server: Server, on_progress: OnProgress) -> Site:
    return Site(
        name=server.name,
        home=home,
        cache=cache_directory(),
        ports=recorded.ports[server.name],
        on_progress=on_progress,
        kept=states.is_kept(home),
    )


def _status(home: Path, recorded: StackState, one: ServerState) -> ServerStatus:
    server = _server(one.name)
    site = _site(home, recorded, server, silent)
    if not is_alive(one.identity):
        word = "dead"
    else:
        word = "running" if server.is_ready(site) else "unready"
    return ServerStatus(
        name=one.name,
        title=server.title,
        state=word,
        pid=one.identity.pid,
        ports=recorded.ports[one.name],
        log_path=str(site.log_path),
    )


class _Starter:
    """Starts servers side by side; the first failure stops the waiting of the others."""

    def __init__(self, state: StackState, home: Path) -> None:
        self.state = state
        self._home = home
        self._guard = threading.Lock()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the starts under way give up soon."""
        self._cancelled.set()

    def start(self, server: Server, site: Site) -> None:
        """Start one server, record it before it runs, and wait for its answer."""
        server.clear_leftovers(site)
        launch = server.prepare(site)
        self._check()
        site.on_progress(Progress(server=server.name, step="starting"))
        with gated(
            launch.argv,
            log_path=site.log_path,
            env=launch.env,
            cwd=launch.cwd,
            account=launch.account,
        ) as identity:
            self._record(ServerState(name=server.name, identity=identity))
        self._wait(server, site, identity)
        server.complete(site)
        ports = ", ".join(f"{name} {number}" for name, number in site.ports.items())
        site.on_progress(Progress(server=server.name, step="ready", detail=ports))

    def relay(self, on_progress: OnProgress) -> OnProgress:
        """The same listener, but a cancelled start ends where it would have told something."""

        def tell(progress: Progress) -> None:
            self._check()
            on_progress(progress)

        return tell

    def _record(self, started: ServerState) -> None:
        with self._guard:
            self.state = self.state.with_server(started)
            states.write(self._home, self.state)

    def _wait(self, server: Server, site: Site, identity: Identity) -> None:
        def answered() -> bool:
            self._check()
            if is_alive(identity):
                return server.is_ready(site) and listens(identity, site.ports.values())
            what = f"{server.title} ended while starting"
            if taken := [port for port in site.ports.values() if is_listening(port)]:
                raise PortTaken(f"{what}: another has its port {taken[0]}", log_path=site.log_path)
            raise ServerFailed(what, log_path=site.log_path)

        if not wait_until(answered, server.start_patience_s):
            raise ServerFailed(
                f"{server.title} gave no answer for {server.start_patience_s:.0f} s",
                log_path=site.log_path,
            )

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise _Cancelled


def _start_all(home: Path, recorded: StackState | None, on_progress: OnProgress) -> Stack:
    preferred = {one.name: one.preferred_ports for one in SERVERS.values()}
    with ExitStack() as context:
        chosen = context.enter_context(reserved(states.port_preferences(preferred, recorded)))
        ports = {
            server: {name: chosen[f"{server}.{name}"] for name in names}
            for server, names in preferred.items()
        }
        starter = _Starter(StackState(phase="starting", ports=ports), home)
        states.write(home, starter.state)
        tell = starter.relay(on_progress)
        sites = {name: _site(home, starter.state, one, tell) for name, one in SERVERS.items()}
        for site in sites.values():
            _set_old_log_aside(site.log_path)
        try:
            with ThreadPoolExecutor(len(sites)) as pool:
                _start_side_by_side(pool, starter, sites)
        except BaseException:  # Ctrl-C too: nothing half started stays behind
            _end_all(home, starter.state, on_progress)
            states.forget(home)
            raise
        done = msgspec.structs.replace(starter.state, phase="running")
        states.write(home, done)
        return addresses(done, home)


def _start_side_by_side(
    pool: ThreadPoolExecutor, starter: _Starter, sites: dict[str, Site]
) -> None:
    failures: list[BaseException] = []

    def attempt(server: str) -> None:
        try:
            starter.start(SERVERS[server], sites[server])
        except _Cancelled:
            pass
        except BaseException as error:  # noqa: BLE001  # handed on below
            failures.append(error)
            starter.cancel()

    futures = [pool.submit(attempt, server) for server in sites]
    try:
        for future in futures:
            future.result()
    except BaseException:
        starter.cancel()
        raise
    if failures:
        raise failures[0]


def _set_old_log_aside(log_path: Path) -> None:
    if log_path.exists():
        log_path.replace(log_path.with_suffix(".log.1"))


def _end_all(home: Path, recorded: StackState, on_progress: OnProgress) -> None:
    started = {one.name: one for one in recorded.servers}
    for name in SERVERS:
        if name in started:
            _end(home, recorded, started[name], on_progress)


def _end(home: Path, recorded: StackState, one: ServerState, on_progress: OnProgress) -> None:
    server = _server(one.name)
    if is_alive(one.identity):
        on_progress(Progress(server=one.name, step="stopping"))
        end(one.identity, asked_by=server.stop_signal, patience_s=server.stop_patience_s)
    server.clear_leftovers(_site(home, recorded, server, silent))
    on_progress(Progress(server=one.name, step="stopped"))
