"""Bind an outage to the agreements it falls under, as of when it was detected."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.database import Database
from adapters.postgres.sla import policies
from adapters.postgres.sla.agreements import agreements
from adapters.postgres.sla.agreements.coverages import find_bound_matches
from domain.sla.agreements.bindings import (
    Binding,
    check_customer_of,
    check_policy_of,
    make_uncovered,
)
from domain.sla.agreements.coverages import Match, choose_agreements
from domain.sla.outages import Declaration
from domain.sla.policies import Policy


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
    for found in await _find(connection, declaration, known):
        check_policy_of(outage, found)
        name = found.policy or declaration.policy
        if name not in known:
            known[name] = await policies.get_in_force(connection, name, outage.detected_at)
        bindings.append(Binding(found.agreement, found.version, known[name]))
    return bindings


async def _find(
    connection: AsyncConnection, declaration: Declaration, known: dict[str, Policy]
) -> list[Match]:
    """Return the agreements of an outage; what is read of their policies beside them is added to `known`."""
    outage = declaration.outage
    if outage.agreement is not None:
        named = await agreements.get_in_force(connection, outage.agreement, outage.detected_at)
        check_customer_of(outage, named)
        return [named]
    bound = await find_bound_matches(
        connection,
        outage.site_id,
        outage.affected_services,
        outage.detected_at,
        declaration.agreement,
        declaration.policy,
    )
    known |= {policy.name: policy for _, policy in bound if policy is not None}
    matches = [match for match, _ in bound]
    if found := choose_agreements(matches, declaration.agreement, outage.customer):
        return found
    if outage.customer is None:
        # The agreement of the settings is not in force either: it says so.
        return [
            await agreements.get_in_force(connection, declaration.agreement, outage.detected_at)
        ]
    raise make_uncovered(outage)
