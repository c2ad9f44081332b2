"""Bind an outage to the agreements it falls under, as of when it was detected."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from adapters.postgres.sla.agreements import agreements
from adapters.postgres.sla.agreements.coverages import find_matches
from domain.errors import Invalid
from domain.sla.agreements.coverages import Match, choose_agreements
from domain.sla.outages import Declaration
from domain.sla.policies import Policy


@dataclass(frozen=True, slots=True)
class Binding:
    """What an outage is judged and paid by, under one agreement, for ever."""

    agreement: str
    agreement_version: int
    policy: Policy


async def read_bindings(database: Database, declaration: Declaration) -> list[Binding]:
    """Return what an outage would be bound to, were it recorded now."""
    async with database.autocommit() as connection:
        return await bind_outage_within(connection, declaration)


async def bind_outage_within(
    connection: AsyncConnection, declaration: Declaration
) -> list[Binding]:
    """
    Return a binding to each agreement of an outage: the one it names; else all that cover it; else the
    one of the settings. Raises Invalid where the outage contradicts one.
    """
    outage, bindings, known = declaration.outage, list[Binding](), dict[str, Policy]()
    for found in await _find(connection, declaration):
        if found.policy is not None and outage.policy not in (None, found.policy):
            raise Invalid(
                "policy",
                f"is {outage.policy!r}, and agreement {found.agreement!r} is judged by "
                f"{found.policy!r}: leave the policy out, or name another agreement",
            )
        name = found.policy or declaration.policy
        if name not in known:
            known[name] = await policies.get_in_force(connection, name, outage.detected_at)
        bindings.append(Binding(found.agreement, found.version, known[name]))
    return bindings


async def _find(connection: AsyncConnection, declaration: Declaration) -> list[Match]:
    outage = declaration.outage
    if outage.agreement is not None:
        named = await agreements.get_in_force(connection, outage.agreement, outage.detected_at)
        if outage.customer not in (None, named.beneficiary_party):
            raise Invalid(
                "customer",
                f"is {outage.customer!r}, and agreement {named.agreement!r} is with "
                f"{named.beneficiary_party!r}: leave the customer out, or name another agreement",
            )
        return [named]
    matches = await find_matches(
        connection,
        outage.site_id,
        outage.affected_services,
        outage.detected_at,
        declaration.agreement,
    )
    if found := choose_agreements(matches, declaration.agreement, outage.customer):
        return found
    if outage.customer is None:
        # The agreement of the settings is not in force either: it says so.
        return [
            await agreements.get_in_force(connection, declaration.agreement, outage.detected_at)
        ]
    raise Invalid(
        "customer",
        f"{outage.customer!r} has no agreement that covers this site or these services at "
        f"{outage.detected_at.isoformat()}: name the agreement, or leave the customer out",
    )
