"""Record that an owner has proven to hold an account."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from adapters.postgres.settlement.owners import registrations
from domain.audit import make_audit_entry, make_engine_request
from domain.settlement.owners.wallets import Readiness


@dataclass(frozen=True, slots=True)
class ProveWallet:
    """
    `challenge` is the hash of the challenge that was answered, `readiness` what the network said of
    the account then. `workflow_id` distinguishes a repeat of this answer from another.
    """

    readiness: Readiness
    challenge: str
    workflow_id: str
    at: datetime


async def prove_wallet(database: Database, command: ProveWallet) -> None:
    """Use the challenge up; it is refused when it was used before, or was given for another."""
    read, hash_, at = command.readiness, command.challenge, command.at
    async with database.transaction() as connection:
        owner = await registrations.prove(connection, read.address, hash_, at, command.workflow_id)
        await wallets.save_readiness(connection, read)
        payload = {"address": read.address, "challenge": hash_, "ledger": read.ledger}
        payload |= {"owner": owner}
        subject, by = f"wallet/{read.address}", make_engine_request(hash_)
        await events.publish(
            connection, make_audit_entry(subject, "wallet.proven", by, at, payload, hash_)
        )
