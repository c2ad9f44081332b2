"""Pay a party of an agreement at another address, once the cool-off has passed."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.settlement import wallets
from adapters.postgres.settlement.owners import registrations
from adapters.postgres.sla.agreements import treasuries
from domain.access.scopes import EVERYTHING
from domain.audit import make_audit_entry
from domain.digests import derive_id, format_instant
from domain.requests import Request
from domain.settlement.owners.wallets import Payout, Readiness, check_payout
from domain.sla.agreements.agreements import check_payee
from services.settlement.approvals.void_approvals import void_approvals_within


@dataclass(frozen=True, slots=True)
class ChangePayout:
    """`readiness` is what the network said of the new address a moment ago."""

    payout: Payout
    readiness: Readiness
    request: Request
    at: datetime


async def change_payout(database: Database, command: ChangePayout) -> list[str]:
    """
    Record the change, and void what was approved under the address before it. Return the payments
    that must be approved anew.
    """
    payout, at = command.payout, command.at
    agreement, role, address = payout.agreement, payout.role, payout.address
    key = derive_id("pyo", agreement, role, address, at.isoformat())
    async with database.transaction() as connection:
        proven_at = (await registrations.get(connection, address, EVERYTHING)).proven_at
        check_payout(proven_at, command.readiness)
        check_payee(role, address, await treasuries.list_addresses(connection))
        before = await wallets.get_payout_address(connection, agreement, role, at)
        await wallets.request_payout_change(connection, key, payout, command.request.actor, at)
        unsigned = await wallets.list_unsigned_to(connection, agreement, before)
        reason = f"the {role} of {agreement} is to be paid at another address"
        voided = await void_approvals_within(connection, unsigned, reason, at)
        payload = {
            "agreement": agreement,
            "role": role,
            "from_address": before,
            "to_address": address,
            "effective_at": format_instant(payout.effective_at),
            "approvals_voided": voided,
        }
        subject = f"agreement/{agreement}"
        await events.publish(
            connection, make_audit_entry(subject, "payout.asked", command.request, at, payload, key)
        )
    return voided
