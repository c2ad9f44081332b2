"""What the API makes sure of at its start: the first admin's key, and who pays whom by default."""

from dataclasses import asdict
from datetime import datetime

from adapters.postgres import events
from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from adapters.postgres.sla.agreements import agreements, treasuries
from domain.access.permissions import Role
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.errors import Conflict
from domain.sla.agreements.agreements import Agreement, check_payees, check_unpaid


async def bootstrap(database: Database, key: str, wanted: Agreement, at: datetime) -> None:
    """Make the bootstrap key the first admin's, and record who pays whom by default; each once."""
    by = make_engine_request("bootstrap")
    async with database.transaction() as connection:
        if await api_keys.save_key(connection, "admin", Role.ADMIN, key, by.actor):
            payload, when = {"name": "admin", "role": Role.ADMIN}, format_instant(at)
            entry = make_audit_entry("key/admin", "key.given", by, at, payload, when)
            await events.publish(connection, entry)
        check_payees(wanted, await treasuries.list_addresses(connection))
        check_unpaid(wanted.treasuries, await agreements.list_payees(connection))
        check_agreement(wanted, await agreements.add_agreement(connection, wanted))
        subject = f"agreement/{wanted.name}"
        # The same entry at each start, so that it is written with the first.
        await events.publish(
            connection, make_audit_entry(subject, "agreement.added", by, at, asdict(wanted))
        )


def check_agreement(wanted: Agreement, kept: Agreement) -> None:
    """Refuse to start on settings that differ from the agreement on record."""
    for role in ("bond", "pool", "provider", "beneficiary"):
        said, known = getattr(wanted, role), getattr(kept, role)
        if said != known:
            raise Conflict(
                f"STELLAR_{role.upper()}_ADDRESS is {said}, and agreement {kept.name!r} has {known} "
                f"as its {role}; set it to that. A payee is changed with "
                f"PUT /api/v1/agreements/{{name}}/payouts/{{role}}, by proof and after a cool-off; other "
                "treasuries are another agreement: SLA_AGREEMENT"
            )
