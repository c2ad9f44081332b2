"""The settlement queue: the only process that reads signing seeds and holds them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.networks import ChainReadings
from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.channels import ChannelClaim
from activities.settlement.circuit_breakers import CircuitBreaker
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from activities.settlement.wallets import WalletActivitiesImpl
from activities.sla.attestations import AttestationActivitiesImpl
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings, load
from adapters.stellar.accounts.channels import ChannelAccounts
from adapters.stellar.accounts.wallets import WalletAccounts
from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.rpc.treasury_history import TreasuryHistory
from adapters.stellar.signing.keys import Keys, load_keys, split_seeds
from adapters.stellar.signing.soroban_transfers import LEDGERS_TO_LIVE
from domain.errors import ChainUnavailable, ContractMismatch
from domain.networks import ReadingBound
from domain.settlement.batches import Plan
from domain.settlement.circuit_breakers import CircuitBreakerLimits
from domain.settlement.limits import Limits
from domain.sla.execution_modes import ExecutionMode
from services.settlement.batches.read_netting import has_netted
from services.settlement.channels.begin_settlement import BeginSettlement, begin_settlement
from services.settlement.limits.set_limits import set_limits
from worker.chain_monitor import ChainMonitor
from worker.claims import build_claim, hold_channels
from worker.recovery.unheld_treasuries import make_resumption
from workflows.batches import BatchingWorkflow

log = logging.getLogger(__name__)
SettlementActivities = tuple[
    PaymentActivitiesImpl, BatchActivitiesImpl, AttestationActivitiesImpl, WalletActivitiesImpl
]
Begin = Callable[[Client], Awaitable[None]]
BEHIND = (
    "ALARM: %d channels made transactions that this database does not know: it was restored or copied, and "
    "nothing is signed before the chain is read past ledger %d"
)


async def build_settlement_activities(
    database: Database, steps: Database, stack: AsyncExitStack, *, takes_over: bool = False
) -> tuple[SettlementActivities, asyncio.Task[None], Begin]:
    """
    Connect to the network, check that it is the right one, claim the channels and build the activities.

    The task looks after the claim; it ends with ChannelsClaimed when another engine has the channels. The last is to
    be called once the queue is served.
    """
    settings = load(SettlementSettings)
    rail = _open_rail(settings)
    stack.push_async_callback(rail.close)
    channels = ChannelAccounts(rail.nodes, rail.passphrase, rail.keys, rail.fee_cap_stroops)
    drift = timedelta(seconds=settings.stellar_clock_drift_seconds)
    monitor = ChainMonitor(database, rail, channels, drift)
    sequences = await monitor.begin()
    started_at = rail.nodes.highest
    calculator = await _connect_contract(settings, rail)
    # Only after the check: a contract that cannot be used would stop every verdict from here on.
    mode = settings.contract_execution_mode
    begin = BeginSettlement(sequences, mode, datetime.now(UTC), started_at + LEDGERS_TO_LIVE)
    if behind := await begin_settlement(database, begin):
        log.error(BEHIND, len(behind), begin.last_of_lost)
    readings = await _read_chain(settings, database, rail, started_at)
    stack.push_async_callback(readings.close)
    claim = build_claim(settings, database, rail, readings, takes_over=takes_over)
    plan = Plan(settings.settlement_rail, settings.netting_window_seconds)
    gate = await _build_gate(settings, steps, readings, claim)
    stack.push_async_callback(_stop, asyncio.create_task(monitor.run(gate.hold, readings, claim)))
    claiming = await hold_channels(claim, stack)
    accounts = WalletAccounts(rail.nodes, rail.asset, rail.keys.operator)
    activities = (
        PaymentActivitiesImpl(steps, rail, gate, batches_payments=plan.batches_payments),
        BatchActivitiesImpl(database, rail, plan, gate),
        AttestationActivitiesImpl(database, calculator, gate),
        WalletActivitiesImpl(database, accounts, settings.stellar_friendbot_url),
    )
    resume = make_resumption(database, rail.keys.treasuries)
    return activities, claiming, resume


def _open_rail(settings: SettlementSettings) -> Rail:
    return Rail(
        Nodes.from_urls(settings.stellar_rpc_url),
        settings.stellar_network_passphrase,
        settings.stellar_usdc_issuer,
        load_signing_keys(settings),
        settings.stellar_fee_cap_stroops,
    )


async def _read_chain(
    settings: SettlementSettings, database: Database, rail: Rail, started_at: int
) -> ChainReadings:
    """Read what the chain remembers of our treasuries; what is not read in a while is read later."""
    # Beside these, those of all agreements are read, whether this worker has their seeds or not.
    own = rail.keys.default_treasuries
    history = TreasuryHistory(rail.nodes, rail.passphrase, settings.stellar_usdc_issuer, own)
    bound = ReadingBound(started_at, timedelta(seconds=settings.chain_reading_max_age_seconds))
    readings = ChainReadings(database, history, bound, lambda: rail.nodes.highest)
    await readings.find_unread()
    return readings


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
    settings: SettlementSettings,
    database: Database,
    readings: ChainReadings,
    claim: ChannelClaim,
) -> SigningGate:
    """Build the gate from this worker's limits, and record them for others to see."""
    allowed = Limits(
        cap_per_payment=settings.settlement_cap_per_payment,
        cap_per_day=settings.settlement_cap_per_day,
        cap_per_payee_per_day=settings.settlement_cap_per_payee_per_day,
        approval_above=settings.settlement_approval_above,
        approval_above_stated=settings.settlement_approval_above_stated,
    ).require_people()
    await set_limits(database, allowed, datetime.now(UTC))
    tolerance = CircuitBreakerLimits(
        alarms=settings.circuit_breaker_alarms,
        unknowns=settings.circuit_breaker_unknowns,
        window=timedelta(minutes=settings.circuit_breaker_window_minutes),
    )
    stop = CircuitBreaker(database, tolerance)
    # What was netted once is looked for whatever the settings say by now.
    nets = settings.netting_window_seconds > 0 or await has_netted(database)
    return SigningGate(
        database,
        allowed,
        stop,
        readings=readings,
        claim=claim,
        nets=nets,
        passphrase=settings.stellar_network_passphrase,
    )


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
    further = settings.stellar_treasury_seeds
    return load_keys(
        bond_seed=settings.stellar_bond_seed.get_secret_value(),
        pool_seed=settings.stellar_pool_seed.get_secret_value(),
        channels_seed=settings.stellar_channels_seed.get_secret_value(),
        fees_seed=settings.stellar_fees_seed.get_secret_value(),
        operator_seed=settings.stellar_operator_seed.get_secret_value(),
        channels=settings.stellar_channels,
        treasury_seeds=split_seeds(further.get_secret_value()) if further else (),
    )


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
