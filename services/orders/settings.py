"""Settings of the orders service: `DANSHU_ORDERS_<NAME>`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings


class OrdersSettings(Settings):
    """What orders needs beyond the shared settings."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_ORDERS_", frozen=True, extra="ignore")

    unpaid_close_s: int = Field(default=1800, ge=1)
    """An order unpaid for this long after we accepted it is closed, where that is ours to do (`ends_unpaid`)."""
    unshipped_warn_s: int = Field(default=7200, ge=1)
    """Paid and not shipped for this long is counted by the watchdog."""
    watch_every_s: float = Field(default=15.0, ge=0.1, le=900.0)
    """How often the watchdog and the closing of unpaid orders look."""
    ask_timeout_s: float = Field(default=5.0, ge=0.1, le=30.0)
    """How long a door waits for the answer to its command."""
