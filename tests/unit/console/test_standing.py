"""How a shop stands: what a person in a hurry is told, and in which order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from schemas.events.shop_states import ShopStateChanged
from services.console import words
from services.console.domain.standing import RANKS, TONES, standing_of
from services.ingest.channels import ErrorKind
from services.ingest.domain.shop_health import ShopState
from tests.browser.story import NOON, shop_state


def ago(minutes: int) -> datetime:
    return NOON - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("state", "code", "since", "delay_min"),
    [
        (shop_state("jd", "s", NOON), "normal", NOON, 0),
        (shop_state("jd", "s", NOON, polled_until=ago(5)), "normal", NOON, 5),
        (shop_state("jd", "s", NOON, polled_until=ago(6)), "stalled", ago(6), 6),
        (shop_state("jd", "s", NOON, polled_until=None), "normal", NOON, None),
        (
            shop_state("jd", "s", NOON, polled_until=None, state_since=ago(6)),
            "stalled",
            ago(6),
            None,
        ),
        (
            shop_state("jd", "s", NOON, state="throttled", polled_until=ago(30)),
            "throttled",
            NOON,
            30,
        ),
        (
            shop_state("jd", "s", NOON, state="catching_up", polled_until=ago(90)),
            "catching_up",
            NOON,
            90,
        ),
        (
            shop_state("jd", "s", ago(11), state="unreachable", polled_until=ago(30)),
            "stalled",
            ago(11),
            30,
        ),
        (shop_state("pos", "s", ago(600), polled=False, polled_until=None), "pushing", None, None),
        (shop_state("jd", "s", NOON, state="new_state"), "untold", NOON, 0),
        (shop_state("jd", "s", NOON, polled_until=ago(-1)), "normal", NOON, 0),
        (None, "untold", None, None),
    ],
)
def test_a_shop_stands_as_it_is_told_unless_nothing_moves(
    state: ShopStateChanged | None, code: str, since: datetime | None, delay_min: int | None
) -> None:
    standing = standing_of(state, NOON)
    delay = None if delay_min is None else timedelta(minutes=delay_min)
    assert (standing.code, standing.since, standing.delay) == (code, since, delay)


@pytest.mark.parametrize(
    ("code", "tone", "troubled"),
    [
        ("token_expired", "late", True),
        ("refused", "late", True),
        ("unreachable", "late", True),
        ("throttled", "soon", True),
        ("catching_up", "soon", False),
        ("normal", "good", False),
    ],
)
def test_a_tone_goes_with_every_state(code: str, tone: str, troubled: bool) -> None:
    standing = standing_of(shop_state("jd", "s", NOON, state=code), NOON)
    assert (standing.tone, standing.troubled) == (tone, troubled)


def test_the_worse_comes_first() -> None:
    order = sorted(RANKS, key=lambda code: RANKS[code])
    tones = [TONES[code] for code in order]
    assert [t for i, t in enumerate(tones) if t not in tones[:i]] == [
        "late",
        "soon",
        "good",
        "calm",
    ]


def test_every_state_and_error_of_ingest_has_words() -> None:
    assert {str(state) for state in ShopState} <= set(TONES)
    assert set(words.SHOP_STATES) == set(words.SHOP_ADVICE) == set(TONES)
    assert set(words.SHOP_ERRORS) == {str(kind) for kind in ErrorKind}
