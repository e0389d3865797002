"""Links that are genuine, expired, forged, or signed by a key that was taken away."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from chassis.errors import StartRefused
from services.ingest.domain.links import Link, LinkFault, LinkKeys

NOW = datetime(2025, 9, 18, 4, 0, tzinfo=UTC)
LINK = Link(campaign_id="autumn", leader_id="lin", expires_at=NOW + timedelta(days=3))
OLD, NEW = base64.b64encode(b"o" * 32).decode(), base64.b64encode(b"n" * 32).decode()
KEYS = LinkKeys.parse(f"1:{OLD}")
TOKEN = KEYS.sign(LINK)


def test_a_link_says_who_may_order_for_what_until_when() -> None:
    assert KEYS.read(TOKEN, NOW) == LINK
    assert KEYS.sign(LINK) == TOKEN
    assert TOKEN.startswith("autumn.lin.")


@pytest.mark.parametrize("at", range(len(TOKEN)))
def test_a_link_with_any_character_changed_or_missing_is_forged(at: int) -> None:
    other = "a" if TOKEN[at] != "a" else "b"
    assert KEYS.read(TOKEN[:at] + other + TOKEN[at + 1 :], NOW) is LinkFault.FORGED
    assert KEYS.read(TOKEN[:at] + TOKEN[at + 1 :], NOW) is LinkFault.FORGED


@pytest.mark.parametrize(
    "token", ["", ".", "....", "团.长.1.1.x", TOKEN + "0", TOKEN + "\n", "a" * 9999]
)
def test_garbage_is_forged(token: str) -> None:
    assert KEYS.read(token, NOW) is LinkFault.FORGED


def test_parts_do_not_run_into_each_other() -> None:
    campaign, leader, *rest = TOKEN.split(".")
    shifted = ".".join([campaign + leader[0], leader[1:], *rest])
    assert KEYS.read(shifted, NOW) is LinkFault.FORGED


def test_a_link_expires_at_its_moment() -> None:
    assert KEYS.read(TOKEN, LINK.expires_at - timedelta(milliseconds=1)) == LINK
    assert KEYS.read(TOKEN, LINK.expires_at) is LinkFault.EXPIRED


def test_a_forged_link_is_not_called_expired() -> None:
    assert KEYS.read(TOKEN[:-1] + "_", NOW + timedelta(days=9)) is LinkFault.FORGED


def test_keys_rotate_the_newest_signs_and_older_ones_verify_until_they_are_taken_away() -> None:
    both, newer = LinkKeys.parse(f"1:{OLD}, 2:{NEW}"), LinkKeys.parse(f"2:{NEW}")
    assert both.read(TOKEN, NOW) == LINK
    assert newer.read(TOKEN, NOW) is LinkFault.FORGED
    assert newer.read(both.sign(LINK), NOW) == LINK
    assert KEYS.read(both.sign(LINK), NOW) is LinkFault.FORGED


def test_a_form_token_belongs_to_one_link_and_one_form() -> None:
    other = KEYS.sign(Link(campaign_id="autumn", leader_id="wu", expires_at=LINK.expires_at))
    assert KEYS.form_token(TOKEN, "a") == KEYS.form_token(TOKEN, "a")
    assert (
        len({KEYS.form_token(TOKEN, "a"), KEYS.form_token(TOKEN, "b"), KEYS.form_token(other, "a")})
        == 3
    )


def test_without_a_key_every_link_is_forged_and_none_is_made() -> None:
    none = LinkKeys.parse("")
    assert not none
    assert none.read(TOKEN, NOW) is LinkFault.FORGED
    with pytest.raises(StartRefused, match="DANSHU_INGEST_LEADER_LINK_KEYS"):
        none.sign(LINK)


@pytest.mark.parametrize(
    "text", ["x", "1", f"a:{OLD}", "1:short", f"1:{OLD},1:{NEW}", f"-1:{OLD}", "1:团"]
)
def test_keys_that_are_none_stop_the_start_without_being_shown(text: str) -> None:
    with pytest.raises(StartRefused, match="leader link key") as refusal:
        LinkKeys.parse(text)
    assert OLD not in str(refusal.value)
