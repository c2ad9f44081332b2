"""Report what a settlement worker sees of its network: that it is there, and what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.postgres import networks
from adapters.postgres.accounting import troubles
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import treasuries
from domain.accounting.troubles import Trouble
from domain.networks import NetworkState


@dataclass(frozen=True)
class ReportNetwork:
    """
    The newest ledger that was seen, and all that is wrong now; what is not named is over. `balances` are what the
    treasuries may send, and `signable` are those whose seeds the worker has.
    """

    state: NetworkState
    found: Sequence[Trouble]
    at: datetime
    balances: Mapping[str, int | None] = field(default_factory=dict)
    signable: Sequence[str] = ()


async def report_network(database: Database, command: ReportNetwork) -> None:
    """Replace what was wrong before by what is wrong now; what lasts keeps its beginning."""
    passphrase = command.state.passphrase
    async with database.transaction() as connection:
        await networks.save_state(connection, command.state)
        await troubles.save_troubles(connection, passphrase, command.found, command.at)
        await treasuries.save_seen(connection, command.balances, command.signable, command.at)
        await networks.save_monitored_at(connection, passphrase, command.at)
