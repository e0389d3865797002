"""`python -m services.refunds`: one process of the refunds service."""

from __future__ import annotations

from chassis.service import Service, run
from services.refunds.app import MIGRATIONS, build
from services.refunds.settings import RefundsSettings

if __name__ == "__main__":
    run(
        Service(
            name="refunds",
            settings=RefundsSettings,
            migrations={"refunds": MIGRATIONS},
            build=build,
            niceness=5,  # Money back takes hours of people; stock is promised in milliseconds.
        )
    )
