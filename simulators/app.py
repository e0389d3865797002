"""The simulators as one web application.

Guarantees: marketplaces, carrier and payment gateway answer under the paths the platforms use; time
moves by itself while the application runs, and stops with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from starlette.applications import Starlette
from starlette.routing import Route

from simulators.clock import Clock, system_clock
from simulators.control import Control
from simulators.payments.alipay import Keys
from simulators.pushes import deliver_for_ever
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
    queues = (simulation.douyin_pushes.queue, simulation.tracking.queue)
    # The only target is this machine: no proxy of the environment may step between.
    async with httpx2.AsyncClient(trust_env=False) as client, asyncio.TaskGroup() as group:
        tasks = [group.create_task(_tick_for_ever(simulation))]
        tasks += [group.create_task(deliver_for_ever(queue, client, workers)) for queue in queues]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def build(
    settings: Settings, *, clock: Clock = system_clock, keys: Keys | None = None
) -> Starlette:
    """Return the application; `app.state.simulation` is the world behind it."""
    simulation = Simulation(settings, clock, keys)
    routes = [
        Route("/router/rest", simulation.taobao.router, methods=["POST"]),
        Route("/routerjson", simulation.jd.router, methods=["GET", "POST"]),
        Route("/order/{method}", simulation.douyin.call, methods=["POST"]),
        Route("/afterSale/{method}", simulation.douyin.call, methods=["POST"]),
        Route("/gateway/link.do", simulation.cainiao.gateway, methods=["POST"]),
        Route("/gateway.do", simulation.alipay.gateway, methods=["POST"]),
        *Control(simulation).routes(),
    ]
    app = Starlette(routes=routes, lifespan=_living)
    app.state.simulation = simulation
    return app
