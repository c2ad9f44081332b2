"""Networks in the database: the newest ledger seen of each, and its protocol version."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import networks
from domain.networks import NetworkState


async def get_state(connection: AsyncConnection, passphrase: str) -> NetworkState | None:
    """Return the state of a network that any process saved last; None if none did."""
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


async def save_monitored_at(connection: AsyncConnection, passphrase: str, at: datetime) -> None:
    """Save that a settlement worker looks after a network, if anything of the network is on record."""
    await connection.execute(
        update(networks).where(networks.c.passphrase == passphrase).values(monitored_at=at)
    )


async def save_state(connection: AsyncConnection, state: NetworkState) -> None:
    """Save the newest ledger of a network; an older one than the database has changes nothing."""
    values = {
        "protocol_version": state.protocol_version,
        "ledger": state.ledger,
        "closed_at": state.closed_at,
    }
    statement = insert(networks).values(passphrase=state.passphrase, **values)
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["passphrase"],
            set_=values,
            where=networks.c.ledger <= state.ledger,
        )
    )
