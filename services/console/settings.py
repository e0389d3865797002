"""Settings of the console."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings


class ConsoleSettings(Settings):
    """What the console needs beside the shared settings."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_CONSOLE_", frozen=True, extra="ignore")

    batch_records: int = Field(default=5000, ge=1, le=5000)
    """Larger than others: events of one order in one batch are one row written, and there are many of them."""
    users: dict[str, SecretStr] = Field(default_factory=dict)
    """JSON: sign-in name → password hash as `danshu console password` prints it. Empty: nobody gets in."""
    session_key: SecretStr = SecretStr("")
    """Seals session cookies. Empty: a fresh one at every start, which ends all sessions; processes that share
    users need the same one."""
    session_hours: int = Field(default=12, ge=1, le=24 * 7)
    secure_cookies: bool = False
    """Set when people reach the console over https."""
    live_interval_ms: int = Field(default=500, ge=50, le=5000)
    """Changes are told to open pages at most this often."""
    answer_timeout_s: float = Field(default=5.0, gt=0)
    """How long a page waits for the result of what a person asked for on it."""
    page_orders: int = Field(default=50, ge=10, le=200)
    page_skus: int = Field(default=50, ge=10, le=200)
    stock_low_pieces: int = Field(default=10, ge=0)
    """Up to so many pieces for sale over all warehouses, a SKU is shown as low."""
