"""`apexchainx worker`: this process becomes a worker, configured by its environment."""

import os
import sys
from typing import Annotated

import typer


def command(
    queues: Annotated[str, typer.Option(help="Task queues, separated by commas.")],
) -> None:
    """Scale a queue by running more of these."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "worker", "--queues", queues])
