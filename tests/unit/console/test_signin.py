"""Passwords, sessions, and the limit on guessing."""

from __future__ import annotations

import pytest

from chassis.clock import ManualClock
from services.console.signin import (
    FAILURES_MAX,
    PAUSE_MS,
    Guesses,
    Sessions,
    check_user,
    hash_password,
    verify_password,
)
from services.console.web import safe_path
from tests.browser.story import NOON

HOUR_MS = 3_600_000


def test_only_the_password_itself_makes_its_hash() -> None:
    stored = hash_password("correct horse")
    assert verify_password("correct horse", stored)
    assert not verify_password("correct horsf", stored)
    assert stored != hash_password("correct horse")
    assert "correct" not in stored


@pytest.mark.parametrize(
    "stored",
    ["", "plain", "scrypt$x$8$1$AA==$AA==", "scrypt$16$8$1$?$?", "md5$16384$8$1$AA==$AA=="],
)
def test_a_malformed_hash_matches_nothing(stored: str) -> None:
    assert not verify_password("", stored)


def test_without_users_nobody_gets_in() -> None:
    assert not check_user({}, "admin", "admin")
    assert not check_user({}, "", "")


def test_a_session_lasts_its_hours_and_no_longer() -> None:
    clock = ManualClock(NOON)
    sessions = Sessions(b"key", clock, hours=2)
    cookie = sessions.issue("演示")
    session = sessions.read(cookie)
    assert session is not None
    assert session.user == "演示"
    clock.advance(2 * HOUR_MS - 1000)
    assert sessions.read(cookie) is not None
    clock.advance(2000)
    assert sessions.read(cookie) is None


def test_a_changed_or_foreign_cookie_is_no_session() -> None:
    sessions = Sessions(b"key", ManualClock(NOON), hours=2)
    cookie = sessions.issue("demo")
    other = Sessions(b"other", ManualClock(NOON), hours=2).issue("demo")
    name, expires, nonce, mac = cookie.split(".")
    longer = f"{name}.{int(expires) + 9999}.{nonce}.{mac}"
    for wrong in ("", ".", "a.b.c.d", other, longer, cookie + "0", cookie[:-1]):
        assert sessions.read(wrong) is None, wrong


def test_form_tokens_belong_to_one_session() -> None:
    sessions = Sessions(b"key", ManualClock(NOON), hours=2)
    one, other = sessions.read(sessions.issue("demo")), sessions.read(sessions.issue("demo"))
    assert one is not None
    assert other is not None
    assert one.form_token != other.form_token


def test_five_wrong_passwords_pause_that_name_at_that_address_for_a_minute() -> None:
    clock = ManualClock(NOON)
    guesses = Guesses(clock)
    for _ in range(FAILURES_MAX):
        assert guesses.wait_s("demo", "a") == 0
        guesses.failed("demo", "a")
    assert guesses.wait_s("demo", "a") == 60
    assert guesses.wait_s("demo", "b") == 0
    assert guesses.wait_s("other", "a") == 0
    clock.advance(PAUSE_MS)
    assert guesses.wait_s("demo", "a") == 0


def test_a_right_password_forgets_the_wrong_ones() -> None:
    guesses = Guesses(ManualClock(NOON))
    for _ in range(FAILURES_MAX - 1):
        guesses.failed("demo", "a")
    guesses.succeeded("demo", "a")
    guesses.failed("demo", "a")
    assert guesses.wait_s("demo", "a") == 0


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/orders/DS1?x=1", "/orders/DS1?x=1"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("https://elsewhere.example", "/"),
        ("/login", "/"),
        ("/a\nb", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_stays_here(asked: str, goes_to: str) -> None:
    assert safe_path(asked) == goes_to
