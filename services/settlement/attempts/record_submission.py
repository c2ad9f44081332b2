"""Write down what a send was answered; a payment is submitted from the first one on."""

from adapters.postgres.database import Database
from adapters.postgres.settlement import envelopes
from domain.settlement.attempts import Attempt
from domain.settlement.envelopes import SendAnswer


async def record_submission(database: Database, attempt: Attempt, answer: SendAnswer) -> None:
    async with database.autocommit() as connection:
        await envelopes.record_submission(connection, attempt, answer)
