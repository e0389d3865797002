"""The state machine of tests/integration/inventory at length, on a Valkey that may die and come back."""

import os

import pytest

from tests.integration.inventory.any_history import play
from tests.support import stack as stacks

pytestmark = [pytest.mark.faults, pytest.mark.serial, pytest.mark.timeout(1_800)]


@pytest.mark.skipif("FAULTS" not in os.environ, reason="make faults")
def test_any_history_leaves_what_the_model_says(private_stack: stacks.PrivateStack) -> None:
    addresses = private_stack.addresses

    def restart() -> None:
        private_stack.kill("valkey")
        private_stack.start("valkey")

    with stacks.fresh_database(addresses.postgres_url) as url:
        play(url, addresses.valkey_url, examples=200, steps=60, restart=restart)
