"""`python -m services.console`."""

from pathlib import Path

from chassis.service import Service, run
from services.console.app import build
from services.console.settings import ConsoleSettings

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"

if __name__ == "__main__":
    run(
        Service(
            name="console",
            settings=ConsoleSettings,
            migrations={"console": MIGRATIONS},
            build=build,
            niceness=5,  # Who looks can wait for those who sell.
        )
    )
