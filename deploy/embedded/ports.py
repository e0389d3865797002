"""Loopback ports: the customary one if it is free, else the next free one above it.

Guarantees: a chosen port stays ours until released, also against a second stack starting at the
same moment, and a server can bind it meanwhile.
"""

import contextlib
import random
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.embedded.errors import NoFreePort

DRAWN = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOOPBACK = "127.0.0.1"
SEARCH_LENGTH = 400


@contextmanager
def reserved(preferred: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Hold one free port per name while the block runs.

    Two sockets hold a port. The TCP one is bound with SO_REUSEADDR and does not listen: a server,
    which sets SO_REUSEADDR too, may listen beside it, and remains of closed connections do not
    count. The UDP one of the same number is exclusive: it keeps other choosers out.

    Raises:
        NoFreePort: none within 400 above a preferred one.
    """
    with ExitStack() as held:
        yield {name: _hold_first_free(first, held) for name, first in preferred.items()}


def free_port() -> int:
    """A port nobody has now, also after a server on it was ended and is started again.

    Below the range from which the system draws the near ends of connections (ip(7), ip_local_port_range): one of
    those would take the port of a server that is away, and keep it.
    """
    lowest_drawn = int(DRAWN.read_text(encoding="ascii").split()[0]) if DRAWN.exists() else 32_768
    while True:
        port = random.randrange(lowest_drawn // 2, lowest_drawn)  # noqa: S311 — not a secret
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def is_listening(port: int) -> bool:
    """Whether anything accepts connections on this loopback port."""
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _hold_first_free(first: int, held: ExitStack) -> int:
    last = min(first + SEARCH_LENGTH, 65_536)
    for port in range(first, last):
        if is_listening(port):
            continue
        with ExitStack() as attempt:
            guard = attempt.enter_context(contextlib.closing(socket.socket(type=socket.SOCK_DGRAM)))
            holder = attempt.enter_context(contextlib.closing(socket.socket()))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                guard.bind((LOOPBACK, port))
                holder.bind((LOOPBACK, port))
            except OSError:
                continue
            held.push(attempt.pop_all())
            return port
    raise NoFreePort(f"no free port on {LOOPBACK} from {first} to {last - 1}")
