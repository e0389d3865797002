"""The checker of the consumer transaction finds what it is for: each planted bug, by the finding it leads to."""

from collections.abc import Mapping

from tests.faults.consumer_checker import findings
from tests.faults.planted import TOLD_TOO_EARLY
from tests.faults.trial import STATIC, Trial

SLOW_TO_SEND = {"linger.ms": 1_000, **STATIC}
"""Keeps records in the producer's queue for a moment, so that a kill before the report loses them."""


async def _killed_then_finished(
    trial: Trial, failpoint: str, bug: str, options: Mapping[str, object]
) -> set[str]:
    """Kinds of findings after a worker with a bug was killed and another with the same bug finished."""
    await trial.send(60)
    await trial.until_killed(await trial.start(failpoint, bug=bug, options=options))
    return await _finished(trial, bug, options)


async def _worked(trial: Trial, bug: str) -> set[str]:
    """Kinds of findings after a worker with a bug had a quiet day."""
    await trial.send(60)
    return await _finished(trial, bug, STATIC)


async def _finished(trial: Trial, bug: str, options: Mapping[str, object]) -> set[str]:
    last = await trial.start(bug=bug, options=options)
    await trial.until_done(last)
    await trial.end(last)
    return {finding.partition(":")[0] for finding in findings(await trial.history())}


async def test_offsets_committed_first_lose_a_batch(trial: Trial) -> None:
    # The first batch: a later one may hold nothing but repetitions. It was one of orders or one of commands.
    found = await _killed_then_finished(trial, "batch.before_commit=kill@1", "offset_first", STATIC)

    assert found & {"applied", "commands"}


async def test_without_the_version_guard_duplicates_are_applied(trial: Trial) -> None:
    assert {"applied", "answers"} <= await _worked(trial, "version_guard_removed")


async def test_random_event_ids_are_not_the_derived_ones(trial: Trial) -> None:
    assert await _worked(trial, "random_ids") == {"ids"}


async def test_events_published_before_the_commit_get_a_second_payload(trial: Trial) -> None:
    found = await _killed_then_finished(
        trial, f"{TOLD_TOO_EARLY}=kill@1", "published_first", STATIC
    )

    assert "payloads" in found


async def test_a_row_marked_before_the_report_loses_its_events(trial: Trial) -> None:
    found = await _killed_then_finished(
        trial, "outbox.after_publish=kill@3", "marked_first", SLOW_TO_SEND
    )

    assert {"order", "answers"} & found


async def test_without_the_swap_a_zombie_writes_over_its_heir(trial: Trial) -> None:
    await trial.send(60)
    first = await trial.start(options=STATIC)
    await trial.until_done(first)
    await trial.end(first)
    await trial.hold_all()
    zombie = await trial.start("batch.after_load=stop@1", bug="swap_removed", options=STATIC)
    await trial.until_stopped(zombie)
    heir = await trial.start(bug="swap_removed")
    await trial.until_done(heir)
    trial.wake(zombie)
    await trial.end(zombie, heir)

    found = {finding.partition(":")[0] for finding in findings(await trial.history())}
    assert "payloads" in found
