"""Read what is on record of an attempt: its bids, its bytes, and what reconciliation has seen of them."""

from dataclasses import dataclass

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.postgres.settlement import attempts, envelopes
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation
from domain.settlement.envelopes import SendAnswer


@dataclass(frozen=True, slots=True)
class Bids:
    """How often more was bid for the newest bytes, and the answers to the last bid."""

    reservation: Reservation | None
    raises: int
    answers: list[SendAnswer]


async def read_bids(database: Database, attempt: Attempt) -> Bids:
    async with database.autocommit() as connection:
        reservation = await attempts.get_attempt(connection, attempt.payment_id, attempt.n)
        return Bids(reservation, *await envelopes.get_bids(connection, attempt))


async def read_hashes(database: Database, attempt: Attempt) -> list[str]:
    """Return every inner hash ever signed for an attempt."""
    async with database.autocommit() as connection:
        return await envelopes.list_inner_hashes(connection, attempt.payment_id, attempt.n)


async def read_proof(database: Database, attempt: Attempt) -> Observation | None:
    """
    Prove an attempt by what reconciliation has read of the chain, which outlasts the history of
    any node: that a transfer was made by bytes of ours.
    """
    async with database.autocommit() as connection:
        ours = await envelopes.list_outer_hashes(connection, attempt.payment_id, attempt.n)
        seen = await reconciliation.find_transfer(connection, ours)
    if seen is None:
        return None
    return Observation(
        AttemptOutcome.SUCCEEDED, seen.ledger, seen.closed_at, hash=seen.transaction_hash
    )
