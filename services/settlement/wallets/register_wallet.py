"""Register an account as somebody's."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RegisterWallet:
    address: str
    owner: str
    request: Request
    at: datetime


async def register_wallet(database: Database, command: RegisterWallet) -> bool:
    """Return whether this is new; False when the account was known as the same owner's."""
    address, owner, at = command.address, command.owner, command.at
    async with database.transaction() as connection:
        registered = await wallets.register(connection, address, owner, at)
        if registered:
            payload = {"address": address, "owner": owner}
            # It may be registered by another owner, and by this one again.
            subject, key = f"wallet/{address}", (owner, format_instant(at))
            await events.publish(
                connection,
                make_audit_entry(subject, "wallet.registered", command.request, at, payload, *key),
            )
    return registered
