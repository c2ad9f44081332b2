"""python -m worker --queues outages,settlement"""

import argparse
import asyncio
import gc
import logging
import os
import sys

import uvloop

from adapters.failpoints import arm_to_die
from adapters.temporal import QUEUES
from domain.errors import ApexError
from worker.main import main
from worker.sandbox import keep_bytecode


def run() -> int:
    parser = argparse.ArgumentParser(prog="worker", description="Serve Temporal task queues.")
    parser.add_argument("--queues", default=",".join(QUEUES), help="comma-separated queue names")
    queues = [name.strip() for name in parser.parse_args().queues.split(",") if name.strip()]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The sandbox loads workflow modules anew for every run: much short-lived garbage, which the
    # default thresholds would look through far too often.
    keep_bytecode()
    if order := os.environ.get("FAILPOINT"):
        arm_to_die(order)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main(queues))
    except ApexError as error:
        print(f"Cannot go on: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = run()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used a Temporal client may abort in its last moments otherwise.
    os._exit(code)
