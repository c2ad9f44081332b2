"""Messages in the database, byte for byte as they came; the same bytes of one source are one row."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, RowMapping, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.reading.keysets import Keyset, Listing, ListSegment, read_part
from adapters.postgres.tables import intake_messages
from adapters.postgres.transitions import MESSAGES, move
from domain.errors import NotFound
from domain.sla.intake.messages import MessageStatus, StoredMessage

_LISTED = [column for column in intake_messages.c if column.name != "content"]


async def add(connection: AsyncConnection, message: StoredMessage) -> bool:
    """Store a message; one that is known is only counted. Return whether it is new."""
    statement = insert(intake_messages).values(
        id=message.id,
        source=message.source,
        digest=message.digest,
        content=message.content,
        received_at=message.received_at,
        last_received_at=message.last_received_at,
        times=1,
        status=message.status,
        problem=message.problem,
    )
    times = await connection.scalar(
        statement.on_conflict_do_update(
            index_elements=["id"],
            set_={
                "times": intake_messages.c.times + 1,
                "last_received_at": statement.excluded.last_received_at,
            },
        ).returning(intake_messages.c.times)
    )
    return bool(times == 1)


async def get(connection: AsyncConnection, message_id: str) -> StoredMessage:
    """Return a message with its content. Raises NotFound."""
    rows = await connection.execute(
        select(intake_messages).where(intake_messages.c.id == message_id)
    )
    if (row := rows.mappings().first()) is None:
        raise NotFound(f"there is no message {message_id!r}")
    return _to_message(row)


async def dismiss(connection: AsyncConnection, message_id: str) -> bool:
    return await move(connection, MESSAGES, {"id": message_id}, MessageStatus.DISMISSED)


async def list_newest(
    connection: AsyncConnection,
    statuses: Sequence[MessageStatus],
    source: str | None,
    segment: ListSegment,
) -> list[StoredMessage]:
    wanted: list[ColumnElement[bool]] = []
    if statuses:
        wanted.append(intake_messages.c.status.in_(statuses))
    if source is not None:
        wanted.append(intake_messages.c.source == source)
    key = Keyset((intake_messages.c.received_at, intake_messages.c.id))
    listing = Listing(intake_messages, key, wanted, select(*_LISTED))
    return [_to_message(row) for row in await read_part(connection, listing, segment)]


def _to_message(row: RowMapping) -> StoredMessage:
    known = dict(row)
    return StoredMessage(**known | {"status": MessageStatus(known["status"])})
