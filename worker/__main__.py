"""python -m worker --queues outages,settlement"""

import argparse
import asyncio
import gc
import logging
import os
import sys

import uvloop

from adapters import logs, temporal, tracing
from adapters.failpoints import arm_to_die
from adapters.settings import WorkerSettings, load
from adapters.temporal import QUEUES
from domain.errors import ApexError
from worker.main import main

log = logging.getLogger(__name__)


def run() -> int:
    parser = argparse.ArgumentParser(prog="worker", description="Serve Temporal task queues.")
    parser.add_argument("--queues", default=",".join(QUEUES), help="comma-separated queue names")
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="take the channel accounts from another engine, which stops for good",
    )
    given = parser.parse_args()
    queues = [name.strip() for name in given.queues.split(",") if name.strip()]
    settings = load(WorkerSettings)
    logs.configure(settings.log_format, settings.log_level)
    temporal.forward_logs()
    if order := os.environ.get("FAILPOINT"):
        arm_to_die(order)
    # Each task makes much short-lived garbage, which the default thresholds would look through far too often.
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(queues, settings, takes_over=given.take_over))
    except ApexError as error:
        log.critical("the worker cannot go on: %s", error)
        # The last line is plain text: a terminal or a supervisor shows it to whoever started the worker.
        print(f"Cannot go on: {logs.redact(str(error))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = run()
    tracing.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used a Temporal client may abort in its last moments otherwise.
    os._exit(code)
