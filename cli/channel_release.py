"""Releasing a channel from quarantine: only when the network shows that nothing of ours can move."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from adapters.postgres.database import Database
from adapters.postgres.settlement import channels as records
from adapters.stellar.finality.evidence import Evidence
from adapters.stellar.finality.quorum import Quorum, UnknownConsumption
from adapters.stellar.finality.witnesses import Disagreement, Witnesses
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChainUnavailable, Conflict, Unavailable
from domain.settlement.channels import (
    ChainCoverage,
    Channel,
    ChannelRelease,
    QuarantinedAttempt,
)
from services.settlement.channels.read_release import read_release
from services.settlement.channels.release_channel import ReleaseChannel, release_channel

LOOKS, LOOK_EVERY_SECONDS = 30, 2.0
SIGNAL_TIMEOUT = timedelta(seconds=10)
OUT_OF_USE = "this worker does not have its key, as after a change of STELLAR_CHANNELS_SEED: it stays out of use"


@dataclass(frozen=True, slots=True)
class ReleaseContext:
    """What a release reads, and where it signals."""

    database: Database
    nodes: Nodes
    passphrase: str
    client: Client
    channels: Collection[str]  # whose keys this worker has


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """What a person says: which channel, who says so, why, and what was seen elsewhere."""

    channel: str
    by: str
    note: str
    evidence: str = ""


async def release(context: ReleaseContext, request: ReleaseRequest) -> None:
    """Prove, record, and signal the workflows that wait; refuse while money may still move."""
    address, proof = request.channel, "no attempt is open on it"
    async with context.database.autocommit() as connection:
        channel = await records.get(connection, address)
        quarantined = await records.get_quarantined_attempt(connection, address)
    retired = address not in context.channels
    if not channel.quarantined or (retired and quarantined is None):
        await _remind(context, channel)
        return
    proofs = Quorum(context.nodes, context.passphrase)
    if quarantined is not None:
        proof = await _prove(context, proofs, quarantined, request.evidence) or proof
    snapshot = await proofs.read_snapshot([address], at_least=context.nodes.highest)
    sequence = snapshot.sequences.get(address, channel.sequence if retired else None)
    if sequence is None:
        raise Conflict(f"the account {address} does not exist; create it, or leave it aside")
    now = datetime.now(UTC)
    given = ChannelRelease(
        address, sequence, proof, request.by, request.note, now, retired, request.evidence
    )
    await release_channel(context.database, ReleaseChannel(given, quarantined))
    print(f"released {address}: {proof}; its sequence is {given.sequence}")
    if retired:
        print(OUT_OF_USE)
    if quarantined is not None:
        await _signal_waiting(context, quarantined.workflow_ids)


async def _remind(context: ReleaseContext, channel: Channel) -> None:
    """Signal again: the channel was released, and a workflow that waits may not have got the signal."""
    workflow_ids = await read_release(context.database, channel.address)
    if not workflow_ids:
        kept = f"is not needed by any payment; {OUT_OF_USE}"
        raise Conflict(
            f"channel {channel.address} {kept if channel.quarantined else 'is not in quarantine'}"
        )
    print(f"{channel.address} was released before; its payments are signalled again")
    await _signal_waiting(context, workflow_ids)


async def _signal_waiting(context: ReleaseContext, workflow_ids: Sequence[str]) -> None:
    """Signal the workflows that wait; fail if one could not be reached, since it would wait for hours."""
    if not_signalled := await _signal_retry(context.client, workflow_ids):
        raise Unavailable(
            f"released, and {len(not_signalled)} that wait for it could not be signalled, because Temporal does not "
            "answer: run this command again"
        )


async def _prove(
    context: ReleaseContext, proofs: Quorum, quarantined: QuarantinedAttempt, evidence: str
) -> str:
    """Say why nothing of the attempt can move money any more; refuse while it may, or if it did."""
    await _read(context, quarantined)
    if not quarantined.hashes:
        return ""  # nothing was ever signed for it
    found = await _find_outcome(proofs, quarantined)
    if isinstance(found, LedgerInclusion) and found.paid:
        raise Conflict(
            f"the money moved, in transaction {found.hash} of ledger {found.ledger}; "
            f"{await _signal_paid(context, quarantined)}; then release the channel"
        )
    reading = await _read(context, quarantined)  # reconciliation may have read on meanwhile
    if isinstance(found, UnknownConsumption) and found.forgotten:
        return f"{found.reason.sentence}; {_justify_release(quarantined, reading, evidence)}"
    return _describe_outcome(found)


async def _read(context: ReleaseContext, quarantined: QuarantinedAttempt) -> ChainCoverage:
    """
    Read reconciliation's record of the chain, which outlasts the memory of any node; refuse if it saw
    the money move.
    """
    last = quarantined.attempt.max_ledger - 1  # the bound itself is the first ledger too late
    async with context.database.autocommit() as connection:
        found = await records.get_coverage(
            connection, quarantined, last + 1 - LEDGERS_TO_LIVE, last
        )
    if (trace := found.trace) is None:
        return found
    where = f"in transaction {trace.transaction_hash} of ledger {trace.ledger}"
    if trace.ours:
        raise Conflict(
            f"the money moved, {where}, as reconciliation has read: it must not be made again; "
            f"{await _signal_paid(context, quarantined)}; then release the channel"
        )
    raise Conflict(
        f"the money moved, {where}, by other bytes than its own, as reconciliation has read: it "
        "must not be made again; see GET /reconciliation/breaks"
    )


def _justify_release(quarantined: QuarantinedAttempt, reading: ChainCoverage, evidence: str) -> str:
    """Say what stands for the memory that no node has; refuse when nothing does."""
    ledgers = f"ledgers {reading.first} to {reading.last}"
    if reading.complete:
        return f"reconciliation has read {ledgers} without a gap, and the money did not move there"
    if evidence:
        return f"what was seen elsewhere of {ledgers}: {evidence}"
    raise Conflict(
        f"no node remembers {ledgers}, in which the money may have moved, and reconciliation, which "
        f"is at ledger {reading.read_to}, has not read all of them. If it is about to, wait. "
        f"Otherwise look where history is kept for the transactions {', '.join(quarantined.envelopes)}: if one "
        "succeeded, name a node in STELLAR_RPC_URL that remembers it, and the payment is confirmed; "
        "if none did, say what you saw with --evidence"
    )


async def _find_outcome(
    proofs: Quorum, quarantined: QuarantinedAttempt
) -> LedgerInclusion | UnknownConsumption | None:
    """Say what became of the attempt; None: dead. Refuse while it may still land."""
    attempt = quarantined.attempt

    async def hashes() -> list[str]:
        return quarantined.hashes

    for _ in range(LOOKS):
        snapshot = await proofs.read_snapshot([attempt.channel])
        if not snapshot.has_consumed(attempt):
            if not snapshot.is_past(attempt):
                raise Conflict(
                    f"the money may still move until ledger {attempt.max_ledger}, and the network "
                    f"is at {snapshot.ledger}; wait, and look again"
                )
            if await proofs.is_expired_everywhere(attempt):
                return None
        else:
            found = await proofs.find_consumer(attempt, hashes)
            if isinstance(found, LedgerInclusion):
                return await _believe(proofs, found, quarantined)
            if found is not None:
                return found
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise ChainUnavailable("too few RPC nodes agree on what became of the payment; try again later")


async def _believe(
    proofs: Quorum, found: LedgerInclusion, quarantined: QuarantinedAttempt
) -> LedgerInclusion:
    """Return what two nodes, or one with all that it shows besides, say of a transaction of ours."""
    attempt = quarantined.attempt
    evidence = Evidence(proofs.nodes, proofs.passphrase)
    contradict = partial(evidence.find_contradiction, attempt.channel, attempt.sequence)
    believed = await Witnesses(proofs.nodes, proofs.passphrase).confirm(
        found, quarantined.hashes, contradict
    )
    if isinstance(believed, Disagreement):
        raise Conflict(f"{believed.sentence}; look again when they agree")
    return believed


def _describe_outcome(found: LedgerInclusion | UnknownConsumption | None) -> str:
    if isinstance(found, LedgerInclusion):
        return f"transaction {found.hash} of ledger {found.ledger} had no effect"
    return "its signed bytes can never land" if found is None else found.reason.sentence


async def _signal_retry(client: Client, workflow_ids: Sequence[str]) -> list[str]:
    """Signal the workflows, print what became of each, and return those that may not have got it."""
    not_signalled = []
    for name in workflow_ids:
        try:
            await client.get_workflow_handle(name).signal("retry", rpc_timeout=SIGNAL_TIMEOUT)
            print(f"signalled {name} to go on")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                not_signalled.append(name)
                print(f"could not signal {name}: {error.status.name.lower()}")
            # What is left of a batch belongs to another workflow, or its workflow has ended.
            elif name.startswith("payment/"):
                print(f"no workflow {name} runs: the payment is not made until it is started again")
    return not_signalled


async def _signal_paid(context: ReleaseContext, quarantined: QuarantinedAttempt) -> str:
    """Have a payment that proved paid look again; say whether it will."""
    if await _signal_retry(context.client, quarantined.workflow_ids):
        return "the payment could not be signalled, because Temporal does not answer: run this command again"
    return "the payment was notified to check again and will be confirmed"
