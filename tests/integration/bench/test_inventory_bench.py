"""The plumbing of inventory's benchmark, on few orders: everybody answers, each promises exactly what there is."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from demo.platform import Platform
from deploy.embedded.stack import Stack
from tests.bench.contest import danshu, faust, side_by_side
from tests.bench.inventory import SETTINGS
from tests.bench.inventory_tables import inventory_tables
from tests.bench.reservation_api import reservation_api
from tests.bench.tables import KINDS
from tests.bench.workload import Workload, hot, mixed


@pytest.fixture
def workload() -> Workload:
    """Orders of several lines, and a hot SKU of which there is too little."""
    many, few = mixed(200, 1, skus=40), hot(100, 2)
    return Workload(opening=many.opening | few.opening, wanted=many.wanted | few.wanted)


@pytest.fixture
def empty_platform(
    stack: Stack, database_url: str, valkey_url: str, topic_prefix: str, tmp_path: Path
) -> Platform:
    return Platform(
        replace(stack, valkey_url=valkey_url),
        tmp_path,
        prefix=topic_prefix,
        postgres_url=database_url,
        settings=SETTINGS,
        services=("inventory",),
    )


async def test_inventory_and_a_peer_promise_what_there_is(
    empty_platform: Platform, workload: Workload
) -> None:
    """Not Kafka Streams: its jars are fetched by who asks for the benchmark."""
    subjects = {"danshu": danshu, "faust": faust}
    async with empty_platform as platform:
        run = await side_by_side(platform, workload, subjects)
    assert [one["orders"] for one in run.values()] == [len(workload.wanted)] * len(subjects)
    assert run["danshu"]["units_promised"] == run["faust"]["units_promised"]
    results = dict.fromkeys(KINDS, ()) | {"stream": (run | {"kafka-streams": {"not_run": "here"}},)}
    assert len(list(inventory_tables(results))) == 3


async def test_the_reservation_api_holds_what_it_answered(empty_platform: Platform) -> None:
    async with empty_platform as platform:
        run = await reservation_api(platform, rate_per_s=50.0, seconds=1.0, seed=1, warm_up_s=0.2)
    assert run["requests"] == 50
