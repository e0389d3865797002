"""`python -m services.ingest`."""

from pathlib import Path

from chassis.service import Service, run
from services.ingest.app import build, open_early
from services.ingest.settings import IngestSettings

MIGRATIONS = Path(__file__).parent / "sql" / "migrations"

SERVICE = Service(
    name="ingest",
    settings=IngestSettings,
    migrations={"ingest": MIGRATIONS},
    build=build,
    open_early=open_early,
)

if __name__ == "__main__":
    run(SERVICE)
