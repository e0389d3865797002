"""The consumer transaction is applied once and told once and in order, whenever its process dies or freezes.

`make faults SEED=7` draws other passes and repetitions, and dies more often.
"""

import os
import random

import pytest

from tests.faults.consumer_checker import findings
from tests.faults.trial import STATIC, Trial

POINTS = ("batch.before_commit", "batch.after_commit", "outbox.after_publish")
HOLDING_LOCKS = ("batch.after_load", "batch.before_commit")
"""Where a frozen worker has the locks of its batch. The first is the harder; both with a seed named."""
PASSES_MAX = 5


async def test_workers_killed_one_after_the_other_leave_nothing_twice_and_nothing_out(
    trial: Trial, seed: int, rounds: int
) -> None:
    chance = random.Random(seed)
    await trial.send(200 * rounds)
    for point in chance.sample(POINTS * rounds, len(POINTS) * rounds):
        armed = f"{point}=kill@{chance.randint(1, PASSES_MAX)}"
        await trial.until_killed(await trial.start(armed, options=STATIC))
    await trial.send(100)
    last = await trial.start(options=STATIC)
    await trial.until_done(last)
    await trial.end(last)

    assert findings(await trial.history()) == ()


async def test_zombies_wake_up_to_find_everything_done(trial: Trial, seed: int) -> None:
    chance = random.Random(seed)
    await trial.send(200)
    zombies = []
    for point in POINTS:
        zombie = await trial.start(f"{point}=stop@{chance.randint(1, PASSES_MAX)}")
        await trial.until_stopped(zombie)
        # In a transaction it would keep its heir waiting; Postgres ends such a session after a minute.
        await trial.end_sessions()
        zombies.append(zombie)
    heir = await trial.start()
    await trial.until_done(heir)
    for zombie in zombies:
        trial.wake(zombie)
    await trial.until_shared(len(zombies) + 1)
    await trial.send(100)
    await trial.until_done(*zombies, heir)
    await trial.end(*zombies, heir)

    assert findings(await trial.history()) == ()


@pytest.mark.parametrize("point", HOLDING_LOCKS[: None if "SEED" in os.environ else 1])
async def test_a_zombie_with_an_open_transaction_keeps_its_partitions_until_it_wakes_up(
    trial: Trial, point: str
) -> None:
    await trial.send(150)
    zombie = await trial.start(f"{point}=stop@3")
    await trial.until_stopped(zombie)
    heir = await trial.start()
    await trial.until_blocked()
    trial.wake(zombie)
    await trial.until_shared(2)
    await trial.send(150)
    await trial.until_done(zombie, heir)
    await trial.end(zombie, heir)

    assert findings(await trial.history()) == ()
