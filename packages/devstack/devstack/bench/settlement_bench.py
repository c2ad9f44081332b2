"""Where the rails are measured: the database and the chain of a local stack, and the keys to move money on it."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.keys import load_keys
from domain.settlement.attempts import SettlementRail
from domain.settlement.batches import (
    Plan,
)

LEDGER_SECONDS = 1.0


SEEDS = ("bond", "pool", "channels", "fees", "operator")


CLASSIC = Plan(SettlementRail.CLASSIC, 0)


@dataclass(frozen=True)
class SettlementBench:
    """Where the rail is measured: a database, a chain, and the keys to move money on it."""

    database: Database
    rail: Rail
    rpc_url: str
    ledger_seconds: float

    async def calls(self) -> Mapping[str, int]:
        """How often the chain was asked, by method."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            found: dict[str, int] = (await client.get(f"{self.rpc_url}/calls")).json()
            return found


@asynccontextmanager
async def open_bench(
    directory: Path, environment: Mapping[str, str]
) -> AsyncIterator[SettlementBench]:
    """Open the database and the chain of a local stack, with the keys that it keeps in its directory."""
    seeds = json.loads((directory / "stellar-keys.json").read_text())["seeds"]
    rpc_url = environment["STELLAR_RPC_URL"]
    rail = Rail(
        Nodes.from_urls(rpc_url),
        environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_USDC_ISSUER"],
        load_keys(
            **{f"{name}_seed": seeds[name] for name in SEEDS},
            channels=int(environment["STELLAR_CHANNELS"]),
        ),
    )
    database = Database(environment["DATABASE_URL"], connections_max=20)
    try:
        yield SettlementBench(database, rail, rpc_url, LEDGER_SECONDS)
    finally:
        await rail.close()
        await database.close()
