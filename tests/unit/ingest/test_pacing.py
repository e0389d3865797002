"""What may be told when: no shop keeps another waiting, and no outage costs a write-back."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.pacing import (
    BACKGROUND_CALLS_MAX,
    BACKGROUND_SHOP_CALLS_MAX,
    BACKOFF_MS,
    CALLS_MAX,
    SETTLE_MS,
    SHOP_CALLS_MAX,
    Document,
    Due,
    Pace,
)

A, B = ("taobao", "taobao-1"), ("jd", "jd-1")


def due(number: int, shop: tuple[str, str] = A) -> Due:
    return Due(document=(f"{shop[0]}-{number}", "P1"), shop=shop, job=number)


def dues(count: int, shop: tuple[str, str] = A) -> list[Due]:
    return [due(number, shop) for number in range(count)]


def documents(taken: list[Due]) -> list[Document]:
    return [one.document for one in taken]


def test_a_shop_that_does_not_answer_leaves_room_for_others() -> None:
    pace = Pace(per_s=1_000)
    pace.add(dues(50))
    assert len(pace.take(0)) == SHOP_CALLS_MAX
    assert pace.take(60_000) == []

    pace.add(dues(50, B))

    assert {one.shop for one in pace.take(60_000)} == {B}


def test_one_document_is_in_one_call_until_it_rested() -> None:
    pace = Pace(per_s=1_000)
    pace.add([due(1)])
    (taken,) = pace.take(0)
    pace.add([due(1)])
    assert pace.take(0) == []
    assert pace.left_out(0) == ["taobao-1"]

    pace.settled(taken.document, 0)
    pace.add([due(1)])
    assert pace.take(SETTLE_MS - 1) == []
    assert pace.left_out(SETTLE_MS) == []
    pace.add([due(1)])
    assert documents(pace.take(SETTLE_MS)) == [taken.document]


def test_a_throttling_shop_rests_as_a_whole() -> None:
    pace = Pace(per_s=1_000)
    pace.add([*dues(10), *dues(1, B)])
    taken = pace.take(0)
    first = next(one for one in taken if one.shop == A)
    for one in taken:
        if one is first:
            pace.again(one.document, 0, shop_rests_ms=3_000)
        else:
            pace.settled(one.document, 0)

    assert pace.take(2_999) == []
    assert len(pace.take(3_000)) == SHOP_CALLS_MAX


def test_what_fails_alone_is_counted_and_what_fails_with_its_shop_is_not() -> None:
    pace = Pace(per_s=1_000)
    now_ms = 0
    for _ in range(20):
        pace.add([due(1)])
        (taken,) = pace.take(now_ms)
        assert pace.failed(taken.document) == 1
        pace.again(taken.document, now_ms)
        now_ms += BACKOFF_MS[-1]
        pace.left_out(now_ms)

    for wanted in (2, 3):
        pace.add([due(2)])
        (good,) = pace.take(now_ms)
        pace.settled(good.document, now_ms)
        now_ms += BACKOFF_MS[-1]
        pace.left_out(now_ms)
        pace.add([due(1)])
        (bad,) = pace.take(now_ms)
        assert pace.failed(bad.document) == wanted
        pace.again(bad.document, now_ms)
        now_ms += BACKOFF_MS[-1]
        pace.left_out(now_ms)


@given(
    per_s=st.sampled_from([1, 5, 20]),
    steps=st.lists(st.integers(min_value=0, max_value=3_000), min_size=1, max_size=60),
)
def test_no_shop_gets_more_than_its_rate_and_nothing_is_lost(per_s: int, steps: list[int]) -> None:
    pace = Pace(per_s=per_s)
    pace.add([*dues(40), *dues(40, B)])
    now_ms, told = 0, Counter[Document]()
    at_shop: dict[tuple[str, str], list[int]] = {A: [], B: []}
    for step_ms in [*steps, *[1_000] * 100]:
        now_ms += step_ms
        taken = pace.take(now_ms)
        assert len(taken) <= CALLS_MAX
        for one in taken:
            told[one.document] += 1
            at_shop[one.shop].append(now_ms)
            pace.settled(one.document, now_ms)

    assert set(told.values()) == {1}
    assert len(told) == 80
    for moments in at_shop.values():
        for start_ms in moments:
            within = [moment for moment in moments if start_ms <= moment < start_ms + 10_000]
            assert len(within) <= per_s * 11


def behind(number: int, shop: tuple[str, str] = A) -> Due:
    document = (f"{shop[1]}-listing-{number}", "stock")
    return Due(document=document, shop=shop, job=number, background=True)


def test_what_waits_in_the_background_goes_where_nothing_else_of_its_shop_waits() -> None:
    pace = Pace(per_s=1_000)
    pace.add([behind(number) for number in range(50)])
    pace.add(dues(SHOP_CALLS_MAX + 1))
    pace.add([behind(0, B)])

    taken = pace.take(0)

    assert [one.background for one in taken if one.shop == A] == [False] * SHOP_CALLS_MAX
    assert [one.background for one in taken if one.shop == B] == [True]


def test_the_background_leaves_room_for_what_comes() -> None:
    pace = Pace(per_s=1_000)
    shops = [("taobao", f"taobao-{number}") for number in range(10)]
    pace.add([behind(number, shop) for shop in shops for number in range(10)])

    first = pace.take(0)
    assert len(first) == BACKGROUND_CALLS_MAX
    assert max(Counter(one.shop for one in first).values()) <= BACKGROUND_SHOP_CALLS_MAX

    pace.add(dues(50, B))
    assert len(pace.take(0)) == min(CALLS_MAX - BACKGROUND_CALLS_MAX, SHOP_CALLS_MAX)


def test_the_background_takes_no_more_calls_than_its_shop_may_have() -> None:
    pace = Pace(per_s=2)
    pace.add([behind(number) for number in range(10)])
    taken = pace.take(0)
    assert len(taken) == BACKGROUND_SHOP_CALLS_MAX
    for one in taken:
        pace.settled(one.document, 0)
    # The bucket is empty: half a second fills it by one.
    pace.add(dues(1))
    assert pace.take(400) == []
    assert [one.background for one in pace.take(500)] == [False]
