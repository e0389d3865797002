"""What a SKU's page shows below its levels: one file in stock_sections/ a section.

Guarantees: a section is a value with everything of its own (what it reads, the processors that keep it, its template
`stock_<name>.html`); nothing else knows its name. Where it has nothing to say it is not shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.postgres import Pool
from chassis.processor import Processor
from services.console.views import Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section. `SECTION` of its file."""

    name: str
    """Of its template, of its field in the API's answer, and of its element on the page."""
    title: str
    place: int
    """Sections stand by it, small ones first."""
    kind: type[Shown]
    """What `read` gives, for the API's document."""
    read: Callable[[Pool, str, datetime], Awaitable[Shown | None]]
    """What it shows of a SKU at a time; None for nothing."""
    processors: tuple[Processor[Any], ...] = ()
    """Which keep the tables it reads."""
