"""Structured logs: JSON on stdout (coloured on a terminal), with one place that keeps personal data out.

Only named fields are logged; a field whose name speaks of a person is masked, whatever a caller meant.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

PERSONAL = frozenset(
    {"name", "phone", "mobile", "address", "receiver", "memo", "personal", "body", "value"}
)

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


def mask_personal(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replaces fields that may hold personal data."""
    for field in PERSONAL & event.keys():
        event[field] = "***"
    return event


def configure(service: str, level: str) -> None:
    """Sets logging up once per process."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if sys.stdout.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            mask_personal,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
