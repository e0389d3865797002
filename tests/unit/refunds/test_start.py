from __future__ import annotations

import json
from pathlib import Path

import pytest

from chassis.errors import StartRefused
from services.refunds.app import processor
from services.refunds.gateways import usable_gateway
from services.refunds.settings import RefundsSettings
from services.refunds.store import tier_table
from tests.unit.refunds.desk import RULES, tiers

GATEWAYS = Path(__file__).parents[2] / "contract" / "gateways"


def test_a_service_without_access_to_its_gateway_does_not_start() -> None:
    settings = RefundsSettings()
    with pytest.raises(StartRefused, match="DANSHU_REFUNDS_GATEWAY_URL"):
        usable_gateway(settings.gateway, settings.credentials())
    with pytest.raises(StartRefused, match="'gold'; there is alipay"):
        usable_gateway("gold", settings.credentials())


def test_what_wechatpay_misses_is_named_at_the_start() -> None:
    samples = json.loads((GATEWAYS / "wechatpay.json").read_text(encoding="utf-8"))["credentials"]
    settings = RefundsSettings(
        gateway="wechatpay",
        gateway_url=samples["url"],
        gateway_app_id=samples["app_id"],
        gateway_private_key=samples["private_key"],
        gateway_public_key=samples["gateway_key"],
    )
    with pytest.raises(StartRefused, match=r"wechatpay cannot be used: .*_GATEWAY_KEY_SERIAL"):
        usable_gateway(settings.gateway, settings.credentials())
    whole = settings.model_copy(
        update={"gateway_key_serial": "5157F09E", "gateway_public_key_id": "PUB_KEY_ID_01"}
    )
    assert usable_gateway(whole.gateway, whole.credentials()).name == "wechatpay"
    noticed = whole.model_copy(update={"gateway_notice_url": "https://example.invalid/notices"})
    with pytest.raises(StartRefused, match="_GATEWAY_NOTICE_KEY"):
        usable_gateway(noticed.gateway, noticed.credentials())


def test_a_tier_table_that_is_missing_or_asks_too_much_stops_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "refund-tier"
    folder.mkdir()
    text = (RULES / "refund-tier" / "default.yaml").read_text(encoding="utf-8")
    (folder / "other.yaml").write_text(text.replace("name: default", "name: other"))
    with pytest.raises(StartRefused, match=r"refund-tier/default\.yaml"):
        tier_table(tmp_path)
    (folder / "default.yaml").write_text(text.replace("signed_days", "moon_phase"))
    with pytest.raises(StartRefused, match="moon_phase"):
        tier_table(tmp_path)


def test_the_topic_map_gives_the_processor_what_it_handles() -> None:
    processor(tiers()).check(
        ("orders", "order-closings", "shipments", "commands-refunds"),
    )


def test_secrets_of_the_settings_do_not_show() -> None:
    settings = RefundsSettings(gateway_private_key="very-secret")  # type: ignore[arg-type]
    assert "very-secret" not in repr(settings)
    assert "very-secret" not in repr(settings.credentials())
