"""The merchant's calendar: business days are days in Asia/Shanghai."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
"""No daylight saving since 1991."""


def business_day(at: datetime) -> date:
    """The day of an instant in Shanghai."""
    return at.astimezone(SHANGHAI).date()
