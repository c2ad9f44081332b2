"""The parts of outages in the database: outages themselves, under further agreements."""

from typing import Any

from sqlalchemy import Label, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import outages
from domain.sla.agreements.parts import OutagePart


def list_part_ids() -> Label[Any]:
    """The ids of an outage's parts, as a column beside it."""
    part = outages.alias("part")
    ids = select(part.c.id).where(part.c.part_of == outages.c.id).order_by(part.c.id)
    return func.array(ids.scalar_subquery()).label("parts")


async def list_parts(connection: AsyncConnection, outage_id: str) -> list[OutagePart]:
    """Return what the workflows of an outage's parts are started with."""
    rows = await connection.execute(
        select(outages.c.id, outages.c.agreement, outages.c.policy, outages.c.fingerprint)
        .where(outages.c.part_of == outage_id)
        .order_by(outages.c.id)
    )
    return [OutagePart(*row) for row in rows]
