"""Settings of fulfillment, and the warehouses file they point at."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.errors import StartRefused
from chassis.settings import Settings
from services.fulfillment.carriers import Account, Address, Sender


class FulfillmentSettings(Settings):
    """What fulfillment needs beside the shared settings."""

    model_config = SettingsConfigDict(env_prefix="DANSHU_FULFILLMENT_", frozen=True, extra="ignore")

    waybill_provider: str = "cainiao"
    """File name in services/fulfillment/carriers: cainiao, sf."""
    waybill_url: str = ""
    """Whole URL of the provider's gateway; empty = no waybills are asked for, and /readyz says so."""
    waybill_partner_id: str = ""
    waybill_secret: SecretStr = SecretStr("")
    """Cainiao: the secret key. SF: the check word (校验码)."""
    waybill_monthly_card: str = ""
    """SF: the monthly account (月结卡号) that pays."""
    waybill_product_id: int = 1
    """SF: expressTypeId, the product bought."""
    waybill_digest: Literal["standard_md5", "simple_md5", "sm3"] = "standard_md5"
    """SF: how calls are signed, as SF has it on record for us."""
    waybill_user_id: int = 1
    waybill_template_url: str = "template/standard/1/1"
    waybills_paused: bool = False
    """Plan parcels, but ask for no waybills: while an account is empty, or to measure routing alone."""
    waybill_calls_max: int = Field(default=8, ge=1, le=50)
    """Calls to the provider at once; each holds up to ten parcels."""
    tracking_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Provider → salt of its pushes, as JSON. A provider without one is refused. SF signs nothing: its secret is
    the `key` of the address it is given, /tracking/sf?key=…, so choose a long one."""
    tracking_bytes_max: int = Field(default=64 * 1024, ge=1024)
    """A push carries one parcel's whole trace: some kilobytes."""
    warehouses_file: Path = Path(__file__).parent / "warehouses.toml"
    watch_interval_s: float = Field(default=15.0, gt=0)

    def account(self) -> Account:
        """Our access to the waybill provider."""
        return Account(
            url=self.waybill_url,
            partner_id=self.waybill_partner_id,
            secret=self.waybill_secret.get_secret_value(),
            user_id=self.waybill_user_id,
            template_url=self.waybill_template_url,
            monthly_card=self.waybill_monthly_card,
            product_id=self.waybill_product_id,
            digest=self.waybill_digest,
        )


class _Warehouse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    mobile: str
    province: str
    city: str
    district: str
    detail: str


def read_senders(path: Path) -> Mapping[str, Sender]:
    """Warehouse code → sender. Raises StartRefused naming the file and what is wrong."""
    try:
        rows = msgspec.convert(
            tomllib.loads(path.read_text(encoding="utf-8")), dict[str, _Warehouse]
        )
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise StartRefused(f"{path.name} is not usable as warehouses file: {error}") from None
    return {
        code: Sender(
            name=row.name,
            mobile=row.mobile,
            address=Address(
                province=row.province, city=row.city, district=row.district, detail=row.detail
            ),
        )
        for code, row in rows.items()
    }
