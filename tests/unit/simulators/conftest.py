from collections.abc import Callable

import pytest

from simulators.clock import ManualClock
from simulators.payments.alipay import Keys
from simulators.settings import Settings
from simulators.simulation import Simulation

START_MS = 1_800_000_000_000


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_MS)


@pytest.fixture
def simulate(clock: ManualClock, keys: Keys) -> Callable[..., Simulation]:
    """Build a simulation on the manual clock; without faults unless told otherwise."""

    def build(**settings: object) -> Simulation:
        told = {"faults": "none", **settings}
        return Simulation(Settings(**told), clock, keys)  # type: ignore[arg-type]

    return build


@pytest.fixture
def simulation(simulate: Callable[..., Simulation]) -> Simulation:
    return simulate()
