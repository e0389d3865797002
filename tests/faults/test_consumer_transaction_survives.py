"""The consumer transaction is applied once and told once and in order, whenever its process dies or freezes."""

import pytest

from tests.faults.consumer_checker import findings
from tests.faults.trial import Trial

KILLED_AT = (1, 2, 5)
"""Passes of the failpoint at which one worker after the other is killed."""
STATIC = {"group.instance.id": "worker-1"}
"""A worker started again under its old name gets its partitions at once, as under a StatefulSet."""


@pytest.mark.parametrize(
    "point", ["batch.before_commit", "batch.after_commit", "outbox.after_publish"]
)
async def test_workers_killed_one_after_the_other_leave_nothing_twice_and_nothing_out(
    trial: Trial, point: str
) -> None:
    await trial.send(200)
    for passes in KILLED_AT:
        worker = await trial.start(f"{point}=kill@{passes}", options=STATIC)
        await trial.until_killed(worker)
    await trial.send(100)
    last = await trial.start(options=STATIC)
    await trial.until_done(last)
    await trial.end(last)

    assert findings(await trial.history()) == ()


@pytest.mark.parametrize("point", ["batch.after_commit", "outbox.after_publish"])
async def test_a_zombie_that_had_committed_wakes_up_to_find_everything_done(
    trial: Trial, point: str
) -> None:
    await trial.send(150)
    zombie = await trial.start(f"{point}=stop@3")
    await trial.until_stopped(zombie)
    # It may have been in the midst of its next batch.
    await trial.end_sessions()
    heir = await trial.start()
    await trial.until_done(heir)
    trial.wake(zombie)
    await trial.until_shared(2)
    await trial.send(150)
    await trial.until_done(zombie, heir)
    await trial.end(zombie, heir)

    assert findings(await trial.history()) == ()


@pytest.mark.parametrize("point", ["batch.after_load", "batch.before_commit"])
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


async def test_a_zombie_whose_transaction_was_ended_drops_its_batch(trial: Trial) -> None:
    await trial.send(150)
    zombie = await trial.start("batch.before_commit=stop@3")
    await trial.until_stopped(zombie)
    await trial.end_sessions()
    heir = await trial.start()
    await trial.until_done(heir)
    trial.wake(zombie)
    await trial.until_shared(2)
    await trial.send(150)
    await trial.until_done(zombie, heir)
    await trial.end(zombie, heir)

    assert findings(await trial.history()) == ()
