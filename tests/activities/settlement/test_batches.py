"""
Many payments in one transaction, on the real database and the real chain: each is settled once,
a payee that cannot be paid delays no other member, and every allocation can be proven by itself.
"""

import httpx

from activities.settlement.limits import SigningGate
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import AttemptOutcome, Observation
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import wait_until
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    NETTED,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.expired_envelopes import wait_until_expired
from tests.testkit.settlement.payment_factory import owe_payment
from tests.testkit.settlement.preparations import get_attempt, get_reason, get_receipt


async def test_each_payment_of_a_batch_is_settled_once(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    owed = [await owe_payment(database, "BATCH", minutes) for minutes in (5, 25, 40)]
    activities, batch = await form_batch(database, rail, CLASSIC, *owed)
    observed = await submit_batch(activities, batch)
    assert observed.observation.outcome is AttemptOutcome.SUCCEEDED
    settled = await activities.confirm_batch(observed)
    assert sorted(settled) == sorted(payment.id for payment in owed)
    assert await activities.confirm_batch(observed) == settled

    assert await read_statuses(database, *owed) == [("confirmed", None)] * 3
    assert await count_credits(stack, *owed) == [1, 1, 1]
    payment_activities = PaymentActivitiesImpl(database, rail, batches_payments=True)
    receipts = [get_receipt(await payment_activities.prepare_payment(payment)) for payment in owed]
    assert len({receipt.transaction_hash for receipt in receipts}) == 1
    assert [receipt.amount_stroops for receipt in receipts] == [
        payment.amount_stroops for payment in owed
    ]


async def test_netted_payments_are_one_transfer_and_each_allocation_is_proven(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    owed = [await owe_payment(database, "NET", minutes) for minutes in (25, 30, 35)]
    activities, batch = await form_batch(database, rail, NETTED, *owed)
    observed = await submit_batch(activities, batch)
    await activities.confirm_batch(observed)
    seen = [
        transfer
        for transfer in await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
        if transfer.hash == observed.observation.hash
    ]
    assert [(t.number, t.amount_stroops) for t in seen] == [
        (owed[0].number, sum(payment.amount_stroops for payment in owed))
    ]
    traces = [(await api.get(f"/payments/{p.id}/trace")).json() for p in owed]
    for payment, trace in zip(owed, traces, strict=True):
        attempt = trace["attempts"][-1]
        assert int(attempt["number"]) == owed[0].number
        assert int(attempt["amount_stroops"]) == payment.amount_stroops
        assert sum(int(posting["amount_stroops"]) for posting in trace["postings"]) == 0
        assert trace["payment"]["transaction_hash"] == observed.observation.hash


async def test_a_batch_is_neither_sent_nor_signed_again_while_the_circuit_breaker_is_open(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail
) -> None:
    """Prepared and not submitted: its envelope expires, and once the circuit breaker is closed another follows."""
    owed = [await owe_payment(database, "BREAKER", minutes) for minutes in (5, 25)]
    gate = SigningGate(database)
    activities, batch = await form_batch(database, rail, CLASSIC, *owed, gate=gate)
    attempt = get_attempt(await run_until_accepted(activities.prepare_batch, batch))
    await gate.circuit_breaker.trip("odd", "corr-batches")
    assert (
        str(await activities.submit_payment(attempt))
        == "not sent, the circuit breaker is open: odd"
    )
    assert await activities.raise_fee(attempt) == attempt
    await wait_until_expired(rail, attempt)

    async def proven() -> Observation | None:
        seen = await activities.observe_payment(attempt)
        return None if seen.outcome is AttemptOutcome.OPEN else seen

    assert (await wait_until(proven, "the bytes are dead", 60)).outcome is AttemptOutcome.EXPIRED
    waiting = await activities.prepare_batch(batch)
    sentence = get_reason(waiting).sentence
    assert sentence == "not sent, the circuit breaker is open: odd"
    assert await read_statuses(database, *owed) == [("on_hold", sentence)] * 2
    await api.post("/payments/circuit-breaker", json={"action": "close", "reason": "seen to"})
    gate.circuit_breaker.forget()
    observed = await submit_batch(activities, batch)
    assert observed.attempt.hash != attempt.hash
    await activities.confirm_batch(observed)
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 2
    assert await count_credits(stack, *owed) == [1, 1]


async def test_a_higher_fee_is_bid_for_the_same_transaction_on_a_busy_network(
    api: httpx.AsyncClient, database: Database, rail: Rail, chain: httpx.AsyncClient
) -> None:
    surge = {"kind": "surge_fee", "value": 30_000}
    (await chain.post("/faults", json={"faults": [surge]})).raise_for_status()
    payment = await owe_payment(database, "SURGE")
    activities = PaymentActivitiesImpl(database, rail)
    attempt = get_attempt(await activities.prepare_payment(payment))
    answers, bids = [], [attempt]
    while (answer := await activities.submit_payment(bids[-1])).outbid:
        answers.append(answer)
        bids.append(await activities.raise_fee(bids[-1]))
        assert bids[-1] != bids[-2], answers
    assert answers
    assert len({bid.hash for bid in bids}) == 1
    assert len({bid.newest_hash for bid in bids}) == len(bids)
    assert (await activities.observe_payment(bids[-1])).outcome is AttemptOutcome.SUCCEEDED
