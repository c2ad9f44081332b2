"""What a scope is in SQL: the outages whose agreement a party is one side of, and what hangs on them."""

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import agreements, outages
from domain.access.scopes import Scope


def list_agreement_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """Return what must hold of a row of `agreements`; nothing for who sees everything."""
    if scope.party is None:
        return []
    bound = (agreements.c.provider_party, agreements.c.beneficiary_party)
    return [or_(*(each == scope.party for each in bound))]


def list_outage_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """Return what must hold of a row of `outages`."""
    if scope.party is None:
        return []
    own = select(agreements.c.name).where(*list_agreement_conditions(scope))
    return [outages.c.agreement.in_(own)]


async def read_outage_conditions(
    connection: AsyncConnection, scope: Scope
) -> list[ColumnElement[bool]]:
    """
    Return what must hold of a row of `outages` in a list. The agreements are named, not selected: how many outages
    each has is known to who plans the statement.
    """
    if scope.party is None:
        return []
    own = select(agreements.c.name).where(*list_agreement_conditions(scope))
    return [outages.c.agreement.in_((await connection.scalars(own)).all())]


async def read_conditions(
    connection: AsyncConnection, scope: Scope, outage_id: ColumnElement[str]
) -> list[ColumnElement[bool]]:
    """Return what must hold in a list of a row that names its outage in a column."""
    own = await read_outage_conditions(connection, scope)
    return [outage_id.in_(select(outages.c.id).where(*own))] if own else []


def list_conditions(scope: Scope, outage_id: ColumnElement[str]) -> list[ColumnElement[bool]]:
    """Return what must hold of a row that names its outage in a column."""
    if scope.party is None:
        return []
    return [outage_id.in_(select(outages.c.id).where(*list_outage_conditions(scope)))]
