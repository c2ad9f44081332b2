"""The installation that a database belongs to: its id, which is never changed, and its claims of the channels."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import installation, installation_claims
from domain.settlement.channels import Claim


async def get_id(connection: AsyncConnection) -> UUID:
    found = await connection.execute(select(installation.c.id))
    id_: UUID = found.scalar_one()
    return id_


async def require_reading(connection: AsyncConnection, past_ledger: int) -> None:
    """Let nothing be signed before the chain was read past a ledger; an earlier one changes nothing."""
    highest = func.greatest(installation.c.read_past_ledger, past_ledger)
    await connection.execute(update(installation).values(read_past_ledger=highest))


async def get_required_ledger(connection: AsyncConnection) -> int:
    """Return the ledger that the chain must be read past before anything is signed; 0 for any."""
    found: int | None = await connection.scalar(select(installation.c.read_past_ledger))
    return found or 0


async def save_sweep(connection: AsyncConnection, at: datetime, unattended: int) -> None:
    """Save that everything unfinished was compared with the workflow server; since when stays, while any is unattended."""
    since = func.coalesce(installation.c.unattended_since, at) if unattended else None
    values = {"swept_at": at, "unattended": unattended, "unattended_since": since}
    await connection.execute(update(installation).values(values))


_BEHIND = text(
    """
    SELECT c.address FROM channels c
    JOIN unnest(CAST(:addresses AS text[]), CAST(:sequences AS bigint[])) AS seen (address, sequence)
      ON seen.address = c.address
    WHERE seen.sequence > greatest(c.sequence, c.read_sequence, (
        SELECT max(a.sequence) FROM attempts a WHERE a.channel = c.address AND NOT a.sequence_unused
    ))
    ORDER BY c.address
    """
)


async def list_behind(connection: AsyncConnection, sequences: Mapping[str, int]) -> list[str]:
    """Return the channels of which the network has consumed more than this database ever knew of."""
    asked = {"addresses": list(sequences), "sequences": list(sequences.values())}
    return list((await connection.execute(_BEHIND, asked)).scalars())


async def add_claim(connection: AsyncConnection, claim: Claim, by: str, at: datetime) -> None:
    values = {"token": claim.token, "kind": int(claim.kind), "made_by": by, "claimed_at": at}
    await connection.execute(insert(installation_claims).values(values))


async def has_claim(connection: AsyncConnection, claim: Claim) -> bool:
    """Tell whether a claim is of this database, by whichever of its workers."""
    wanted = select(installation_claims.c.n).where(installation_claims.c.token == claim.token)
    return await connection.scalar(wanted) is not None


async def is_refused(connection: AsyncConnection) -> bool:
    """Tell whether the last claim of this database had to yield to another engine's."""
    newest = installation_claims.c.n.desc()
    last = select(installation_claims.c.refused_at).order_by(newest).limit(1)
    return await connection.scalar(last) is not None


async def refuse_last_claim(connection: AsyncConnection, at: datetime) -> bool:
    """Mark the last claim as refused; tell whether it was not yet."""
    last = select(func.max(installation_claims.c.n)).scalar_subquery()
    marked = await connection.execute(
        update(installation_claims)
        .where(installation_claims.c.n == last, installation_claims.c.refused_at.is_(None))
        .values(refused_at=at)
    )
    return marked.rowcount > 0
