"""Releasing a channel from quarantine: only when the network shows that nothing of ours can move."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from temporalio.client import Client

from adapters.postgres.accounting import own_transfers
from adapters.postgres.database import Database
from adapters.postgres.settlement import channels as records
from adapters.stellar.finality.evidence import Evidence
from adapters.stellar.finality.quorum import Quorum, UnknownConsumption
from adapters.stellar.finality.witnesses import Disagreement, Witnesses
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from cli.settlement.release_signals import signal_paid, signal_waiting
from domain.accounting.channel_releases import (
    OutcomeKind,
    QuarantineOutcome,
    ReleaseRefusal,
    decide_release,
    refuse_moved,
    refuse_unexpired,
)
from domain.errors import ChainUnavailable, Conflict
from domain.settlement.channels import (
    ChainCoverage,
    Channel,
    ChannelRelease,
    QuarantinedAttempt,
)
from services.settlement.channels.read_release import read_release
from services.settlement.channels.release_channel import ReleaseChannel, release_channel

LOOKS, LOOK_EVERY_SECONDS = 30, 2.0
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
        await signal_waiting(context.client, quarantined.workflow_ids)


async def _remind(context: ReleaseContext, channel: Channel) -> None:
    """Signal again: the channel was released, and a workflow that waits may not have got the signal."""
    workflow_ids = await read_release(context.database, channel.address)
    if not workflow_ids:
        kept = f"is not needed by any payment; {OUT_OF_USE}"
        raise Conflict(
            f"channel {channel.address} {kept if channel.quarantined else 'is not in quarantine'}"
        )
    print(f"{channel.address} was released before; its payments are signalled again")
    await signal_waiting(context.client, workflow_ids)


async def _prove(
    context: ReleaseContext, proofs: Quorum, quarantined: QuarantinedAttempt, evidence: str
) -> str:
    """Say why nothing of the attempt can move money any more; refuse while it may, or if it did."""
    before = await _read_coverage(context, quarantined)
    if (moved := refuse_moved(before)) is not None:
        raise await _refuse(context, quarantined, moved)
    if not quarantined.hashes:
        return ""  # nothing was ever signed for it
    outcome = _to_outcome(await _find_outcome(proofs, quarantined))
    # Reconciliation may have read on meanwhile.
    after = await _read_coverage(context, quarantined)
    decided = decide_release(quarantined, outcome, after, evidence)
    if isinstance(decided, ReleaseRefusal):
        raise await _refuse(context, quarantined, decided)
    return decided


async def _read_coverage(context: ReleaseContext, quarantined: QuarantinedAttempt) -> ChainCoverage:
    """Read reconciliation's record of the ledgers in which the attempt may have landed."""
    last = quarantined.attempt.max_ledger - 1  # the bound itself is the first ledger too late
    async with context.database.autocommit() as connection:
        return await own_transfers.get_coverage(
            connection, quarantined, last + 1 - LEDGERS_TO_LIVE, last
        )


async def _refuse(
    context: ReleaseContext, quarantined: QuarantinedAttempt, refusal: ReleaseRefusal
) -> Conflict:
    """Return the error; a payment that proved paid is notified first, because it comes before its channel."""
    if not refusal.paid:
        return Conflict(refusal.sentence)
    notified = await signal_paid(context.client, quarantined.workflow_ids)
    return Conflict(f"{refusal.sentence}; {notified}; then release the channel")


async def _find_outcome(
    proofs: Quorum, quarantined: QuarantinedAttempt
) -> LedgerInclusion | UnknownConsumption | None:
    """Say what became of the attempt; None: dead. Refuse while it may still land."""
    attempt = quarantined.attempt

    async def hashes() -> list[str]:
        return quarantined.hashes

    for _ in range(LOOKS):
        snapshot = await proofs.read_snapshot([attempt.channel])
        consumed, past = snapshot.has_consumed(attempt), snapshot.is_past(attempt)
        if wait := refuse_unexpired(attempt, snapshot.ledger, consumed=consumed, past=past):
            raise Conflict(wait)
        if not consumed:
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


def _to_outcome(found: LedgerInclusion | UnknownConsumption | None) -> QuarantineOutcome:
    if found is None:
        return QuarantineOutcome(OutcomeKind.DEAD)
    if isinstance(found, LedgerInclusion):
        kind = OutcomeKind.PAID if found.paid else OutcomeKind.WITHOUT_EFFECT
        return QuarantineOutcome(kind, hash=found.hash, ledger=found.ledger)
    kind = OutcomeKind.FORGOTTEN if found.forgotten else OutcomeKind.UNKNOWN
    return QuarantineOutcome(kind, found.reason.sentence)
