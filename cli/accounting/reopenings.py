"""Reopening a payment that counts as made: only when the nodes show that its bytes can never be applied."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from adapters import temporal
from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.settings import ListenerSettings, load
from adapters.stellar.finality.evidence import Evidence
from adapters.stellar.finality.quorum import Quorum, UnknownConsumption
from adapters.stellar.finality.witnesses import Disagreement, Witnesses
from adapters.stellar.rpc.network_monitor import NetworkMonitor
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.transaction_watcher import LedgerInclusion
from domain.accounting.reopenings import Reopening, UnprovenAttempt
from domain.errors import ChainUnavailable, Conflict
from domain.money import format_amount
from domain.requests import Request
from domain.settlement.payments import Payment
from services.accounting.reopenings.read_unproven import read_unproven
from services.accounting.reopenings.reopen_payment import ReopenPayment, reopen_payment
from workflows.payments import PaymentWorkflow
from workflows.visibility.search_attributes import make_debt_attributes

LOOKS, LOOK_EVERY_SECONDS = 30, 2.0


@dataclass(frozen=True, slots=True)
class ReopeningContext:
    """What a reopening reads, and where it starts workflows."""

    database: Database
    nodes: Nodes
    passphrase: str
    client: Client


@dataclass(frozen=True, slots=True)
class DeadBytes:
    """Why the bytes of an attempt can never be applied, and whether their sequence is still free."""

    proof: str
    sequence_unused: bool


async def run(payment_id: str, by: str, note: str) -> None:
    """Reopen a payment with the environment of a worker; raises Conflict while it may be made."""
    settings = load(ListenerSettings)
    passphrase = settings.stellar_network_passphrase
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url, connections_max=2)
        stack.push_async_callback(database.close)
        nodes = Nodes.from_urls(settings.stellar_rpc_url)
        stack.push_async_callback(nodes.close)
        async with database.autocommit() as connection:
            known = await networks.get_state(connection, passphrase)
        await NetworkMonitor(nodes, passphrase).establish(known)
        client = await temporal.connect(settings.temporal_address, settings.temporal_namespace)
        await reopen(ReopeningContext(database, nodes, passphrase, client), payment_id, by, note)


async def reopen(context: ReopeningContext, payment_id: str, by: str, note: str) -> None:
    """Prove, record, and start the workflows of what is owed again."""
    found = await read_unproven(context.database, payment_id)
    dead = await _prove_dead(context, found)
    request = Request(by, f"reopen-{payment_id}")
    reopening = Reopening(dead.proof, dead.sequence_unused, note, request, datetime.now(UTC))
    owed = await reopen_payment(context.database, ReopenPayment(payment_id, found, reopening))
    for payment in owed:
        await _start(context.client, payment)
        print(
            f"reopened {payment.id}: {dead.proof}; {format_amount(payment.amount_stroops)} USDC are owed again"
        )


async def _start(client: Client, payment: Payment) -> None:
    """Start the workflow that makes the payment; that of its outage is over."""
    await client.start_workflow(
        PaymentWorkflow.run,
        payment,
        id=payment.workflow_id,
        task_queue="settlement",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary=f"reopened, for outage {payment.outage_id}"[:200],
        search_attributes=make_debt_attributes(payment.amount_stroops),
    )


async def _prove_dead(context: ReopeningContext, found: UnprovenAttempt) -> DeadBytes:
    """
    Say why nothing of the attempt can be applied any more; refuse while it may, or if it was.

    Two nodes must say so, or one node at two ledgers.
    """
    quorum, attempt = Quorum(context.nodes, context.passphrase), found.attempt
    ledgers: set[int] = set()
    for _ in range(LOOKS):
        snapshot = await quorum.read_snapshot([attempt.channel])
        if snapshot.has_consumed(attempt):
            if (dead := await _explain_consumed(context, quorum, found)) is not None:
                return dead
        elif not snapshot.is_past(attempt):
            raise Conflict(
                f"the money may still move until ledger {attempt.max_ledger}, and the network is at "
                f"{snapshot.ledger}; wait, and look again"
            )
        elif await quorum.is_expired_everywhere(attempt):
            ledgers.add(snapshot.ledger)
            if len(context.nodes.all) > 1 or len(ledgers) > 1:
                return DeadBytes("its signed bytes expired and can never be applied", True)
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise ChainUnavailable("too few RPC nodes agree on what became of the payment; try again later")


async def _explain_consumed(
    context: ReopeningContext, quorum: Quorum, found: UnprovenAttempt
) -> DeadBytes | None:
    """Say what consumed the sequence instead of the payment; None while that is not known."""

    async def list_hashes() -> list[str]:
        return list(found.hashes)

    attempt = found.attempt
    consumer = await quorum.find_consumer(attempt, list_hashes)
    if isinstance(consumer, UnknownConsumption) and not consumer.forgotten:
        return DeadBytes(f"its sequence was {consumer.reason.sentence}", False)
    if not isinstance(consumer, LedgerInclusion):
        return None
    evidence = Evidence(context.nodes, context.passphrase)
    contradict = partial(evidence.find_contradiction, attempt.channel, attempt.sequence)
    believed = await Witnesses(context.nodes, context.passphrase).confirm(
        consumer, found.hashes, contradict
    )
    if isinstance(believed, Disagreement):
        raise Conflict(f"{believed.sentence}; look again when they agree")
    if believed.paid:
        raise Conflict(
            f"the money moved, in transaction {believed.hash} of ledger {believed.ledger}: it must "
            "not be made again; close the break when reconciliation has read that ledger"
        )
    return DeadBytes(
        f"transaction {believed.hash} of ledger {believed.ledger} had no effect", False
    )
