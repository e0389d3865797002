"""Questions become batches: one an aggregate, none for who has gone, and each gets its own answer."""

import asyncio

import pytest
from msgspec import Struct

from chassis import direct
from chassis.direct import DirectSource, NotInTime, TooBusy


class Question(Struct, frozen=True):
    text: str


async def asked(source: DirectSource, *questions: tuple[str, str]) -> list["asyncio.Future[str]"]:
    """These questions as tasks that wait for their answer."""
    tasks: list[asyncio.Future[str]] = [
        asyncio.ensure_future(source.ask(key, Question(text), 5.0)) for key, text in questions
    ]
    await asyncio.sleep(0)
    return tasks


async def texts(source: DirectSource) -> list[str]:
    """What the next batch asks."""
    batch = await source.next_batch(0.01)
    events = [] if batch is None else [record.event for record in batch.records]
    return [event.text for event in events if isinstance(event, Question)]


async def test_a_batch_holds_one_question_about_each_aggregate_in_order() -> None:
    source = DirectSource()
    answers = await asked(source, ("a", "1"), ("b", "2"), ("a", "3"), ("a", "4"), ("c", "5"))
    for batch in (["1", "2", "5"], ["3"], ["4"]):
        assert await texts(source) == batch
        source.answer({"a": f"to {batch[0]}"} | ({"b": "to 2", "c": "to 5"} if batch[1:] else {}))
    assert await asyncio.gather(*answers) == ["to 1", "to 2", "to 3", "to 4", "to 5"]
    assert await texts(source) == []


async def test_a_question_whose_asker_has_gone_is_not_begun() -> None:
    source = DirectSource()
    gone, stays = await asked(source, ("a", "1"), ("a", "2"))
    gone.cancel()
    await asyncio.sleep(0)
    assert await texts(source) == ["2"]
    source.answer({"a": "yes"})
    assert await stays == "yes"


async def test_an_answer_that_comes_too_late_is_nobodys() -> None:
    source = DirectSource()
    asking = asyncio.ensure_future(source.ask("a", Question("1"), 0.5))
    await asyncio.sleep(0)
    assert await texts(source) == ["1"]
    with pytest.raises(NotInTime):
        await asking
    source.answer({"a": "late"})


async def test_more_than_can_wait_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "WAITING_MAX", 2)
    source = DirectSource()
    answers = await asked(source, ("a", "1"), ("b", "2"))
    with pytest.raises(TooBusy):
        await source.ask("c", Question("3"), 5.0)
    assert await texts(source) == ["1", "2"]
    source.answer({"a": "yes", "b": "yes"})
    assert await asyncio.gather(*answers) == ["yes", "yes"]


async def test_a_question_that_comes_as_its_reader_is_ended_does_not_keep_the_reader() -> None:
    source = DirectSource()

    async def read() -> None:
        while True:
            await source.next_batch(60.0)

    reader = asyncio.create_task(read())
    asking = asyncio.create_task(source.ask("a", Question("1"), 60.0))
    await asyncio.sleep(0)
    reader.cancel()
    await asyncio.wait({reader}, timeout=1)
    assert reader.cancelled()
    asking.cancel()
