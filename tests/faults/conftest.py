"""Trials of the consumer transaction on the shared servers, and the seed of a run."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.embedded.stack import Stack
from tests.faults.trial import Trial, on_trial
from tests.support.rigs import server_rig


@pytest.fixture(params=[int(os.environ.get("SEED", "1"))], ids=lambda seed: f"seed {seed}")
def seed(request: pytest.FixtureRequest) -> int:
    """`make faults SEED=…`; 1 by default. It stands in the name of each test."""
    number: int = request.param
    return number


@pytest.fixture
def rounds() -> int:
    """How often a run goes through its faults: more where somebody named a seed and has the time."""
    return 3 if "SEED" in os.environ else 1


@pytest.fixture
async def trial(
    stack: Stack, topic_prefix: str, database_url: str, tmp_path: Path, seed: int
) -> AsyncIterator[Trial]:
    """Orders, workers and their history in a corner of their own."""
    async with (
        server_rig(stack, topic_prefix, database_url) as rig,
        on_trial(rig, tmp_path, seed) as trial,
    ):
        yield trial
