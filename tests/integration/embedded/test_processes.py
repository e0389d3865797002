"""A process that counts as gone has let go of what it held."""

from __future__ import annotations

import socket
import subprocess
import sys

from deploy.embedded.processes import identify, is_alive, slay

_TRIES = 20
_MANY_THREADS_AT_A_PORT = """
import socket, threading, time

server = socket.create_server(("127.0.0.1", 0))
memory = bytearray(50_000_000)

def wake_often():
    while True:
        time.sleep(0.0001)

for _ in range(30):
    threading.Thread(target=wake_often, daemon=True).start()
print(server.getsockname()[1], flush=True)
time.sleep(600)
"""


def test_a_killed_process_with_many_threads_has_closed_its_port() -> None:
    # Its first thread turns into a zombie while the others still hold the port.
    for _ in range(_TRIES):
        with subprocess.Popen(
            [sys.executable, "-c", _MANY_THREADS_AT_A_PORT], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            identity = identify(process.pid)
            assert identity is not None
            slay(identity)
            assert not is_alive(identity)
            socket.create_server(("127.0.0.1", port)).close()
