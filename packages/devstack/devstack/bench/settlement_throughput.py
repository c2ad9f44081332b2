"""
How fast money moves: the soroban rail by channels, the classic rail by batches.

The steps that the workers run are driven here directly, on the stack's own database and chain, so
that the rail is measured and not what decides to use it. The reference is the rail's own bound: a
channel carries one transaction in two ledgers, whoever drives it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from temporalio.client import Client

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.settlement import batches
from devstack.bench import seed_payments
from devstack.bench.settlement_bench import CLASSIC, SettlementBench
from devstack.bench.throughput import Throughput
from domain.errors import TryAgain
from domain.settlement.attempts import (
    AttemptOutcome,
    InBatch,
    ObservedAttempt,
    Prepared,
    SettlementRail,
)
from domain.settlement.batches import OPERATIONS_MAX, Batch, ObservedBatch
from domain.settlement.limits import Limits
from domain.settlement.payments import Payment
from workflows.payments import PaymentWorkflow

LEDGERS_A_TURN = 2
IN_FLIGHT_BATCHES = 12
WARM_UP_SECONDS = 5.0
# As every engine has them, so wide that they stop nothing here: each payment is admitted and counted.
LIMITS = Limits(10**13, 10**16, 10**16, 10**13)


async def measure_soroban(house: SettlementBench, channels: int, seconds: float) -> Throughput:
    """Keep so many channels busy; count what is confirmed between warm-up and the end."""
    steps = PaymentActivitiesImpl(house.database, house.rail, SigningGate(house.database, LIMITS))
    bound = channels / LEDGERS_A_TURN / house.ledger_seconds
    count = round(bound * (seconds + WARM_UP_SECONDS) * 2.2) + 2 * channels
    owed = iter(await seed_payments.owe(house.database, f"bench-{uuid4().hex[:8]}", count))
    confirmed: list[float] = []
    end = time.monotonic() + WARM_UP_SECONDS + seconds

    async def keep_busy(pause: float) -> None:
        await asyncio.sleep(pause)
        while time.monotonic() < end:
            await _pay(steps, next(owed))
            confirmed.append(time.monotonic())

    calls = Counter(await house.calls())
    async with asyncio.TaskGroup() as group:
        for position in range(channels):
            group.create_task(keep_busy(position / channels * house.ledger_seconds))
    asked = Counter(await house.calls()) - calls
    counted = [at for at in confirmed if end - seconds <= at < end]
    return Throughput(
        SettlementRail.SOROBAN,
        channels,
        len(counted),
        round(len(counted) / seconds, 1),
        bound,
        _per_payment(asked, len(confirmed)),
    )


async def _pay(steps: PaymentActivitiesImpl, payment: Payment) -> None:
    """One payment, as its life goes when nothing is in its way."""
    prepared = await steps.prepare_payment(payment)
    assert isinstance(prepared, Prepared), f"{payment.id} cannot be paid: {prepared}"
    attempt = prepared.attempt
    while True:
        await steps.submit_payment(attempt)
        seen = await steps.observe_payment(attempt)
        if seen.outcome is AttemptOutcome.SUCCEEDED:
            await steps.confirm_payment(ObservedAttempt(payment, attempt, seen, datetime.now(UTC)))
            return
        assert seen.outcome is AttemptOutcome.OPEN, seen


async def measure_classic(house: SettlementBench, count: int) -> Throughput:
    """Settle so many payments in batches of a hundred; from the first formed to the last confirmed."""
    owed = await seed_payments.owe(house.database, f"bench-{uuid4().hex[:8]}", count)
    calls = Counter(await house.calls())
    taken = await run_batches(house, owed)
    asked = _per_payment(Counter(await house.calls()) - calls, count)
    bound = OPERATIONS_MAX * IN_FLIGHT_BATCHES / LEDGERS_A_TURN / house.ledger_seconds
    rate = round(count / taken, 1)
    return Throughput(SettlementRail.CLASSIC, IN_FLIGHT_BATCHES, count, rate, bound, asked)


async def run_batches(house: SettlementBench, owed: Sequence[Payment]) -> float:
    """Settle payments in batches of a hundred; return the seconds from the first formed to the last confirmed."""
    gate = SigningGate(house.database, LIMITS)
    activities = PaymentActivitiesImpl(house.database, house.rail, gate, batches_payments=True)
    for payment in owed:
        assert isinstance(await activities.prepare_payment(payment), InBatch)
    steps = BatchActivitiesImpl(house.database, house.rail, CLASSIC, gate)
    settled: list[str] = []

    async def keep_busy() -> None:
        while (batch := await _gather(house)) is not None:
            settled.extend(await _settle(steps, batch))

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT_BATCHES):
            group.create_task(keep_busy())
    assert len(set(settled)) == len(owed), f"{len(set(settled))} of {len(owed)} payments settled"
    return time.monotonic() - began


async def _gather(house: SettlementBench) -> Batch | None:
    later, ours = datetime.now(UTC) + timedelta(minutes=1), house.rail.channels
    async with house.database.transaction() as connection:
        return await batches.form_batch(connection, CLASSIC, later, ours)


async def _settle(steps: BatchActivitiesImpl, batch: Batch) -> list[str]:
    while True:
        try:
            prepared = (await steps.prepare_batch(batch)).state
            break
        except TryAgain:
            continue
    assert isinstance(prepared, Prepared), f"nobody in batch {batch.id} can be paid"
    attempt = prepared.attempt
    while True:
        await steps.submit_payment(attempt)
        seen = await steps.observe_payment(attempt)
        if seen.outcome is AttemptOutcome.SUCCEEDED:
            return await steps.confirm_batch(ObservedBatch(batch, attempt, seen, datetime.now(UTC)))
        assert seen.outcome is AttemptOutcome.OPEN, seen


def _per_payment(asked: Counter[str], payments: int) -> dict[str, float]:
    return {method: round(count / payments, 3) for method, count in sorted(asked.items())}


async def measure_workflows(
    house: SettlementBench, client: Client, in_flight: int, seconds: float
) -> float:
    """
    Pay through the whole engine: a PaymentWorkflow each, served by the stack's own worker.

    Returns payments a second; here the workflow server is the limit, not the rail.
    """
    bound = in_flight / LEDGERS_A_TURN / house.ledger_seconds
    count = round(bound * (seconds + WARM_UP_SECONDS) * 2.2) + 2 * in_flight
    owed = iter(await seed_payments.owe(house.database, f"bench-{uuid4().hex[:8]}", count))
    confirmed: list[float] = []
    end = time.monotonic() + WARM_UP_SECONDS + seconds

    async def keep_busy() -> None:
        while time.monotonic() < end:
            payment = next(owed)
            await client.execute_workflow(
                PaymentWorkflow.run,
                payment,
                id=payment.workflow_id,
                task_queue="settlement",
            )
            confirmed.append(time.monotonic())

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(keep_busy())
    return round(sum(end - seconds <= at < end for at in confirmed) / seconds, 1)
