"""One toy worker as a process of its own, to be killed or stopped at the points named in DANSHU_FAILPOINTS.

Wired like the workers of `tests.support.rigs`, with small batches. Ends on SIGTERM after the batch in hand,
and when the test that started it is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

import uvloop

from chassis.clock import SystemClock
from chassis.codec import codec
from chassis.postgres import open_pool
from chassis.producer import Publisher
from chassis.storage import PostgresStorage
from chassis.worker import Worker
from tests.faults.planted import BUGS
from tests.support.rigs import toy_source
from tests.support.toy import TOY

BATCH_RECORDS = 20


async def work(kafka: dict[str, Any], prefix: str, url: str) -> None:
    """Until SIGTERM or the end of standard input."""
    pool = await open_pool(url, 4)
    publisher = Publisher(kafka, prefix)
    storage = PostgresStorage(pool, TOY, codec())
    source = toy_source(kafka, prefix, TOY.name, storage.offsets, BATCH_RECORDS)
    worker = Worker(
        TOY,
        source=source,
        storage=storage,
        publisher=publisher,
        codec=codec(),
        clock=SystemClock(),
    )
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    loop.add_reader(sys.stdin.fileno(), worker.stop)
    source.start()
    await worker.run()
    await source.stop()
    publisher.close()
    await pool.close()


def main() -> None:
    """Arguments: where the servers are, and which bug to plant."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", type=json.loads, required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--bug", choices=sorted(BUGS), default=None)
    given = parser.parse_args()
    if given.bug:
        BUGS[given.bug](given.url)
    uvloop.run(work(given.kafka, given.prefix, given.url))


if __name__ == "__main__":
    main()
