"""`apexchainx payments explain`: real payments traced from the debt to the proof."""

import asyncio
import json
from typing import Any

import httpx
from sqlalchemy import func, update

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.tables import channels
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import Attempt, AttemptOutcome, ObservedAttempt
from domain.settlement.payments import BlockPaymentInput, Payment
from tests.cli.test_channels import close_circuit_breaker, quarantined, released
from tests.testkit.api_client import settle_outage
from tests.testkit.processes.commands import run_command
from tests.testkit.reasons import make_reason
from tests.testkit.settlement.expired_envelopes import close_ledgers
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt


async def explain(stack: Stack, *arguments: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    where = ("--data-dir", str(stack.directory.path))
    ended = await asyncio.to_thread(
        run_command, "cli.main", "payments", "explain", *arguments, *where
    )
    return ended.returncode, ended.stdout or ended.stderr


async def test_a_paid_payment_is_explained_by_any_of_its_ids(
    stack: Stack, api: httpx.AsyncClient
) -> None:
    payment = (await settle_outage(api, 25))["payment"]
    attempt = (await api.get(f"/payments/{payment['id']}/trace")).json()["attempts"][-1]
    names = (payment["id"], str(attempt["number"]), payment["transaction_hash"])
    (code, printed), *others = [
        await explain(stack, name) for name in (*names, attempt["inner_hash"])
    ]
    assert code == 0, printed
    assert all(other == (code, printed) for other in others)
    assert printed.splitlines()[-1] == (
        f"Paid: 1000 USDC reached {payment['to_address']} in ledger {payment['ledger']}, "
        f"by transaction {payment['transaction_hash']}."
    )
    for said in (
        f"owed for outage {payment['outage_id']} (critical, Tower 7), verdict 1",
        "SLA violated, poor: 25 minutes (measured) where 15 were promised by policy at-once",
        "payment.owed by",
        "payment.confirmed by engine",
        f"sequence {attempt['sequence']}",
        f"envelope {attempt['hash']}",
        f"around transaction {attempt['inner_hash']}",
        "PENDING",
        f"PROVEN in ledger {payment['ledger']}",
    ):
        assert said in printed, printed
    kinds = [line.split()[2] for line in printed.splitlines() if " ent_" in line]
    assert kinds == [kind for kind in ("accrual", "reservation", "settlement") for _ in range(2)]


async def test_a_payment_that_failed_was_blocked_and_retried_is_explained_whole(
    stack: Stack, database: Database, api: httpx.AsyncClient, rail: Rail, chain: httpx.AsyncClient
) -> None:
    payment = await owe_payment(database, "TOLD")
    steps = PaymentActivitiesImpl(database, rail)
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    frozen = {"kind": "frozen_trustline", "address": payee}
    attempt = get_attempt(await steps.prepare_payment(payment))
    (await chain.post("/faults", json={"faults": [frozen]})).raise_for_status()
    first = await seen(steps, payment, attempt)
    assert first.observation.outcome is not AttemptOutcome.SUCCEEDED
    await steps.fail_attempt(first)
    await steps.block_payment(BlockPaymentInput(payment, make_reason("the payee is frozen"), NOW))
    code, printed = await explain(stack, payment.id)
    assert code == 0, printed
    assert printed.splitlines()[-1] == (
        "Blocked: the payee is frozen; 1000 USDC are owed, and none moved."
    )

    (await chain.post("/faults", json={"faults": []})).raise_for_status()
    again = get_attempt(await steps.prepare_payment(payment))
    assert "On its way: 1000 USDC are signed" in (await explain(stack, payment.id))[1]
    second = await seen(steps, payment, again)
    await steps.confirm_payment(second)
    _tell_both_tries(json.loads((await explain(stack, payment.id, "--json"))[1]), payment)


def _tell_both_tries(trace: dict[str, Any], payment: Payment) -> None:
    assert trace["standing"].startswith("Paid: 1000 USDC")
    assert [tried["status"] for tried in trace["tries"]] == ["failed", "succeeded"]
    assert all(tried["envelopes"][0]["sends"] for tried in trace["tries"])
    assert [step["action"] for step in trace["steps"]] == [
        *("payment.owed", "payment.submitted", "payment.attempt_failed", "payment.blocked"),
        *("payment.submitted", "payment.confirmed"),
    ]
    postings = [(each["kind"], each["running_stroops"]) for each in trace["postings"]]
    owed, none = -payment.amount_stroops, 0
    assert [sum_ for kind, sum_ in postings if kind == "release"] == [owed, none]
    assert [kind for kind, _ in postings[::2]] == [
        *("accrual", "reservation", "release", "reservation", "settlement")
    ]
    assert postings[-2:] == [("settlement", none), ("settlement", owed)]


async def test_the_trace_names_who_released_the_channel_and_why(
    stack: Stack, database: Database, api: httpx.AsyncClient, rail: Rail
) -> None:
    steps = PaymentActivitiesImpl(database, rail)
    payment, other = [await owe_payment(database, prefix) for prefix in ("TOLD-OF", "NOT-TOLD")]
    attempt = await quarantined(database, steps, payment, sent=False)
    await close_circuit_breaker(api)

    await close_ledgers(rail, attempt.max_ledger)
    code, said = await released(stack, attempt)
    assert code == 0, said
    code, printed = await explain(stack, payment.id)
    assert code == 0, printed
    (line,) = [line for line in printed.splitlines() if "channel.released" in line]
    for said in ("by Ada", "ticket 4711", "its signed bytes can never land", attempt.channel):
        assert said in line
    assert printed.index("payment.quarantined") < printed.index("channel.released")

    # Whoever uses the channel afterwards has nothing to do with it.
    async with database.transaction() as connection:
        this = channels.c.address == attempt.channel
        await connection.execute(update(channels).where(this).values(used_at=None))
        await connection.execute(update(channels).where(~this).values(used_at=func.now()))
    again = get_attempt(await PaymentActivitiesImpl(database, rail).prepare_payment(other))
    assert again.channel == attempt.channel
    assert "channel.released" not in (await explain(stack, other.id))[1]


async def seen(steps: PaymentActivitiesImpl, payment: Payment, attempt: Attempt) -> ObservedAttempt:
    await steps.submit_payment(attempt)
    observation = await steps.observe_payment(attempt)
    return ObservedAttempt(payment, attempt, observation, NOW)


async def test_an_unknown_payment_is_one_sentence(stack: Stack) -> None:
    code, printed = await explain(stack, "pay_nobody")
    assert code == 1
    assert printed == (
        "apexchainx: no payment has the id, number or transaction hash 'pay_nobody'\n"
    )
