"""`apexchainx api`: this process becomes the HTTP API, configured by its environment."""

import os
import sys


def command() -> None:
    """Settings are environment variables; see .env.example."""
    os.execv(sys.executable, [sys.executable, "-P", "-m", "api"])
