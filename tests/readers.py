"""A reader of the chain's transfers, with every call it makes counted."""

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from activities.reconciliation import ReconciliationActivities
from adapters.postgres.database import Database
from adapters.stellar import treasuries
from domain.payments import Treasury
from domain.reconciliation import Comparison, Run
from sandbox.stack import Stack


@dataclass
class Reader:
    """A worker's steps, and how often its node was asked what."""

    steps: ReconciliationActivities
    calls: Counter[str]

    async def reads(self) -> int:
        return await self.steps.read_chain(Run(datetime.now(UTC)))

    async def compares(self) -> Comparison:
        return await self.steps.compare_books(Run(datetime.now(UTC)))


def open_reader(stack: Stack, book: Database, passphrase: str | None = None) -> Reader:
    environment = stack.environment
    ours = {
        environment["STELLAR_BOND_ADDRESS"]: Treasury.BOND,
        environment["STELLAR_POOL_ADDRESS"]: Treasury.POOL,
    }
    history = treasuries.connect(
        environment["STELLAR_RPC_URL"],
        passphrase or environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_USDC_ISSUER"],
        list(ours),
    )
    calls: Counter[str] = Counter()
    server = history.nodes.all[0].server
    for name in ("get_network", "get_health", "get_events"):
        setattr(server, name, counted(calls, getattr(server, name)))
    return Reader(ReconciliationActivities(book, history, ours), calls)


def counted(
    calls: Counter[str], ask: Callable[..., Coroutine[Any, Any, Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def counting(*args: Any, **kwargs: Any) -> Any:
        calls[ask.__name__] += 1
        return await ask(*args, **kwargs)

    return counting
