"""Releasing a channel from quarantine: only when the network shows that nothing of ours can move."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError

from adapters import temporal
from adapters.postgres import channels as records
from adapters.postgres import reconciliation
from adapters.postgres.database import Database
from adapters.stellar.ledgers import Landing
from adapters.stellar.nodes import Nodes
from adapters.stellar.proofs import Doubt, Proofs
from adapters.stellar.transfers import LEDGERS_TO_LIVE
from domain.channels import Held, Release
from domain.errors import ChainUnavailable, Conflict

LOOKS, LOOK_EVERY_SECONDS = 30, 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What a release needs to look at."""

    database: Database
    nodes: Nodes
    passphrase: str
    temporal_address: str


class Moved(Conflict):
    """The money moved: whoever waits has to look again, and nothing is released."""

    def __init__(self, hash_: str, ledger: int) -> None:
        super().__init__(
            f"the money moved, in transaction {hash_} of ledger {ledger}; the payment was told to "
            "look again and will be confirmed; then release the channel"
        )


async def release(
    desk: Desk, namespace: str, address: str, by: str, note: str, evidence: str = ""
) -> None:
    """Prove, write down, and wake the lives that waited; refuse while money may still move."""
    async with desk.database.autocommit() as connection:
        channel = await records.get(connection, address)
        held = await records.held(connection, address)
    if not channel.quarantined:
        raise Conflict(f"channel {address} is not in quarantine")
    proofs = Proofs(desk.nodes, desk.passphrase)
    client = await temporal.connect(desk.temporal_address, namespace)
    proof = "no attempt is open on it"
    if held is not None and held.hashes:
        try:
            proof = await _no_effect(desk.database, proofs, held, evidence)
        except Moved:
            await _wake(client, held)
            raise
    snapshot = await proofs.snapshot([address], at_least=desk.nodes.highest)
    if address not in snapshot.sequences:
        raise Conflict(f"the account {address} does not exist; create it, or leave it aside")
    given = Release(address, snapshot.sequences[address], proof, by, note, datetime.now(UTC))
    async with desk.database.transaction() as connection:
        await records.release(connection, given, held)
    print(f"released {address}: {proof}; its sequence is {given.sequence}")
    if held is not None:
        for name in await _wake(client, held):
            print(f"told {name} to go on")


async def _no_effect(database: Database, proofs: Proofs, held: Held, evidence: str) -> str:
    """Say what shows that the money of an attempt has not moved, and never will."""
    found = await _proof(proofs, held)
    if isinstance(found, Landing) and found.paid:
        raise Moved(found.hash, found.ledger)
    async with database.autocommit() as connection:
        # What reconciliation has read outlasts the memory of any node.
        seen = await reconciliation.transfer_of(connection, held.envelopes, held.numbers)
        if seen is not None and seen.transaction_hash in held.envelopes:
            raise Moved(seen.transaction_hash, seen.ledger)
        if seen is not None:
            raise Conflict(
                f"a transfer with its number was made by transaction {seen.transaction_hash} of "
                f"ledger {seen.ledger}, whose bytes the book does not have: see the break that "
                "reconciliation has found, and do not pay again before it is closed"
            )
        if not (isinstance(found, Doubt) and found.forgotten):
            return _words(found)
        last = held.attempt.max_ledger - 1
        first = last - LEDGERS_TO_LIVE
        forgotten = f"no node remembers all ledgers from {first} to {last}"
        if await reconciliation.has_read(connection, first, last):
            return f"{forgotten}, and reconciliation, which has read them, saw no transfer of it"
    if evidence:
        return f"{forgotten}; {evidence}"
    raise Conflict(
        f"{forgotten}, so that nobody knows whether the money moved; look for transaction "
        f"{', '.join(held.envelopes)} in an archive of the network, and only if it is not there, or "
        "failed, release with --evidence and what you found"
    )


async def _proof(proofs: Proofs, held: Held) -> Landing | Doubt | None:
    """Say what became of the attempt; None: dead. Refuse while it may still land."""
    attempt = held.attempt

    async def hashes() -> list[str]:
        return held.hashes

    for _ in range(LOOKS):
        snapshot = await proofs.snapshot([attempt.channel])
        if not snapshot.has_consumed(attempt):
            if not snapshot.is_past(attempt):
                raise Conflict(
                    f"the money may still move until ledger {attempt.max_ledger}, and the network "
                    f"is at {snapshot.ledger}; wait, and look again"
                )
            if await proofs.is_dead_everywhere(attempt):
                return None
        else:
            found = await proofs.of_consumed(attempt, hashes)
            if found is not None:
                return found
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise ChainUnavailable("too few RPC nodes agree on what became of the payment; try again later")


def _words(found: Landing | Doubt | None) -> str:
    if isinstance(found, Landing):
        return f"transaction {found.hash} of ledger {found.ledger} had no effect"
    return "its signed bytes can never land" if found is None else found.reason


async def _wake(client: Client, held: Held) -> list[str]:
    """Tell the lives that wait, those that are still there."""
    names = [f"batch/{batch.id}" for batch in held.batches]
    names += [f"payment/{payment_id}" for payment_id in held.payments]
    told = []
    for name in names:
        with suppress(RPCError):
            await client.get_workflow_handle(name).signal("retry")
            told.append(name)
    return told
