"""Settings of ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings
from services.ingest.domain.matching import MerchantCodes

Role = Literal["doors", "channels", "normalise"]
"""`doors` take pushes, `channels` fetches, polls and writes back, `normalise` makes orders of payloads."""


class IngestSettings(Settings):
    """What ingest needs beside the shared settings."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_INGEST_", frozen=True, extra="ignore")

    roles: tuple[Role, ...] = Field(default=get_args(Role), min_length=1)
    """What this process does. One process does all; where doors must answer at once while thousands of orders
    are read, they get a process of their own: `["doors"]` in one, `["channels", "normalise"]` in another."""
    shops_file: Path | None = None
    """JSON list of shops: channel, shop, app_key, app_secret, access_token, base_url."""
    poll_interval_s: float = Field(default=15.0, gt=0)
    fetch_concurrency: int = Field(default=32, ge=1, le=100)
    """Orders asked for at a time over all shops: at 150 ms a call, a platform's usual answer, some 200 a second."""
    push_bytes_max: int = Field(default=1024 * 1024, ge=1024)
    """Hints are a few hundred bytes; a whole order of some hundred lines is half a megabyte."""
    push_depth_max: int = Field(default=32, ge=2)
    ask_timeout_s: float = Field(default=5.0, gt=0, le=60)
    """How long the quarantine's doors wait for the result of a command."""
    evidence_days: int = Field(default=400, ge=7)
    """How long it is kept which payload made which version of an order: over a year of returns and audits."""
    payload_days: int = Field(default=180, ge=0, le=3650)
    """How long raw payloads are kept, sealed, in Postgres; 0 = no longer than their topic does (7 days)."""
    payload_bytes_max: int = Field(default=50 * 1024**3, ge=1024 * 1024)
    """So much of them at most, the oldest go first. An order of an average shop has 5 to 10 kB."""
    spool_dir: Path | None = None
    """Local disk that pushes go to while Kafka is away, one folder a process; none = they are answered 503."""
    spool_bytes_max: int = Field(default=1024 * 1024 * 1024, ge=1024 * 1024)
    """A gibibyte is some 300,000 whole orders, or millions of hints."""
    write_back_attempts_max: int = Field(default=12, ge=1)
    """After so many failures a write-back is given up as refused; failures of the whole shop do not count."""
    write_backs_per_shop_per_s: float = Field(default=20.0, gt=0)
    """What a shop is told a second at most. Platforms allow 10 to 40 calls a second to one application."""
    merchant_codes: MerchantCodes = MerchantCodes.TRUSTED
    """What a merchant code means that no mapping names: `trusted`, it is our SKU; `known`, only if inventory keeps it."""
    leader_channel: str = "groupbuy"
    """The channel that reads what group-buy leaders order at our own door."""
    leader_link_keys: SecretStr = SecretStr("")
    """`<number>:<base64 of 32 bytes>`, several separated by commas; the highest number signs leaders' links."""
    leader_base_url: str = Field(default="", pattern=r"^(https?://[^/\s]+)?$")
    """Scheme and host under which leaders reach this service; empty = links are paths only."""
    leader_form_bytes_max: int = Field(default=32 * 1024, ge=1024)
    leader_picture_bytes_max: int = Field(default=512 * 1024, ge=1024)
