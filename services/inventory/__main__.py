"""`python -m services.inventory`."""

from chassis.service import Service, run
from services.inventory.app import NAME, build
from services.inventory.settings import InventorySettings
from services.inventory.store import MIGRATIONS

SERVICE = Service(
    name=NAME,
    settings=InventorySettings,
    migrations={NAME: MIGRATIONS},
    build=build,
)

if __name__ == "__main__":
    run(SERVICE)
