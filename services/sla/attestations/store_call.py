"""Store a signed call to the SLA contract before the first byte of it leaves the process."""

from adapters.postgres.database import Database
from adapters.postgres.sla import contract_calls
from domain.sla.attestations import Attestation, Call, SignedCall


async def store_call(
    database: Database, attestation: Attestation, signed: SignedCall
) -> Call | None:
    """
    Return the call to finish: this one, or one that another run has open. None
    when this sequence was used before: these bytes are never sent.
    """
    async with database.transaction(durable=True) as connection:
        stored = await contract_calls.store(connection, attestation, signed)
        return stored or await contract_calls.find_open_call(connection, signed.source)
