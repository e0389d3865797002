"""What insight is told by its environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings


class InsightSettings(Settings):
    """Shared settings and insight's own, `DANSHU_INSIGHT_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix="DANSHU_INSIGHT_",
        frozen=True,
        extra="ignore",
        secrets_dir=Settings.model_config.get("secrets_dir"),
    )

    grace_s: int = Field(default=10, ge=1, le=600)
    """How long after its end, and after its last order, a window waits for late orders."""
    records_per_s_max: int = Field(default=1000, ge=10)
    """Faust takes 0.24 ms of machine time a record: the bound keeps it at a quarter of one core."""
    windows_max: int = Field(default=10_000, ge=100)
    """Windows kept for corrections: over two days of three channels, about 3 MB."""
    orders_remembered: int = Field(default=200_000, ge=1000)
    """Newest order ids kept to recognise duplicates, about 20 MB."""
    rewind_s: int = Field(default=300, ge=60)
    """How far before the last position a start reads again, to rebuild windows that were open."""
