"""The only place where signing seeds are read, and the only process that holds them."""

import asyncio
import logging
from contextlib import AsyncExitStack

from activities.attestations import AttestationActivities
from activities.payments import PaymentActivities
from adapters.postgres import attempts
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings, load
from adapters.stellar.calculator import Calculator
from adapters.stellar.keys import keys
from adapters.stellar.rail import Rail
from domain.errors import ChainUnavailable, ContractMismatch

log = logging.getLogger(__name__)


async def settlement_activities(
    database: Database, stack: AsyncExitStack
) -> tuple[PaymentActivities, AttestationActivities]:
    """Open the rail, make sure it is the right network, and learn where its channels stand."""
    settings = load(SettlementSettings)
    rail = Rail(
        settings.stellar_rpc_url,
        settings.stellar_network_passphrase,
        settings.stellar_usdc_issuer,
        keys(
            bond_seed=settings.stellar_bond_seed.get_secret_value(),
            pool_seed=settings.stellar_pool_seed.get_secret_value(),
            channels_seed=settings.stellar_channels_seed.get_secret_value(),
            fees_seed=settings.stellar_fees_seed.get_secret_value(),
            operator_seed=settings.stellar_operator_seed.get_secret_value(),
            channels=settings.stellar_channels,
        ),
    )
    stack.push_async_callback(rail.close)
    calculator = _calculator(settings, rail)
    sequences = await _sequences(rail, calculator)
    async with database.transaction() as connection:
        await attempts.keep_channels(connection, sequences)
    return PaymentActivities(database, rail), AttestationActivities(database, calculator)


def _calculator(settings: SettlementSettings, rail: Rail) -> Calculator | None:
    """The SLA contract, when verdicts need its word."""
    if settings.contract_execution_mode == "local":
        return None
    if settings.stellar_sla_contract is None:
        raise ContractMismatch(
            "CONTRACT_EXECUTION_MODE is soroban and STELLAR_SLA_CONTRACT is not set; "
            "name the contract, or judge with CONTRACT_EXECUTION_MODE=local"
        )
    return Calculator(
        rail.server, rail.passphrase, settings.stellar_sla_contract, rail.keys.operator
    )


async def _sequences(rail: Rail, calculator: Calculator | None) -> dict[str, int]:
    """Ask until the network answers: a worker may start before its node does."""
    while True:
        try:
            await rail.check_identity()
            if calculator is not None:
                await calculator.check()
            return await rail.channel_sequences()
        except ChainUnavailable as error:
            log.warning("%s; asking again in 2 seconds", error)
            await asyncio.sleep(2)
