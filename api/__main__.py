"""python -m api"""

import asyncio
import logging
import os
import sys
from contextlib import suppress

import uvicorn

from adapters import heap, logs, temporal, tracing
from adapters.failpoints import arm_to_die
from adapters.postgres.database import Database
from adapters.postgres.durability import require_durability
from adapters.settings import ApiSettings, load
from api.app import create_app
from api.edge.limits import EdgeLimits, bound_connections
from api.edge.protocol import ConnectionGate
from api.sockets import open_listener
from domain.errors import ApexError, Unavailable

log = logging.getLogger(__name__)

# A connection without a request stays open for longer than clients (5 s in httpx) and proxies (60 s in
# most) keep theirs: whoever closes first must be the one who would send, or a request meets a closed port.
KEEP_ALIVE_SECONDS = 75


async def _check_database(settings: ApiSettings) -> None:
    """Stop the start on a database that may forget what it has committed, or that does not answer."""
    database = Database(settings.database_url, connections_max=1)
    try:
        if risk := await require_durability(database, settings.stellar_network):
            log.warning("%s", risk)
    except ApexError as error:
        # Logged and not printed: what reads the log of this process expects a record on every line.
        down = isinstance(error, Unavailable)  # then it matters what the driver said
        log.critical("Cannot start. %s", error, exc_info=error if down else None)
        raise SystemExit(1) from None
    finally:
        await database.close()


def make_gate(settings: ApiSettings) -> ConnectionGate:
    """Return what makes connections, within the limits of the settings and of this process."""
    limits = EdgeLimits(
        connections_max=bound_connections(settings.api_connections_max),
        head_within_seconds=settings.api_head_within_seconds,
        body_within_seconds=settings.api_body_within_seconds,
    )
    return ConnectionGate(limits)


def run() -> None:
    heap.keep_small()
    settings = load(ApiSettings)
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(_check_database(settings))
    temporal.forward_logs()
    if order := os.environ.get("FAILPOINT"):
        arm_to_die(order)
    # Before anything else is opened: a start that cannot listen should say just that.
    with open_listener(settings.api_host, settings.api_port) as port:
        config = uvicorn.Config(
            create_app(settings),
            loop="uvloop",
            # uvicorn only calls it, and never asks for its class.
            http=make_gate(settings),  # type: ignore[arg-type]
            ws="none",
            server_header=False,
            access_log=False,
            log_config=None,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[port])
    tracing.flush()


if __name__ == "__main__":
    run()
    sys.stdout.flush()
    sys.stderr.flush()
    # A process that used a Temporal client may abort in its last moments otherwise.
    os._exit(0)
