"""Payments that are owed, and a rail to make them on, without their workflows."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.accounting import journal
from adapters.postgres.database import Database
from adapters.postgres.settlement import payments
from adapters.postgres.sla import outage_contexts
from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.keys import load_keys
from devstack.environment.stack import Stack
from domain.requests import Request
from domain.settlement.payments import OwePaymentInput, Payment, make_payment
from domain.sla.agreements.agreements import Agreement
from domain.sla.outages import Declaration, JudgeOutageInput, Outage, RecordOutageInput, Resolution
from domain.sla.verdicts import Severity, Terms, judge
from tests.testkit.api_client import make_unique_id

ASKER = Request("tester", "corr-owing")
DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
TERMS = Terms(threshold_minutes=15, penalty_per_minute=100, reward_base=750)


def open_rail(stack: Stack) -> Rail:
    """Open a rail on a stack's chain; the caller closes it."""
    seeds = json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"]
    environment = stack.environment
    return Rail(
        Nodes.from_urls(environment["STELLAR_RPC_URL"]),
        environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_USDC_ISSUER"],
        load_keys(
            bond_seed=seeds["bond"],
            pool_seed=seeds["pool"],
            channels_seed=seeds["channels"],
            fees_seed=seeds["fees"],
            operator_seed=seeds["operator"],
            channels=int(environment["STELLAR_CHANNELS"]),
        ),
    )


async def judge_outage(database: Database, outage_id: str, minutes: int) -> OutageActivitiesImpl:
    """Declare and judge an outage that lasted so many minutes."""
    activities = OutageActivitiesImpl(database, "sandbox")
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await activities.record_outage(RecordOutageInput(declaration, NOW))
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=minutes))
    await activities.judge_outage(JudgeOutageInput(outage_id, resolution, 60, NOW))
    return activities


async def owe_payment(
    database: Database, prefix: str = "OWED", minutes: int = 25, **changes: Any
) -> Payment:
    """Owe a payment for an outage of its own; `changes` replace what the agreement says."""
    outage_id = make_unique_id(prefix)
    activities = await judge_outage(database, outage_id, minutes)
    if not changes:
        return (await activities.owe_payment(await make_owe_input(database, outage_id))).payment
    agreement = Agreement("default", **await _read_parties(database))
    debt = make_payment("sandbox", agreement, outage_id, 1, judge(TERMS, minutes), "corr-owing")
    async with database.transaction() as connection:
        payment = await payments.add(connection, replace(debt, **changes), "sandbox", NOW)
        await journal.accrue(connection, payment)
    return payment


async def make_owe_input(database: Database, outage_id: str) -> OwePaymentInput:
    """Ask for the payment of the newest verdict on an outage, as its judgement carries it."""
    async with database.transaction() as connection:
        context = await outage_contexts.lock(connection, outage_id)
        assert context.judged is not None
        payment = await payments.preview_payment(
            connection, "sandbox", context, *context.judged, NOW
        )
    return OwePaymentInput(payment, NOW)


async def _read_parties(database: Database) -> dict[str, str]:
    async with database.autocommit() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT bond, pool, provider, beneficiary FROM agreements WHERE name = 'default'"
        )
        return dict(rows.mappings().one())
