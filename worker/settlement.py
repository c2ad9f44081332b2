"""The settlement queue: the only process that reads signing seeds and holds them."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.circuit_breakers import CircuitBreaker
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from activities.settlement.wallets import WalletActivitiesImpl
from activities.sla.attestations import AttestationActivitiesImpl
from adapters import temporal
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings, load
from adapters.stellar.accounts.channels import ChannelAccounts
from adapters.stellar.accounts.wallets import WalletAccounts
from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.keys import Keys, load_keys
from domain.errors import ChainUnavailable, ContractMismatch
from domain.settlement.batches import Plan
from domain.settlement.circuit_breakers import CircuitBreakerLimits
from domain.settlement.limits import Limits
from domain.sla.execution_modes import ExecutionMode
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from services.settlement.limits.set_limits import set_limits
from worker.chain_monitor import ChainMonitor
from workflows.batches import BatchingWorkflow

log = logging.getLogger(__name__)


async def build_settlement_activities(
    database: Database, client: Client, stack: AsyncExitStack
) -> tuple[
    PaymentActivitiesImpl, BatchActivitiesImpl, AttestationActivitiesImpl, WalletActivitiesImpl
]:
    """Connect to the network, check that it is the right one, and build the activities."""
    settings = load(SettlementSettings)
    held = load_signing_keys(settings)
    nodes, passphrase = (
        Nodes.from_urls(settings.stellar_rpc_url),
        settings.stellar_network_passphrase,
    )
    cap = settings.stellar_fee_cap_stroops
    rail = Rail(nodes, passphrase, settings.stellar_usdc_issuer, held, cap)
    stack.push_async_callback(rail.close)
    drift = timedelta(seconds=settings.stellar_clock_drift_seconds)
    monitor = ChainMonitor(database, rail, ChannelAccounts(nodes, passphrase, held, cap), drift)
    sequences = await monitor.begin()
    calculator = await _connect_contract(settings, rail)
    # Only after the check: a contract that cannot be used would stop every verdict from here on.
    mode = settings.contract_execution_mode
    await begin_settlement(database, BeginSettlement(sequences, mode, datetime.now(UTC)))
    plan = Plan(settings.settlement_rail, settings.netting_window_seconds)
    gate = await _build_gate(settings, database, client)
    stack.push_async_callback(_stop, asyncio.create_task(monitor.run(gate.hold)))
    accounts = WalletAccounts(nodes, rail.asset, held.operator)
    return (
        PaymentActivitiesImpl(database, rail, gate, batches_payments=plan.batches_payments),
        BatchActivitiesImpl(database, rail, plan, gate),
        AttestationActivitiesImpl(database, calculator, gate),
        WalletActivitiesImpl(database, accounts, settings.stellar_friendbot_url),
    )


async def _connect_contract(settings: SettlementSettings, rail: Rail) -> SlaContract | None:
    """Check the SLA contract when verdicts need its confirmation, until the network answers."""
    if settings.contract_execution_mode is ExecutionMode.LOCAL:
        return None
    if settings.stellar_sla_contract is None:
        raise ContractMismatch(
            "CONTRACT_EXECUTION_MODE is soroban and STELLAR_SLA_CONTRACT is not set; "
            "name the contract, or judge with CONTRACT_EXECUTION_MODE=local"
        )
    calculator = SlaContract(
        rail.nodes,
        rail.passphrase,
        settings.stellar_sla_contract,
        rail.keys.operator,
        rail.keys.fees,
        rail.fee_cap_stroops,
    )
    while True:
        try:
            await calculator.check()
            return calculator
        except ChainUnavailable as error:
            log.warning("%s; asking again in 2 seconds", error)
            await asyncio.sleep(2)


async def _build_gate(
    settings: SettlementSettings, database: Database, client: Client
) -> SigningGate:
    """Build the gate from this worker's limits, and record them for others to see."""
    allowed = Limits(
        cap_per_payment=settings.settlement_cap_per_payment,
        cap_per_day=settings.settlement_cap_per_day,
        cap_per_payee_per_day=settings.settlement_cap_per_payee_per_day,
        approval_above=settings.settlement_approval_above,
    ).require_people()
    await set_limits(database, allowed, datetime.now(UTC))
    tolerance = CircuitBreakerLimits(
        alarms=settings.circuit_breaker_alarms,
        unknowns=settings.circuit_breaker_unknowns,
        window=timedelta(minutes=settings.circuit_breaker_window_minutes),
    )
    page = partial(temporal.start_deliveries, client)
    return SigningGate(database, allowed, CircuitBreaker(database, tolerance, page))


async def start_batching(client: Client) -> None:
    """Start the one workflow that forms batches; the first of many workers starts it."""
    await client.start_workflow(
        BatchingWorkflow.run,
        id="batching",
        task_queue="settlement",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="forms batches of payments that are ready",
    )


def load_signing_keys(settings: SettlementSettings) -> Keys:
    """Return the signing keys of the seeds in the settings; they are never shown."""
    return load_keys(
        bond_seed=settings.stellar_bond_seed.get_secret_value(),
        pool_seed=settings.stellar_pool_seed.get_secret_value(),
        channels_seed=settings.stellar_channels_seed.get_secret_value(),
        fees_seed=settings.stellar_fees_seed.get_secret_value(),
        operator_seed=settings.stellar_operator_seed.get_secret_value(),
        channels=settings.stellar_channels,
    )


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
