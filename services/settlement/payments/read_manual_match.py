"""Read the out-of-band transfer that a person, or the engine, matched with a payment."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import manual_matches
from domain.access.scopes import Scope


@dataclass(frozen=True, slots=True)
class ManualMatchRecord:
    """The transfer on the chain, and who said that it is the payment."""

    payment_id: str
    transaction_hash: str
    ledger: int
    matched_by: str
    matched_at: datetime
    note: str


async def read_manual_match(
    database: Database, payment_id: str, scope: Scope
) -> ManualMatchRecord | None:
    """Return the match of a payment; None for one that bytes on record have made, or that is still owed."""
    async with database.autocommit() as connection:
        known = await manual_matches.get(connection, payment_id, scope)
        found = await manual_matches.find_out_of_band(connection, [payment_id])
    made = next((each for each in found if each.matched), None)
    if known is None or made is None:
        return None
    return ManualMatchRecord(
        payment_id,
        made.transaction_hash,
        made.ledger,
        known.matched_by,
        known.at,
        known.note,
    )
