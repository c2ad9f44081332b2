"""Register an account as somebody's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement.owners import registrations
from domain.access.scopes import Scope
from domain.audit import make_audit_entry
from domain.digests import format_instant
from domain.requests import Request
from domain.settlement.owners.registrations import Registration, choose_party


@dataclass(frozen=True, slots=True)
class RegisterWallet:
    address: str
    owner: str
    request: Request
    at: datetime
    scope: Scope


async def register_wallet(database: Database, command: RegisterWallet) -> bool:
    """Return whether this is new; False when the account was known as the same owner's."""
    async with database.transaction() as connection:
        return await register_wallet_within(connection, command)


async def register_wallet_within(connection: AsyncConnection, command: RegisterWallet) -> bool:
    address, owner, at = command.address, command.owner, command.at
    known = await registrations.find_party(connection, owner)
    party = choose_party(command.scope, command.request.actor, owner, known)
    wanted = Registration(address, owner, party)
    registered = await registrations.register(connection, wanted, at)
    if registered:
        payload = {"address": address, "owner": owner, "party": party}
        # It may be proven by another owner, and after that be registered by this one again.
        subject, key = f"wallet/{address}", (owner, format_instant(at))
        await events.publish(
            connection,
            make_audit_entry(subject, "wallet.registered", command.request, at, payload, *key),
        )
    return registered
