"""What a service says of settings it cannot use: the variable's own name, and what is wrong with it."""

import pytest

from chassis.errors import StartRefused
from chassis.settings import read
from cli.settings import every_setting
from services.fulfillment.settings import FulfillmentSettings
from services.ingest.settings import IngestSettings


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("DANSHU_INGEST_ROLES", '["door"]', "DANSHU_INGEST_ROLES/0: Input should be 'doors'"),
        ("DANSHU_INGEST_ROLES", "doors", "DANSHU_INGEST_ROLES is not JSON"),
        ("DANSHU_INGEST_ROLES", "[]", "DANSHU_INGEST_ROLES: Tuple should have at least 1 item"),
        ("DANSHU_INGEST_POLL_INTERVAL_S", "0", "DANSHU_INGEST_POLL_INTERVAL_S: Input should be"),
        ("DANSHU_BATCH_RECORDS", "many", "DANSHU_BATCH_RECORDS: Input should be a valid integer"),
        ("DANSHU_INGEST_ROLE", "[]", "unknown setting DANSHU_INGEST_ROLE"),
    ],
)
def test_an_unusable_setting_is_named(variable: str, text: str, said: str) -> None:
    with pytest.raises(StartRefused, match=said.replace("[", r"\[")):
        read(IngestSettings, {variable: text})


def test_the_defaults_that_are_listed_are_taken_back_as_they_stand() -> None:
    listed = {
        one.variable: one.default
        for one in every_setting()
        if one.owner in {"shared", "fulfillment"} and one.default
    }

    assert read(FulfillmentSettings, listed) == FulfillmentSettings()


def test_a_shared_setting_may_be_given_for_one_service_alone() -> None:
    settings = read(
        IngestSettings, {"DANSHU_INGEST_BATCH_RECORDS": "7", "DANSHU_BATCH_RECORDS": "9"}
    )
    assert settings.batch_records == 7
