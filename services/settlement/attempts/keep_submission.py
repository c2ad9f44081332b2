"""Write down what a send was answered; a payment is submitted from the first one on."""

from adapters.postgres import envelopes
from adapters.postgres.database import Database
from domain.attempts import Attempt
from domain.envelopes import SendAnswer


async def keep_submission(database: Database, attempt: Attempt, answer: SendAnswer) -> None:
    async with database.autocommit() as connection:
        await envelopes.note_submission(connection, attempt, answer)
