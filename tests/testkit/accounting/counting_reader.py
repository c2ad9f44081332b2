"""A reader of the chain's transfers, with every call it makes counted."""

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from activities.accounting.reconciliation import ReconciliationActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.rpc import treasury_history
from devstack.environment.stack import Stack
from domain.accounting.reconciliation import Comparison, ReconciliationRun


@dataclass
class CountingReader:
    """A worker's activities, and how often each method of its node was called."""

    activities: ReconciliationActivitiesImpl
    calls: Counter[str]

    async def read_chain(self) -> int:
        return await self.activities.read_chain(ReconciliationRun(datetime.now(UTC)))

    async def compare_journal(self) -> Comparison:
        return await self.activities.compare_journal(ReconciliationRun(datetime.now(UTC)))


def open_reader(
    stack: Stack, database: Database, passphrase: str | None = None, other_node: str = ""
) -> CountingReader:
    environment = stack.environment
    history = treasury_history.connect(
        ",".join(filter(None, (environment["STELLAR_RPC_URL"], other_node))),
        passphrase or environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_USDC_ISSUER"],
        [environment["STELLAR_BOND_ADDRESS"], environment["STELLAR_POOL_ADDRESS"]],
    )
    calls: Counter[str] = Counter()
    server = history.nodes.all[0].server
    for name in ("get_network", "get_health", "get_events"):
        setattr(server, name, count_calls(calls, getattr(server, name)))
    return CountingReader(ReconciliationActivitiesImpl(database, history), calls)


def count_calls(
    calls: Counter[str], ask: Callable[..., Coroutine[Any, Any, Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def counting(*args: Any, **kwargs: Any) -> Any:
        calls[ask.__name__] += 1
        return await ask(*args, **kwargs)

    return counting
