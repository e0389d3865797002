"""Run the simulators: `python -m simulators --port 0 --seed 7 --faults default`.

Guarantees: one line of JSON on standard output when the doors are open, with every URL and credential;
listens on the loopback address only.
"""

import argparse
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette

from simulators.app import build
from simulators.control import accounts
from simulators.settings import load

HOST = "127.0.0.1"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulators", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--run", type=int, help="another run of the seed: other order numbers")
    parser.add_argument("--faults", choices=("none", "default", "storm"))
    parser.add_argument("--config", type=Path, help="JSON file of settings")
    return parser.parse_args()


class _Server(uvicorn.Server):
    """Says that it is ready once its doors are open."""

    def __init__(self, config: uvicorn.Config, ready: dict[str, Any]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(msgspec.json.encode(self._ready).decode() + "\n")
            sys.stdout.flush()


def _serve(app: Starlette, port: int) -> None:
    listener = socket.create_server((HOST, port), backlog=512)
    base_url = f"http://{HOST}:{listener.getsockname()[1]}"
    ready = {"ready": True} | accounts(app.state.simulation, base_url)
    # A connection that is closed on purpose is no error of ours to report.
    config = uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        timeout_keep_alive=75,
        # Nobody's forwarding headers are believed, so nobody needs to read them.
        proxy_headers=False,
    )
    uvloop.run(_Server(config, ready).serve(sockets=[listener]))


def main() -> int:
    """Run until told to stop; 2 when a setting is wrong."""
    arguments = _arguments()
    try:
        settings = load(
            arguments.config, seed=arguments.seed, run=arguments.run, faults=arguments.faults
        )
        app = build(settings)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        sys.stderr.write(f"simulators: {error}\n")
        return 2
    _serve(app, arguments.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
