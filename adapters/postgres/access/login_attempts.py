"""Failed logins, counted in the database so that all processes of the API count together."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.tables import login_failures
from domain.access.login_attempts import FORGOTTEN_AFTER, LoginFailures


async def find_failures(connection: AsyncConnection, counter: str) -> LoginFailures | None:
    wanted = select(login_failures.c.failures, login_failures.c.last_at)
    row = (
        await connection.execute(wanted.where(login_failures.c.counter == counter))
    ).one_or_none()
    return None if row is None else LoginFailures(row.failures, row.last_at)


async def count_failure(connection: AsyncConnection, counter: str, at: datetime) -> int:
    """Count one more, and return how many there are."""
    statement = insert(login_failures).values(counter=counter, failures=1, last_at=at)
    found: int = (
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["counter"],
                set_={"failures": login_failures.c.failures + 1, "last_at": at},
            ).returning(login_failures.c.failures)
        )
    ).scalar_one()
    return found


async def forget_failures(
    connection: AsyncConnection, counters: Sequence[str], at: datetime
) -> None:
    """Forget these, whose owner has logged in, and all that are old."""
    await connection.execute(
        delete(login_failures).where(
            login_failures.c.counter.in_(counters)
            | (login_failures.c.last_at < at - FORGOTTEN_AFTER)
        )
    )
