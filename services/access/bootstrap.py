"""What the API makes sure of at its start: the first admin's key, and who pays whom by default."""

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from domain.access.permissions import Role
from domain.errors import Conflict
from domain.sla.policies import Agreement


async def bootstrap(database: Database, key: str, wanted: Agreement) -> None:
    """Make the bootstrap key the first admin's, and record who pays whom by default."""
    async with database.transaction() as connection:
        await api_keys.save_key(connection, "admin", Role.ADMIN, key)
        check_agreement(wanted, await policies.add_agreement(connection, wanted))


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
