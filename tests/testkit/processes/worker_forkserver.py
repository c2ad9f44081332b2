"""
Settlement workers that start in a fraction of a second, to be killed in hundreds; or workers of other queues:

    python -m tests.testkit.processes.worker_forkserver [outages,analytics]

This process imports everything once and touches nothing. For each line on its input, such as
"after_store:3", it forks a worker that is killed at that point; "none" asks for one that lives
until the next line. When the worker is gone, one line of output says how it ended.
"""

import asyncio
import os
import signal
import sys

import uvloop

from adapters.failpoints import arm_to_die
from adapters.settings import WorkerSettings, load
from worker.main import main

QUEUES = sys.argv[1].split(",") if len(sys.argv) > 1 else ["settlement"]


def run_worker(order: str) -> None:
    """Run a worker in the forked process."""
    if order != "none":
        arm_to_die(order)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(QUEUES, load(WorkerSettings)))


def serve() -> None:
    print("ready", flush=True)
    order = sys.stdin.readline().strip()
    while order:
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            try:
                run_worker(order)
            finally:
                os._exit(3)
        if order == "none":
            order = sys.stdin.readline().strip()
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
            continue
        _, status = os.waitpid(pid, 0)
        print(f"gone {order} {-os.waitstatus_to_exitcode(status)}", flush=True)
        order = sys.stdin.readline().strip()


if __name__ == "__main__":
    serve()
