"""What the book knows of a network: how far it was seen to have come, and under which rules."""

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import networks
from domain.networks import NetworkState


async def get_state(connection: AsyncConnection, passphrase: str) -> NetworkState | None:
    """Return what was last remembered of a network, by any process."""
    found = await connection.execute(
        select(
            networks.c.passphrase,
            networks.c.protocol_version,
            networks.c.ledger,
            networks.c.closed_at,
        ).where(networks.c.passphrase == passphrase)
    )
    row = found.one_or_none()
    return None if row is None else NetworkState(*row)


async def save_trouble(connection: AsyncConnection, passphrase: str, trouble: str) -> None:
    """Say what a person must mend on a network; nothing, when all is well."""
    await connection.execute(
        update(networks).where(networks.c.passphrase == passphrase).values(trouble=trouble or None)
    )


async def list_troubles(connection: AsyncConnection) -> list[str]:
    """Return what must be mended, of every network this book is settled on."""
    statement = select(networks.c.trouble).where(networks.c.trouble.is_not(None))
    return list(await connection.scalars(statement.order_by(networks.c.passphrase)))


async def save_state(connection: AsyncConnection, standing: NetworkState) -> None:
    """Note how far a network has come; what is older than the book is no news."""
    values = {
        "protocol_version": standing.protocol_version,
        "ledger": standing.ledger,
        "closed_at": standing.closed_at,
    }
    statement = insert(networks).values(passphrase=standing.passphrase, **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["passphrase"],
            set_=values,
            where=networks.c.ledger <= standing.ledger,
        )
    )
