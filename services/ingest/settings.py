"""Settings of ingest."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings
from services.ingest.domain.matching import MerchantCodes


class IngestSettings(Settings):
    """What ingest needs beside the shared settings."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_INGEST_", frozen=True, extra="ignore")

    shops_file: Path | None = None
    """JSON list of shops: channel, shop, app_key, app_secret, access_token, base_url."""
    poll_interval_s: float = Field(default=15.0, gt=0)
    fetch_concurrency: int = Field(default=16, ge=1, le=100)
    push_bytes_max: int = Field(default=1024 * 1024, ge=1024)
    """Hints are a few hundred bytes; a whole order of some hundred lines is half a megabyte."""
    push_depth_max: int = Field(default=32, ge=2)
    write_back_attempts_max: int = Field(default=12, ge=1)
    merchant_codes: MerchantCodes = MerchantCodes.TRUSTED
    """What a merchant code means that no mapping names: `trusted`, it is our SKU; `known`, only if inventory keeps it."""
