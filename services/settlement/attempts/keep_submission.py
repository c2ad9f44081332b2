"""Write down what a send was answered; a payment is submitted from the first one on."""

from adapters.postgres import envelopes
from adapters.postgres.database import Database
from domain.attempts import Attempt


async def keep_submission(database: Database, attempt: Attempt, answer: str) -> None:
    async with database.autocommit() as connection:
        await envelopes.note_submission(connection, attempt, answer)
