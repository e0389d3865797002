"""The simulators as one web application.

Guarantees: marketplaces, carrier and payment gateway answer under the paths the platforms use; time
moves by itself while the application runs, and stops with it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.clock import Clock, system_clock
from simulators.control import Control
from simulators.doors import Call, Door, Quota, call_of
from simulators.marketplaces import Server
from simulators.payments.alipay import Keys
from simulators.pushes import deliver_for_ever
from simulators.registry import MARKETPLACES
from simulators.settings import Settings
from simulators.simulation import Simulation

TICK_S = 0.02


async def _tick_for_ever(simulation: Simulation) -> None:
    while True:
        simulation.advance()
        await asyncio.sleep(TICK_S)


@asynccontextmanager
async def _living(app: Starlette) -> AsyncIterator[None]:
    simulation: Simulation = app.state.simulation
    workers = simulation.settings.push_workers
    queues = (*simulation.pushes.values(), simulation.tracking.queue)
    # The only target is this machine: no proxy of the environment may step between.
    async with httpx2.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_tick_for_ever(simulation))]
        tasks += [group.create_task(deliver_for_ever(queue, client, workers)) for queue in queues]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


class Counter(NamedTuple):
    """One marketplace behind a path."""

    takes: Callable[[Call], bool] | None
    door: Door
    server: Server


def _platform_routes(simulation: Simulation) -> Iterator[Route]:
    counters: dict[str, list[Counter]] = {}
    methods: dict[str, set[str]] = {}
    for name, marketplace in MARKETPLACES.items():
        door = Door(
            name,
            throttled=marketplace.throttled,
            plan=simulation.plan,
            hold_s=simulation.settings.hold_s,
            quota=Quota(simulation.settings.calls_per_minute.get(name), simulation.clock),
        )
        counter = Counter(marketplace.takes, door, simulation.servers[name])
        for path, allowed in marketplace.paths.items():
            # Who takes some calls of a path goes before who takes all of them.
            behind = counters.setdefault(path, [])
            behind.insert(0 if counter.takes else len(behind), counter)
            methods.setdefault(path, set()).update(allowed)
    for path, behind in counters.items():
        yield Route(path, partial(_answer, behind), methods=sorted(methods[path]))


def taker(counters: Sequence[Counter], call: Call) -> Counter:
    """Return whose call it is; the last one's where nobody takes it."""
    return next((one for one in counters if one.takes is None or one.takes(call)), counters[-1])


async def _answer(counters: Sequence[Counter], request: Request) -> Response:
    call = await call_of(request)
    counter = taker(counters, call)
    return await counter.door.pass_through(lambda: counter.server.answer(call))


def build(
    settings: Settings, *, clock: Clock = system_clock, keys: Keys | None = None
) -> Starlette:
    """Return the application; `app.state.simulation` is the world behind it."""
    simulation = Simulation(settings, clock, keys)
    routes = [
        *_platform_routes(simulation),
        Route("/gateway/link.do", simulation.cainiao.gateway, methods=["POST"]),
        Route("/gateway.do", simulation.alipay.gateway, methods=["POST"]),
        *Control(simulation).routes(),
    ]
    app = Starlette(routes=routes, lifespan=_living)
    app.state.simulation = simulation
    return app
