"""Settings of ingest."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings


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
    leader_channel: str = "groupbuy"
    """The channel that reads what group-buy leaders order at our own door."""
    leader_link_keys: SecretStr = SecretStr("")
    """`<number>:<base64 of 32 bytes>`, several separated by commas; the highest number signs leaders' links."""
    leader_base_url: str = Field(default="", pattern=r"^(https?://[^/\s]+)?$")
    """Scheme and host under which leaders reach this service; empty = links are paths only."""
    leader_form_bytes_max: int = Field(default=32 * 1024, ge=1024)
    leader_picture_bytes_max: int = Field(default=512 * 1024, ge=1024)
