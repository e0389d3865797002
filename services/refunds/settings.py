"""Settings of the refunds service: `DANSHU_REFUNDS_<FIELD>`."""

from __future__ import annotations

import os

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from chassis.settings import Settings
from services.refunds.domain.payout import Limits
from services.refunds.gateways import Credentials


class RefundsSettings(Settings):
    """Which gateway pays, and how patiently."""

    model_config = SettingsConfigDict(
        env_prefix="DANSHU_REFUNDS_",
        frozen=True,
        extra="ignore",
        secrets_dir=os.environ.get("DANSHU_SECRETS_DIR"),
    )

    gateway: str = "alipay"
    """File name in services/refunds/gateways."""
    gateway_url: str = "http://127.0.0.1:18090/gateway.do"
    """Alipay: its whole URL. WeChat Pay: scheme and host, such as https://api.mch.weixin.qq.com."""
    gateway_app_id: str = ""
    """Alipay: app id. WeChat Pay: merchant number (mchid)."""
    gateway_private_key: SecretStr = SecretStr("")
    """PEM or bare base64: signs our requests."""
    gateway_public_key: str = ""
    """PEM or bare base64 of the gateway: checks its answers. A certificate's PEM serves too."""
    gateway_public_key_id: str = ""
    """WeChat Pay: id of that key (PUB_KEY_ID_…), or the serial number of its certificate."""
    gateway_key_serial: str = ""
    """WeChat Pay: serial number of our own certificate."""
    gateway_notice_key: SecretStr = SecretStr("")
    """WeChat Pay: APIv3 key of 32 characters, which opens notices."""
    gateway_notice_url: str = ""
    """WeChat Pay: where notices go, this service's /notices/wechatpay as seen from outside; empty = as set there."""
    refuse_late_cancellations: bool = True
    """Whether a cancellation that a buyer asked for on a channel is refused there once the parcel has left. If not, it
    waits until the goods are back; platforms give the money back by themselves after a while."""
    query_wait_s: float = Field(default=10.0, gt=0)
    """How long after an unknown outcome the gateway is asked: it books a moment after it answers."""
    sends_max: int = Field(default=5, ge=1, le=20)
    """How often one refund is sent, always under the same number."""
    asks_max: int = Field(default=20, ge=1, le=100)
    """Unusable answers to queries, one after another, before a person is needed."""
    underway_max: int = Field(default=400, ge=1, le=10_000)
    """How often a gateway may say that the money is on its way; half an hour apart, 400 are eight days."""
    lease_s: float = Field(default=20.0, gt=0)
    """How long a payout is one dispatcher's; longer than a call, or it is asked for while on its way."""
    calls_max: int = Field(default=16, ge=1, le=50)
    """Calls to the gateway at once."""
    idle_s: float = Field(default=0.2, gt=0)
    """Pause between looks at the journal when nothing is due."""
    answer_timeout_s: float = Field(default=5.0, gt=0)
    """How long a door waits for the result of its command."""

    def credentials(self) -> Credentials:
        """Our access to the gateway."""
        return Credentials(
            url=self.gateway_url,
            app_id=self.gateway_app_id,
            private_key=self.gateway_private_key.get_secret_value(),
            gateway_key=self.gateway_public_key,
            gateway_key_id=self.gateway_public_key_id,
            key_serial=self.gateway_key_serial,
            notice_key=self.gateway_notice_key.get_secret_value(),
            notice_url=self.gateway_notice_url,
        )

    def limits(self) -> Limits:
        """How patient a payout is."""
        return Limits(
            query_wait_s=self.query_wait_s,
            sends_max=self.sends_max,
            asks_max=self.asks_max,
            underway_max=self.underway_max,
        )
