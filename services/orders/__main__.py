"""`python -m services.orders`."""

from __future__ import annotations

from pathlib import Path

from chassis.service import Service, run
from services.orders.app import build
from services.orders.settings import OrdersSettings

if __name__ == "__main__":
    run(
        Service(
            name="orders",
            settings=OrdersSettings,
            migrations={"orders": Path(__file__).parent / "sql" / "migrations"},
            build=build,
            niceness=3,  # Stock is promised first; states follow.
        )
    )
