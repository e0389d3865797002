"""What a person reads where our books did not take a buyer's request."""

from __future__ import annotations

import re

import pytest

from services.console.reasons import not_told
from services.refunds.domain.rules import REASONS


@pytest.mark.parametrize("code", REASONS)
def test_each_reason_of_refunds_is_said_in_words(code: str) -> None:
    said = not_told(f"unsupported: not refused by a person ({code}); answer it in the back office")
    assert "请在平台后台处理" in said
    assert not re.search("[a-z_]{4}", said), said
