"""The services that the engine needs: what the environment points at, and an embedded one for each that it does not."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from devstack.environment import postgres_binaries, temporal
from devstack.environment.postgres import Postgres
from devstack.environment.stellar_network import StellarNetwork
from devstack.environment.temporal import Temporal
from devstack.processes.ports import choose, free
from devstack.processes.programs import CannotStart
from devstack.processes.supervisor import Supervisor
from domain.errors import Stop
from migrations.run import upgrade

# As the processes use it, and as its owner does.
DATABASE_URLS = ("DATABASE_URL", "DATABASE_OWNER_URL")


@dataclass(frozen=True)
class ServicePorts:
    """None chooses a free one."""

    postgres: int | None = None
    temporal: int | None = None
    temporal_ui: int | None = None
    stellar: int | None = None


class Services:
    """PostgreSQL, Temporal and Stellar; each started here unless its variable is set."""

    def __init__(
        self,
        directory: Path,
        ports: ServicePorts,
        *,
        ledger_seconds: float = 1.0,
        time_skipping: bool = False,
        durable: bool = True,
    ) -> None:
        self.postgres: Postgres | None = None
        self.temporal: Temporal | None = None
        self.network: StellarNetwork | None = None
        if not os.environ.get("DATABASE_URL"):
            port = choose(ports.postgres, "--postgres-port")
            self.postgres = Postgres(directory, port, durable)
        if not os.environ.get("TEMPORAL_ADDRESS"):
            self.temporal = Temporal(
                directory,
                port=choose(ports.temporal, "--temporal-port"),
                ui_port=choose(ports.temporal_ui, "--temporal-ui-port"),
                http_port=free(),
                metrics_port=free(),
                time_skipping=time_skipping,
            )
        if not os.environ.get("STELLAR_RPC_URL"):
            _refuse_a_nameless_network()
            port = choose(ports.stellar, "--stellar-port")
            self.network = StellarNetwork(directory, port, ledger_seconds)

    @property
    def versions(self) -> dict[str, str]:
        """Of the embedded parts that keep files."""
        found = {}
        if self.postgres:
            found["postgres"] = str(postgres_binaries.MAJOR)
        if self.temporal:
            found["temporal"] = temporal.read_version()
        return found

    @property
    def notices(self) -> list[str]:
        """What the user should know, once the database has been made."""
        return self.postgres.notices if self.postgres else []

    @property
    def ports(self) -> dict[str, int]:
        found = {}
        if self.postgres:
            found["postgres"] = self.postgres.port
        if self.temporal:
            found |= {"temporal": self.temporal.port, "temporal-ui": self.temporal.ui_port}
        if self.network:
            found["stellar"] = self.network.port
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Where everything is; no seeds, and the owner of the database beside its user. Known once everything has started."""
        known = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("TEMPORAL_", "STELLAR_"))
            if not is_seed(name)
        }
        known |= self._database_environment
        if self.temporal:
            known |= {
                "TEMPORAL_ADDRESS": self.temporal.address,
                "TEMPORAL_NAMESPACE": temporal.NAMESPACE,
                "TEMPORAL_UI_URL": self.temporal.ui_url,
            }
        if self.network:
            known |= self.network.environment
            known["SLA_POLICY"] = os.environ.get("SLA_POLICY", "sandbox")
        return known

    @property
    def _database_environment(self) -> dict[str, str]:
        if self.postgres:
            urls = self.postgres.application_url, self.postgres.url
            return dict(zip(DATABASE_URLS, urls, strict=True))
        return {name: os.environ[name] for name in DATABASE_URLS if os.environ.get(name)}

    @property
    def nodes(self) -> dict[str, str]:
        """The nodes that the one process that signs listens to."""
        return self.network.nodes if self.network else {}

    @property
    def seeds(self) -> dict[str, str]:
        """For the one process that signs."""
        if self.network:
            return self.network.seeds
        return {name: value for name, value in os.environ.items() if is_seed(name)}

    async def start_database(self, supervisor: Supervisor) -> None:
        """Up, made, and at the newest migration."""
        if self.postgres:
            await self.postgres.make()
            await supervisor.start(self.postgres.program())
            await self.postgres.make_database()
        known = self._database_environment
        owner = known.get("DATABASE_OWNER_URL") or known["DATABASE_URL"]
        try:
            await asyncio.to_thread(upgrade, owner, known["DATABASE_URL"])
        except Stop as refusal:
            raise CannotStart(str(refusal)) from None

    async def start_temporal(self, supervisor: Supervisor) -> None:
        if self.temporal:
            await supervisor.start(self.temporal.program())
            await self.temporal.keep_history()

    async def make_network(self) -> None:
        """Draw its keys; the engine gets the addresses before the first ledger closes."""
        if self.network:
            await self.network.make()

    async def start_network(self, supervisor: Supervisor) -> None:
        if self.network:
            await supervisor.start(self.network.program())


def is_seed(name: str) -> bool:
    return name.startswith("STELLAR_") and name.endswith(("_SEED", "_SEEDS"))


def _refuse_a_nameless_network() -> None:
    network = os.environ.get("STELLAR_NETWORK", "sandbox")
    if network != "sandbox":
        raise CannotStart(f"STELLAR_NETWORK={network} needs STELLAR_RPC_URL, the node to talk to")
