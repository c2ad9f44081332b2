"""Read what is on record of an attempt: its bids, its bytes, and what reconciliation has seen of them."""

from dataclasses import dataclass

from adapters.postgres.accounting import reconciliation
from adapters.postgres.database import Database
from adapters.postgres.settlement import allocations, attempts, envelopes, manual_matches
from adapters.postgres.settlement.attempts import Reservation
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation
from domain.settlement.batches import Batch
from domain.settlement.envelopes import SendAnswer
from domain.settlement.manual_matches import OutOfBandTransfer, is_receipt


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


async def read_receipt_of_member(database: Database, attempt: Attempt) -> OutOfBandTransfer | None:
    """Return a transfer that paid a payment of an attempt by bytes that this database does not know."""
    async with database.autocommit() as connection:
        members, _ = await allocations.get_members(connection, Batch(attempt.payment_id, attempt.n))
        found = await manual_matches.find_out_of_band(connection, list(members))
    paid = (each for each in found if is_receipt(members[each.payment_id], each))
    return next(paid, None)


async def read_made_elsewhere(database: Database, first_ledger: int, last_ledger: int) -> list[str]:
    """Return the transactions of these ledgers that paid payments on record by bytes that are not."""
    async with database.autocommit() as connection:
        return await manual_matches.list_made_elsewhere(connection, first_ledger, last_ledger)
