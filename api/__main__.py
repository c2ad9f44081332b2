"""python -m api"""

import logging
import os
import sys

import uvicorn

from adapters.settings import ApiSettings, load
from api.app import create_app


def run() -> None:
    settings = load(ApiSettings)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    run()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used a Temporal client may abort in its last moments otherwise.
    os._exit(0)
