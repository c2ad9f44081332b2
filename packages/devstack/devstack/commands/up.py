"""`apexchainx up`: the whole product on this machine, one line when it serves, and a clean end on Ctrl-C."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from devstack.environment.services import ServicePorts
from devstack.environment.stack import Stack
from devstack.environment.stack_options import StackOptions
from devstack.processes.programs import CannotStart
from workflows.visibility.queries import QUERIES, make_url

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="APEXCHAINX_DATA_DIR", help="Where everything is kept.")
]
# Temporal's own, so that a bookmark stays good.
UI_PORT = 8233
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="A free one unless given.")]


def command(
    data_dir: DataDir = Path("var"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the HTTP API.")] = 8000,
    postgres_port: Port = None,
    temporal_port: Port = None,
    temporal_ui_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Of the Temporal Web UI.")
    ] = UI_PORT,
    stellar_port: Port = None,
    ledger_seconds: Annotated[
        float, typer.Option(min=0.05, help="How often the sandbox's chain closes a ledger.")
    ] = 1.0,
) -> None:
    """PostgreSQL, Temporal and a Stellar network are embedded unless their variables point elsewhere."""
    ports = ServicePorts(postgres_port, temporal_port, temporal_ui_port, stellar_port)
    options = StackOptions(data_dir, port, ports, ledger_seconds)
    try:
        asyncio.run(_keep_up(Stack(options)))
    except (CannotStart, OSError) as failure:
        raise SystemExit(f"apexchainx: {failure}") from None


async def _keep_up(stack: Stack) -> None:
    stop_requested = listen()
    serving = asyncio.create_task(_serve(stack))
    try:
        await asyncio.wait([serving, stop_requested], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
    finally:
        serving.cancel()
        await asyncio.wait([serving])
        await stack.stop()


async def _serve(stack: Stack) -> NoReturn:
    await stack.start()
    _announce(stack)
    raise CannotStart(await stack.gave_up())


def listen() -> asyncio.Task[bool]:
    """Done when the user, or the system, wants this process to stop."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            # A second Ctrl-C: the children are under a guard and end with this process.
            os._exit(130)
        print("stopping", file=sys.stderr, flush=True)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return asyncio.create_task(stopping.wait())


def _announce(stack: Stack) -> None:
    for name, url in (stack.urls | {"console": f"{stack.url}/console"}).items():
        print(f"{name:12} {url}", file=sys.stderr)
    if "temporal-ui" in stack.urls:
        namespace = stack.environment.get("TEMPORAL_NAMESPACE", "default")
        print("ask the Temporal Web UI", file=sys.stderr)
        for question, query in QUERIES.items():
            url = make_url(stack.urls["temporal-ui"], namespace, query)
            print(f"  {question}: {url}", file=sys.stderr)
    print(f"{'api key':12} {stack.environment['BOOTSTRAP_API_KEY']}", file=sys.stderr, flush=True)
    print(f"ready {stack.url}", flush=True)
