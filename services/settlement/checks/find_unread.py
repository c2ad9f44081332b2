"""Find out whether the chain may show more of what was paid than this database has read."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import installation
from adapters.postgres.accounting import reconciliation
from adapters.postgres.recovery import restorations
from adapters.postgres.sla.agreements import treasuries


async def find_unread_within(connection: AsyncConnection, treasury: str) -> str | None:
    """
    Say what of the chain a restored database, or one that knows a treasury for a moment, has not read yet; None when it
    has read enough.
    """
    if (at := await restorations.get_unread(connection)) is not None:
        return f"the database was restored at {at.isoformat()}, and the chain is not read since"
    required = await installation.get_required_ledger(connection)
    cursor = await reconciliation.get_cursor(connection)
    if required and (cursor is None or cursor.ledger < required):
        return f"the chain is not read past ledger {required}, where lost bytes may be"
    if treasury in await treasuries.list_waiting(connection):
        return f"the transfers of treasury {treasury} are not read yet"
    return None
