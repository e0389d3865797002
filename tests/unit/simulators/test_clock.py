import pytest

from simulators.clock import BEIJING_S, iso_ms, iso_text, zoneless_ms, zoneless_text

AT_MS = 1_779_240_662_000


def test_one_moment_in_every_spelling() -> None:
    assert iso_text(AT_MS) == "2026-05-20T09:31:02+08:00"
    assert zoneless_text(AT_MS, BEIJING_S) == "2026-05-20T09:31:02"
    assert zoneless_text(AT_MS, 0) == "2026-05-20T01:31:02"


@pytest.mark.parametrize("text", ["2026-05-20T09:31:02+08:00", "2026-05-20T01:31:02Z"])
def test_an_offset_is_read(text: str) -> None:
    assert iso_ms(text) == AT_MS
    assert zoneless_ms(text, offset_s=3_600) == AT_MS


def test_without_an_offset_the_zone_decides() -> None:
    assert zoneless_ms("2026-05-20T09:31:02", offset_s=BEIJING_S) == AT_MS
    with pytest.raises(ValueError, match="without an offset"):
        iso_ms("2026-05-20T09:31:02")
