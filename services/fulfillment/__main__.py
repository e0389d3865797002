"""Run fulfillment: `python -m services.fulfillment`."""

from pathlib import Path

from chassis.service import Service, run
from services.fulfillment.app import build
from services.fulfillment.settings import FulfillmentSettings

if __name__ == "__main__":
    run(
        Service(
            name="fulfillment",
            settings=FulfillmentSettings,
            migrations={"fulfillment": Path(__file__).parent / "sql" / "migrations"},
            build=build,
            niceness=3,  # Stock is promised first; parcels follow.
        )
    )
