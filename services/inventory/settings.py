"""Settings of inventory: `DANSHU_INVENTORY_<FIELD>`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings


class InventorySettings(Settings):
    """How long unpaid goods are kept, and how often the timers look."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_INVENTORY_", frozen=True, extra="ignore")

    hold_s: int = Field(default=1800, ge=1)
    """How long an unpaid order holds its goods at most; `rules/hold` may say less. A reservation, unless its caller says."""
    sweep_after_ms: int = Field(default=30_000, ge=100)
    """Age at which a note in Valkey that nobody settled is settled by asking Postgres."""
    timer_ms: int = Field(default=1_000, ge=10)
    """Pause between two looks of each timer."""
    availability_ms: int = Field(default=2_000, ge=10)
    """Pause between two looks at what channels may offer: changes between them are one."""
    receipt_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """How long the door waits for a receipt to be booked before it answers 202."""
    reserve_timeout_s: float = Field(default=2.0, gt=0, le=60)
    """How long the door waits for the answer about a reservation before it answers 503."""
    stock_sources: tuple[str, ...] = ("wms", "pos", "channel")
    """Kinds of system whose numbers are compared with the book."""
    replenish_from_hour: int = Field(default=3, ge=0, le=23)
    """Hour in Shanghai at which a new day of replenishment begins, and everything is planned anew."""
