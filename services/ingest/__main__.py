"""`python -m services.ingest`."""

from pathlib import Path

from chassis.service import Service, run
from services.ingest.app import build
from services.ingest.settings import IngestSettings

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"

if __name__ == "__main__":
    run(
        Service(
            name="ingest",
            settings=IngestSettings,
            migrations={"ingest": MIGRATIONS},
            build=build,
        )
    )
