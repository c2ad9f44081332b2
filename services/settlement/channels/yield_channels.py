"""Yield the channels: record that another engine has them, so that this one does not start again by itself."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import events, installation
from adapters.postgres.accounting import troubles
from adapters.postgres.database import Database
from domain.accounting.troubles import Trouble, TroubleCode
from domain.audit import make_audit_entry, make_engine_request
from domain.digests import format_instant
from domain.settlement.channels import StandingClaim


@dataclass(frozen=True, slots=True)
class YieldChannels:
    """The claim that stands instead of ours on a network, and the sentence about it for people."""

    standing: StandingClaim
    sentence: str
    passphrase: str
    at: datetime


async def yield_channels(database: Database, command: YieldChannels) -> None:
    """Mark the last claim as refused; repeated, it changes nothing more."""
    standing, at = command.standing, command.at
    async with database.transaction() as connection:
        found = [Trouble(TroubleCode.CLAIM_UNCONFIRMED, command.sentence)]
        await troubles.save_troubles(connection, command.passphrase, found, at)
        if not await installation.refuse_last_claim(connection, at):
            return
        other = "" if standing.claim is None else standing.claim.token.hex()
        evidence = {"claim": other, "since_ledger": standing.since_ledger}
        request = make_engine_request("settlement-worker-claim")
        subject, action = "installation/settlement", "installation.yielded"
        entry = make_audit_entry(subject, action, request, at, evidence, other, format_instant(at))
        await events.publish(connection, entry)
