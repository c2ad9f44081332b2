"""`apexchainx worker`: this process becomes a worker, configured by its environment."""

import os
import sys
from typing import Annotated

import typer


def command(
    queues: Annotated[str, typer.Option(help="Task queues, separated by commas.")],
    take_over: Annotated[
        bool,
        typer.Option(
            "--take-over", help="Take the channels from another engine, which stops for good."
        ),
    ] = False,
) -> None:
    """Scale a queue by running more of these."""
    command = [sys.executable, "-P", "-m", "worker", "--queues", queues]
    os.execv(sys.executable, [*command, "--take-over"] if take_over else command)
