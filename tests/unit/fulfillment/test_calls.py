"""Calls to the waybill provider, and the commands that follow."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from chassis.errors import StartRefused
from services.fulfillment.calls import peer_of
from services.fulfillment.settings import FulfillmentSettings


def test_a_provider_with_a_url_and_without_what_it_needs_stops_the_start() -> None:
    assert peer_of(FulfillmentSettings()).name == "cainiao"
    settings = FulfillmentSettings(waybill_url="http://127.0.0.1:1", waybill_partner_id="partner")
    with pytest.raises(
        StartRefused, match=r"waybills of cainiao need DANSHU_FULFILLMENT_WAYBILL_SECRET$"
    ):
        peer_of(settings)
    whole = settings.model_copy(update={"waybill_secret": SecretStr("secret")})
    assert peer_of(whole).account.secret == "secret"


@pytest.mark.parametrize("name", ["kuaidi100", "pigeon"])
def test_a_provider_that_gives_no_waybills_stops_the_start(name: str) -> None:
    with pytest.raises(StartRefused, match=r"gives no waybills; choose one of .'cainiao'"):
        peer_of(FulfillmentSettings(waybill_provider=name))
