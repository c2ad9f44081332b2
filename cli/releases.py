"""Releasing a channel from quarantine: only when the network shows that nothing of ours can move."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres import channels as records
from adapters.postgres.database import Database
from adapters.stellar.ledgers import Landing
from adapters.stellar.nodes import Nodes
from adapters.stellar.proofs import Doubt, Proofs
from adapters.stellar.transfers import LEDGERS_TO_LIVE
from domain.channels import Channel, Held, Reading, Release
from domain.errors import ChainUnavailable, Conflict, Unavailable
from services.settlement.channels.read_release import read_release
from services.settlement.channels.release_channel import ReleaseChannel, release_channel

LOOKS, LOOK_EVERY_SECONDS = 30, 2.0
TELL_WITHIN = timedelta(seconds=10)
OUT_OF_USE = "its key is not held, as after a change of STELLAR_CHANNELS_SEED: it stays out of use"


@dataclass(frozen=True, slots=True)
class Desk:
    """What a release needs to look at, and whom it tells."""

    database: Database
    nodes: Nodes
    passphrase: str
    client: Client
    channels: Collection[str]  # whose keys are held


@dataclass(frozen=True, slots=True)
class Word:
    """What a person says: which channel, who says so, why, and what was seen elsewhere."""

    channel: str
    by: str
    note: str
    evidence: str = ""


async def release(desk: Desk, word: Word) -> None:
    """Prove, write down, and wake the lives that waited; refuse while money may still move."""
    address, proof = word.channel, "no attempt is open on it"
    async with desk.database.autocommit() as connection:
        channel = await records.get(connection, address)
        held = await records.held(connection, address)
    retired = address not in desk.channels
    if not channel.quarantined or (retired and held is None):
        await _remind(desk, channel)
        return
    proofs = Proofs(desk.nodes, desk.passphrase)
    if held is not None:
        proof = await _proven(desk, proofs, held, word.evidence) or proof
    snapshot = await proofs.snapshot([address], at_least=desk.nodes.highest)
    sequence = snapshot.sequences.get(address, channel.sequence if retired else None)
    if sequence is None:
        raise Conflict(f"the account {address} does not exist; create it, or leave it aside")
    now = datetime.now(UTC)
    given = Release(address, sequence, proof, word.by, word.note, now, retired, word.evidence)
    await release_channel(desk.database, ReleaseChannel(given, held))
    print(f"released {address}: {proof}; its sequence is {given.sequence}")
    if retired:
        print(OUT_OF_USE)
    if held is not None:
        await _tell(desk, held.lives)


async def _remind(desk: Desk, channel: Channel) -> None:
    """Nothing is left to release; who waited for it may not have heard that it was."""
    lives = await read_release(desk.database, channel.address)
    if not lives:
        kept = f"is not needed by any payment; {OUT_OF_USE}"
        raise Conflict(
            f"channel {channel.address} {kept if channel.quarantined else 'is not in quarantine'}"
        )
    print(f"{channel.address} was released before; its payments are told again")
    await _tell(desk, lives)


async def _tell(desk: Desk, lives: Sequence[str]) -> None:
    """Tell the lives that wait, and fail if one could not be: it would wait for hours."""
    if untold := await _wake(desk.client, lives):
        raise Unavailable(
            f"released, and {len(untold)} that wait for it could not be told, for Temporal does not "
            "answer: run this again"
        )


async def _proven(desk: Desk, proofs: Proofs, held: Held, evidence: str) -> str:
    """Say why nothing of the attempt can move money any more; refuse while it may, or if it did."""
    await _read(desk, held)
    if not held.hashes:
        return ""  # nothing was ever signed for it
    found = await _proof(proofs, held)
    if isinstance(found, Landing) and found.paid:
        raise Conflict(
            f"the money moved, in transaction {found.hash} of ledger {found.ledger}; "
            f"{await _heard(desk, held)}; then release the channel"
        )
    reading = await _read(desk, held)  # the book may have read on meanwhile
    if isinstance(found, Doubt) and found.forgotten:
        return f"{found.reason}; {_silence(held, reading, evidence)}"
    return _words(found)


async def _read(desk: Desk, held: Held) -> Reading:
    """
    Look at the book's own record of the chain, which does not forget; refuse if it saw the money
    move, whatever the nodes remember.
    """
    last = held.attempt.max_ledger - 1  # the bound itself is the first ledger too late
    async with desk.database.autocommit() as connection:
        found = await records.reading(connection, held, last + 1 - LEDGERS_TO_LIVE, last)
    if (trace := found.trace) is None:
        return found
    where = f"in transaction {trace.transaction_hash} of ledger {trace.ledger}"
    if trace.ours:
        raise Conflict(
            f"the money moved, {where}, as reconciliation has read: it must not be made again; "
            f"{await _heard(desk, held)}; then release the channel"
        )
    raise Conflict(
        f"the money moved, {where}, by other bytes than its own, as reconciliation has read: it "
        "must not be made again; see GET /reconciliation/breaks"
    )


def _silence(held: Held, reading: Reading, evidence: str) -> str:
    """Say what stands for the memory that no node has; refuse when nothing does."""
    ledgers = f"ledgers {reading.first} to {reading.last}"
    if reading.complete:
        return f"reconciliation has read {ledgers} without a gap, and the money did not move there"
    if evidence:
        return f"what was seen elsewhere of {ledgers}: {evidence}"
    raise Conflict(
        f"no node remembers {ledgers}, in which the money may have moved, and reconciliation, which "
        f"is at ledger {reading.read_to}, has not read all of them. If it is about to, wait. "
        f"Otherwise look where history is kept for the transactions {', '.join(held.envelopes)}: if one "
        "succeeded, name a node in STELLAR_RPC_URL that remembers it, and the payment is confirmed; "
        "if none did, say what you saw with --evidence"
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


async def _wake(client: Client, lives: Sequence[str]) -> list[str]:
    """Tell lives to go on, say of each what became of it, and return those that may not have heard."""
    untold = []
    for name in lives:
        try:
            await client.get_workflow_handle(name).signal("retry", rpc_timeout=TELL_WITHIN)
            print(f"told {name} to go on")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                untold.append(name)
                print(f"could not tell {name} to go on: {error.status.name.lower()}")
            # What is left of a batch has another's life, or had one that has ended.
            elif name.startswith("payment/"):
                print(f"nobody lives as {name}: it is not made until it has a life again")
    return untold


async def _heard(desk: Desk, held: Held) -> str:
    """Have a payment that proved paid look again; say whether it will."""
    if await _wake(desk.client, held.lives):
        return "the payment could not be told, for Temporal does not answer: run this again"
    return "the payment was notified to check again and will be confirmed"
