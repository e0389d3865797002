"""What the demo's warehouse counts is compared with the book, and each difference is named."""

from __future__ import annotations

import pytest

from demo.staff import COMPARED, MISTAKES
from tests.e2e.outside import Outside

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.serial]


async def test_a_mix_up_and_a_loss_are_found_and_nothing_else(outside: Outside) -> None:
    found = outside.compared["differences"]
    swapped, lost = MISTAKES
    assert {one["warehouse"] for one in found} == {COMPARED}
    first, second, third = sorted(found, key=lambda one: one["sku"])
    assert [one["difference"] for one in (first, second, third)] == [-swapped, -lost, swapped]
    assert first["hint"] == f"swapped_with {third['sku']}"
    assert second["hint"] == "unbooked_out"
