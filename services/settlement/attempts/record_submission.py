"""Record the answer to a send; from the first one on a payment is submitted."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes
from domain.settlement.attempts import Attempt
from domain.settlement.envelopes import SendAnswer


async def record_submission(database: Database, attempt: Attempt, answer: SendAnswer) -> None:
    async with database.autocommit() as connection:
        await envelopes.record_submission(connection, attempt, answer)
