"""Call a change of a party's address off while it cools off."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from domain.audit import make_audit_entry
from domain.requests import Request
from domain.settlement.owners.wallets import PayoutRole


@dataclass(frozen=True, slots=True)
class CancelPayout:
    agreement: str
    role: PayoutRole
    request: Request
    at: datetime


async def cancel_payout(database: Database, command: CancelPayout) -> None:
    agreement, role, by, at = command.agreement, command.role, command.request, command.at
    async with database.transaction() as connection:
        gone = await wallets.cancel_payout(connection, agreement, role, by.actor, at)
        payload = {"agreement": agreement, "role": role, "address": gone.address}
        subject = f"agreement/{agreement}"
        await events.publish(
            connection, make_audit_entry(subject, "payout.cancelled", by, at, payload, gone.id)
        )
