"""The simulators as one web application.

Guarantees: marketplaces, carrier and payment gateway answer under the paths the platforms use; time
moves by itself while the application runs, and stops with it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.clock import Clock, system_clock
from simulators.control import Control
from simulators.doors import Door, Quota, call_of
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


def _platform_routes(simulation: Simulation) -> Iterator[Route]:
    for name, marketplace in MARKETPLACES.items():
        door = Door(
            name,
            throttled=marketplace.throttled,
            plan=simulation.plan,
            hold_s=simulation.settings.hold_s,
            quota=Quota(simulation.settings.calls_per_minute.get(name), simulation.clock),
        )
        answer = partial(_answer, door, simulation.servers[name])
        for path, methods in marketplace.paths.items():
            yield Route(path, answer, methods=list(methods))


async def _answer(door: Door, server: Server, request: Request) -> Response:
    call = await call_of(request)
    return await door.pass_through(lambda: server.answer(call))


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
