"""Claim the channels: store what is about to be written on the chain, before it is signed."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, installation
from adapters.postgres.database import Database
from domain.audit import make_audit_entry, make_engine_request
from domain.settlement.channels import Claim


@dataclass(frozen=True, slots=True)
class ClaimChannels:
    """
    `by` names the process that claims. `read_past` is the ledger that the chain must be read past before
    anything is signed, since another engine may have signed until now; 0 when none has.
    """

    claim: Claim
    by: str
    at: datetime
    read_past: int = 0


async def claim_channels(database: Database, command: ClaimChannels) -> None:
    """Store a claim, which only this database knows then."""
    claim, at = command.claim, command.at
    async with database.transaction() as connection:
        await installation.add_claim(connection, claim, command.by, at)
        if command.read_past:
            await installation.require_reading(connection, command.read_past)
        token = claim.token.hex()
        evidence = {"token": token, "kind": claim.kind.name.lower(), "by": command.by}
        request = make_engine_request("settlement-worker-claim")
        subject, action = "installation/settlement", "installation.claimed"
        entry = make_audit_entry(subject, action, request, at, evidence, token)
        await events.publish(connection, entry)
