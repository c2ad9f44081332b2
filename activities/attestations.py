"""Have the SLA contract confirm a verdict: sign, store, and only then send; book what it said."""

import asyncio
import logging
from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.limits import Gate
from adapters.postgres import attestations, events, outages
from adapters.postgres.attestations import Case
from adapters.postgres.database import Database
from adapters.stellar.calculator import Calculator
from domain import evidence
from domain.attestations import (
    Attestation,
    AttestationStatus,
    Call,
    CallStatus,
    Concluding,
    Conclusion,
    Turn,
    config_of,
    differences,
    parity_problem,
)
from domain.audit import Leaf, by_engine, leaf
from domain.envelopes import SendAnswer, SendStatus
from domain.errors import ChainUnavailable, ContractMismatch, ContractRefused, TryAgain
from domain.events import EventType, event
from workflows.attestations import AttestationSteps

log = logging.getLogger(__name__)
# How long one waits for another's call before seeing it through oneself.
PATIENCE_SECONDS, LOOK_EVERY_SECONDS = 6.0, 0.25
# Answers that the contract may remember without having been asked by us would prove nothing.
UNEXPLAINED = "it answers from its memory, and no earlier call of ours explains that"


class AttestationActivities(AttestationSteps):
    def __init__(
        self, database: Database, calculator: Calculator | None, gate: Gate | None = None
    ) -> None:
        self.database = database
        self._calculator = calculator
        self.gate = gate or Gate(database)

    @property
    def calculator(self) -> Calculator:
        if self._calculator is None:
            raise ContractMismatch(
                "this worker calls no contract; start it with CONTRACT_EXECUTION_MODE=soroban"
            )
        return self._calculator

    @activity.defn
    async def prepare_call(self, attestation: Attestation) -> Turn:
        calculator = self.calculator
        async with self.database.transaction() as connection:
            case = await attestations.lock(connection, attestation)
            if case.status is AttestationStatus.ATTESTED or _answered(case):
                return Turn(None)
            known = await attestations.open_call(connection, calculator.source)
        if known is not None:
            return Turn(known, mine=_of(attestation, known))
        if (held_back := await self.gate.pause()) is not None:
            raise TryAgain(held_back.why)
        try:
            signed = await calculator.sign_call(
                case.symbol, case.severity, case.verdict.mttr_minutes, case.times_expired
            )
        except ContractRefused as error:
            return Turn(None, problem=str(error))
        # Committed before the first byte leaves the process.
        async with self.database.transaction() as connection:
            stored = await attestations.store(connection, attestation, signed)
            known = stored or await attestations.open_call(connection, calculator.source)
        if known is None:
            raise ChainUnavailable("the node lags behind the operator's last call")
        return Turn(known, mine=_of(attestation, known))

    @activity.defn
    async def carry_out_call(self, turn: Turn) -> CallStatus:
        assert turn.call is not None
        if not turn.mine:
            status = await self._ended(turn.call)
            if status is not CallStatus.OPEN:
                return status
        answer, call = await self._sent(turn.call)
        outcome = await self.calculator.watch(call, str(answer))
        if outcome.status is not CallStatus.OPEN:
            async with self.database.transaction() as connection:
                await attestations.note(connection, call, outcome)
        if outcome.status is CallStatus.LOST:
            log.error("ALARM: call %s: %s", call.hash, outcome.reason)
        return outcome.status

    async def _sent(self, call: Call) -> tuple[SendAnswer, Call]:
        """Send the stored bytes; and more bid for their place, while that is what they lack."""
        while True:
            if (silence := await self.gate.silence()) is not None:
                return SendAnswer(SendStatus.NOT_SENT, silence.sentence), call
            answer = await self.calculator.send(call)
            await self.gate.breaker.heard(answer, await self._correlation_id(call))
            higher = await self.calculator.raised(call, answer)
            if higher is None:
                return answer, call
            # Kept before it is sent, as all bytes are.
            async with self.database.transaction() as connection:
                call = await attestations.bid(connection, call, higher)

    async def _correlation_id(self, call: Call) -> str:
        async with self.database.autocommit() as connection:
            return await outages.correlation_id(connection, call.outage_id)

    @activity.defn
    async def conclude_attestation(self, concluding: Concluding) -> Conclusion:
        attestation, at = concluding.attestation, concluding.at
        async with self.database.transaction() as connection:
            case = await attestations.lock(connection, attestation)
            call = case.call
            if case.status is AttestationStatus.ATTESTED:
                assert call is not None
                return Conclusion(True, "", call["hash"], [])
            answered = call if _answered(case) else None
            if concluding.problem or answered is None:
                # Without an answer on record, what was concluded by a lost run stands.
                problem = concluding.problem or case.problem or ""
                return await _halt(connection, concluding, case, problem)
            problem = _problem(case, answered)
            if problem:
                await attestations.reject(connection, answered)
                return await _halt(connection, concluding, case, problem)
            await attestations.attest(connection, attestation, answered, at)
            facts = _facts(attestation, answered)
            await events.publish(connection, _leaf(concluding, case, "sla.attested", facts))
        return Conclusion(True, "", answered["hash"], [])

    async def _ended(self, call: Call) -> CallStatus:
        """Wait a while for whoever made this call to see it through."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        while True:
            async with self.database.autocommit() as connection:
                status = await attestations.call_status(connection, call)
            if status is not CallStatus.OPEN or loop.time() >= end:
                return status
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _halt(
    connection: AsyncConnection, concluding: Concluding, case: Case, problem: str
) -> Conclusion:
    attestation, at = concluding.attestation, concluding.at
    await attestations.halt(connection, attestation, problem)
    facts: dict[str, Any] = {
        "outage_id": attestation.outage_id,
        "revision": attestation.revision,
        "problem": problem,
    }
    if case.call is not None and case.call["result"] is not None:
        facts |= _facts(attestation, case.call)
    key = (str(attestation.revision), problem)  # halted again by the same problem is no news
    deliveries = await events.publish(
        connection,
        _leaf(concluding, case, "sla.halted", facts, problem),
        event(EventType.ATTESTATION_HALTED, attestation.outage_id, at, facts, *key),
    )
    return Conclusion(False, problem, "", deliveries)


def _leaf(
    concluding: Concluding, case: Case, action: str, facts: dict[str, Any], *key: str
) -> Leaf:
    attestation = concluding.attestation
    by, subject = by_engine(case.correlation_id), f"outage/{attestation.outage_id}"
    return leaf(subject, action, by, concluding.at, facts, str(attestation.revision), *key)


def _facts(attestation: Attestation, call: RowMapping) -> dict[str, Any]:
    outcome = attestations.outcome_of(call)
    facts = evidence.of_attestation(attestation, call["contract_id"], call["hash"], outcome)
    return facts | {"config_snapshot": call["config_snapshot"]}


def _of(attestation: Attestation, call: Call) -> bool:
    return (call.outage_id, call.revision) == (attestation.outage_id, attestation.revision)


def _answered(case: Case) -> bool:
    return case.call is not None and case.call["status"] == CallStatus.ANSWERED


def _problem(case: Case, call: RowMapping) -> str:
    """Say what keeps the contract's answer from confirming the verdict; empty when nothing does."""
    outcome = attestations.outcome_of(call)
    if outcome.finding is None:
        return outcome.reason
    found = differences(
        case.symbol, case.verdict, case.policy, outcome.finding, config_of(call["config_snapshot"])
    )
    if not outcome.fresh and not case.remembered:
        found.append(UNEXPLAINED)
    return parity_problem(found)
