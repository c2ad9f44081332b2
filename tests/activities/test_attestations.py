"""
Each step of an attestation may run twice, and a worker may die between any two of them: on the
real database and the real chain, the contract is asked once, and nothing is paid before it agrees.
"""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from stellar_sdk import Keypair, scval

from activities import attestations as steps_module
from activities.attestations import UNEXPLAINED, AttestationActivities
from activities.outages import OutageActivities
from adapters.postgres.database import Database
from adapters.postgres.tables import (
    attestations,
    audit_leaves,
    contract_calls,
    events,
    payments,
    sla_results,
)
from adapters.stellar.calculator import Calculator
from adapters.stellar.nodes import Nodes
from domain.attestations import Attestation, Call, CallStatus, Concluding, symbol
from domain.errors import Conflict, ContractMismatch, NotFound
from domain.outages import Declaration, Declaring, Judging, Outage, Request, Resolution
from domain.payments import Settling
from domain.sla import Severity
from sandbox.stack import Stack
from tests.contracts import Caller
from tests.support import unique

ASKER = Request("tester", "corr-attests")
DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def seeds(stack: Stack) -> dict[str, str]:
    return dict(json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"])


@pytest.fixture(scope="module")
async def calculator(stack: Stack, seeds: dict[str, str]) -> AsyncIterator[Calculator]:
    environment = stack.environment
    nodes = Nodes.at(environment["STELLAR_RPC_URL"])
    yield Calculator(
        nodes,
        environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_SLA_CONTRACT"],
        *(Keypair.from_secret(seeds[name]) for name in ("operator", "fees")),
    )
    await nodes.close()


@pytest.fixture
def steps(api: httpx.AsyncClient, database: Database, calculator: Calculator) -> Any:
    return AttestationActivities(database, calculator)


async def judged(database: Database, minutes: int = 25) -> Attestation:
    """Judge an outage whose verdict wants the contract's word."""
    outage_id = unique("WORD")
    outages = OutageActivities(database, "sandbox", attests=True)
    outage = Outage(outage_id, "Mast 7", Severity.CRITICAL, DETECTED)
    declaration = Declaration(outage, ASKER, "standard", "default")
    await outages.record_outage(Declaring(declaration, NOW))
    resolution = Resolution(ASKER, DETECTED + timedelta(minutes=minutes))
    judging = Judging(outage_id, resolution, 60, NOW)
    assert (await outages.judge_outage(judging)).attest
    assert (await outages.judge_outage(judging)).attest  # read back by a second run as well
    return Attestation(outage_id, 1)


async def prepared(steps: AttestationActivities, attestation: Attestation) -> Call:
    turn = await steps.prepare_call(attestation)
    assert turn.call is not None
    assert turn.mine
    return turn.call


async def rows(database: Database, table: Any, attestation: Attestation) -> list[Any]:
    async with database.autocommit() as connection:
        found = await connection.execute(
            select(table).where(
                table.c.outage_id == attestation.outage_id,
                table.c.revision == attestation.revision,
            )
        )
        return list(found)


async def count(database: Database, statement: Any) -> int:
    async with database.autocommit() as connection:
        return await connection.scalar(statement) or 0


async def attested(steps: AttestationActivities, attestation: Attestation) -> None:
    turn = await steps.prepare_call(attestation)
    assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    assert (await steps.conclude_attestation(Concluding(attestation, "", NOW))).attested


async def test_a_word_whose_every_step_runs_twice_is_asked_for_once(
    steps: AttestationActivities, database: Database, calculator: Calculator
) -> None:
    attestation = await judged(database)
    call = await prepared(steps, attestation)
    assert await prepared(steps, attestation) == call  # died after the bytes were stored
    # Sent, and died before anything of it was noted.
    await calculator.nodes.send(call.envelope_xdr)
    turn = await steps.prepare_call(attestation)
    assert turn.call == call
    for _ in range(2):
        assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    assert (await steps.prepare_call(attestation)).call is None
    concluding = Concluding(attestation, "", NOW)
    first = await steps.conclude_attestation(concluding)
    assert first.attested
    assert first.transaction_hash == call.hash
    assert await steps.conclude_attestation(concluding) == first
    assert (await steps.prepare_call(attestation)).call is None

    (made,) = await rows(database, contract_calls, attestation)
    assert (made.status, made.fresh, made.result["amount"]) == ("answered", True, "-1000")
    (kept,) = await rows(database, attestations, attestation)
    assert (kept.status, kept.transaction_hash) == ("attested", call.hash)
    leaf = audit_leaves.c.action == "sla.attested"
    subject = audit_leaves.c.subject == f"outage/{attestation.outage_id}"
    assert await count(database, select(func.count()).where(leaf, subject)) == 1


async def test_a_busy_network_is_outbid_and_the_word_is_given_once(
    steps: AttestationActivities, database: Database, stack: Stack
) -> None:
    attestation = await judged(database)
    call = await prepared(steps, attestation)
    async with httpx.AsyncClient(base_url=stack.environment["STELLAR_RPC_URL"]) as chain:
        surge = [{"kind": "surge_fee", "value": 30_000}]
        (await chain.post("/faults", json={"faults": surge})).raise_for_status()
        status = await steps.carry_out_call(await steps.prepare_call(attestation))
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert status is CallStatus.ANSWERED
    (made,) = await rows(database, contract_calls, attestation)
    assert (made.status, made.hash) == ("answered", call.hash)
    assert made.xdr != call.envelope_xdr  # more was bid, and that was kept before it was sent
    concluded = await steps.conclude_attestation(Concluding(attestation, "", NOW))
    assert (concluded.attested, concluded.transaction_hash) == (True, call.hash)


async def test_nothing_is_owed_before_the_contract_agrees(
    steps: AttestationActivities, database: Database
) -> None:
    attestation = await judged(database)
    outages = OutageActivities(database, "sandbox")
    settling = Settling(attestation.outage_id, 1, NOW)
    with pytest.raises(Conflict, match="has not confirmed revision 1 yet"):
        await outages.owe_payment(settling)
    # The database itself refuses, whatever the code above it believes.
    with pytest.raises(IntegrityError, match="is not attested"):
        await pay_anyway(database, attestation.outage_id)
    await attested(steps, attestation)
    assert (await outages.owe_payment(settling)).amount_stroops == 10_000_000_000


async def pay_anyway(database: Database, outage_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            payments.insert().values(
                id=unique("pay"),
                outage_id=outage_id,
                revision=1,
                type="penalty",
                status="pending",
                amount_stroops=1,
                asset_code="USDC",
                payer="bond",
                from_address="G",
                to_address="G",
                correlation_id="c",
                created_at=NOW,
            )
        )


async def test_whoever_finds_a_call_in_the_way_sees_it_through(
    steps: AttestationActivities, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps_module, "PATIENCE_SECONDS", 0.5)
    abandoned, other = await judged(database), await judged(database, 5)
    call = await prepared(steps, abandoned)
    turn = await steps.prepare_call(other)
    assert (turn.call, turn.mine) == (call, False)
    assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    await attested(steps, other)
    # Whoever comes back to the first finds its answer.
    assert (await steps.prepare_call(abandoned)).call is None
    assert (await steps.conclude_attestation(Concluding(abandoned, "", NOW))).attested


async def test_what_the_contract_remembers_unasked_confirms_nothing(
    steps: AttestationActivities, database: Database, calculator: Calculator
) -> None:
    attestation = await judged(database)
    stranger = Caller(calculator.nodes.all[0].server, calculator.contract, calculator.operator)
    await stranger.call(
        "calculate_sla",
        scval.to_address(calculator.source),
        scval.to_symbol(symbol(attestation.outage_id, 1)),
        scval.to_symbol("critical"),
        scval.to_uint32(25),
    )
    turn = await steps.prepare_call(attestation)
    assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    concluding = Concluding(attestation, "", NOW)
    halted = await steps.conclude_attestation(concluding)
    assert not halted.attested
    assert UNEXPLAINED in halted.problem
    assert await steps.conclude_attestation(concluding) == halted
    told = select(func.count()).where(
        events.c.outage_id == attestation.outage_id, events.c.type == "attestation.halted"
    )
    assert await count(database, told) == 1
    # Asked again, its memory is explained: by the call just made.
    await attested(steps, attestation)


async def test_one_unit_is_enough_to_halt(steps: AttestationActivities, database: Database) -> None:
    attestation = await judged(database)
    turn = await steps.prepare_call(attestation)
    assert await steps.carry_out_call(turn) is CallStatus.ANSWERED
    async with database.transaction() as connection:
        (made,) = await rows(database, contract_calls, attestation)
        await connection.execute(
            update(contract_calls)
            .where(contract_calls.c.hash == made.hash)
            .values(result=made.result | {"amount": "-1001"})
        )
    halted = await steps.conclude_attestation(Concluding(attestation, "", NOW))
    assert halted.problem == (
        "parity error: amount_stroops is -10010000000 there and -10000000000 here"
    )
    (kept,) = await rows(database, attestations, attestation)
    assert (kept.status, kept.problem) == ("halted", halted.problem)


async def test_what_the_contract_would_refuse_is_halted_without_a_call(
    steps: AttestationActivities, database: Database, calculator: Calculator
) -> None:
    attestation = await judged(database)
    stranger = Caller(calculator.nodes.all[0].server, calculator.contract, calculator.operator)
    await stranger.call(
        "calculate_sla",
        scval.to_address(calculator.source),
        scval.to_symbol(symbol(attestation.outage_id, 1)),
        scval.to_symbol("critical"),
        scval.to_uint32(26),
    )
    turn = await steps.prepare_call(attestation)
    assert turn.call is None
    assert "(#13)" in turn.problem
    concluding = Concluding(attestation, turn.problem, NOW)
    halted = await steps.conclude_attestation(concluding)
    assert not halted.attested
    assert await steps.conclude_attestation(concluding) == halted
    assert await rows(database, contract_calls, attestation) == []


async def test_a_worker_in_local_mode_says_that_it_calls_no_contract(
    database: Database, api: httpx.AsyncClient
) -> None:
    local = AttestationActivities(database, None)
    with pytest.raises(ContractMismatch, match="CONTRACT_EXECUTION_MODE=soroban"):
        await local.prepare_call(Attestation("any", 1))


async def test_a_verdict_judged_in_local_mode_wants_no_word(
    steps: AttestationActivities, database: Database
) -> None:
    async with database.autocommit() as connection:
        unasked = await connection.scalar(
            select(sla_results.c.outage_id)
            .outerjoin(
                attestations,
                (attestations.c.outage_id == sla_results.c.outage_id),
            )
            .where(attestations.c.outage_id.is_(None))
        )
    with pytest.raises(NotFound, match="wants no attestation"):
        await steps.prepare_call(Attestation(unasked or "nobody", 1))
