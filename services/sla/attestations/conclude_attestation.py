"""Compare the contract's answer with the verdict: it is attested, or halted with what differs."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.postgres.sla import attestations, contract_calls
from adapters.postgres.sla.attestations import AttestationCase
from domain import payloads
from domain.audit import AuditEntry, make_audit_entry, make_engine_request
from domain.events import EventType, make_event
from domain.sla.attestations import (
    Attestation,
    AttestationStatus,
    Attested,
    CallRecord,
    CallStatus,
    ConcludeAttestationInput,
    ConcludeAttestationResult,
    Halted,
)
from domain.sla.contract_parity import decode_config, describe_parity_error, find_differences

# Answers that the contract may remember without having been asked by us would prove nothing.
UNEXPLAINED = "it answers from its memory, and no earlier call of ours explains that"


async def conclude_attestation(
    database: Database, concluding: ConcludeAttestationInput
) -> ConcludeAttestationResult:
    attestation = concluding.attestation
    async with database.transaction() as connection:
        case = await attestations.lock(connection, attestation)
        call = case.call
        if case.status is AttestationStatus.ATTESTED:
            assert call is not None
            return Attested(call.hash)
        answered = call if call and call.outcome.status is CallStatus.ANSWERED else None
        if concluding.problem or answered is None:
            # Without an answer on record, what was concluded by a lost run stands.
            problem = concluding.problem or case.problem or ""
            return await _halt(connection, concluding, case, problem)
        problem = _find_problem(case, answered)
        if problem:
            await contract_calls.reject(connection, answered)
            return await _halt(connection, concluding, case, problem)
        await attestations.attest(connection, attestation, answered, concluding.at)
        payload = _make_payload(attestation, answered)
        await events.publish(
            connection, _make_audit_entry(concluding, case, "sla.attested", payload)
        )
    return Attested(answered.hash)


async def _halt(
    connection: AsyncConnection,
    concluding: ConcludeAttestationInput,
    case: AttestationCase,
    problem: str,
) -> Halted:
    attestation, at = concluding.attestation, concluding.at
    await attestations.halt(connection, attestation, problem)
    payload: dict[str, Any] = {
        "outage_id": attestation.outage_id,
        "revision": attestation.revision,
        "problem": problem,
    }
    if case.call is not None and case.call.outcome.contract_result is not None:
        payload |= _make_payload(attestation, case.call)
    key = (str(attestation.revision), problem)  # halted again by the same problem is no news
    await events.publish(
        connection,
        _make_audit_entry(concluding, case, "sla.halted", payload, problem),
        make_event(EventType.ATTESTATION_HALTED, attestation.outage_id, at, payload, *key),
    )
    return Halted(problem)


def _make_audit_entry(
    concluding: ConcludeAttestationInput,
    case: AttestationCase,
    action: str,
    payload: dict[str, Any],
    *key: str,
) -> AuditEntry:
    attestation = concluding.attestation
    by, subject = make_engine_request(case.correlation_id), f"outage/{attestation.outage_id}"
    return make_audit_entry(
        subject, action, by, concluding.at, payload, str(attestation.revision), *key
    )


def _make_payload(attestation: Attestation, call: CallRecord) -> dict[str, Any]:
    payload = payloads.describe_attestation(attestation, call.contract_id, call.hash, call.outcome)
    return payload | {"config_snapshot": call.config_snapshot}


def _find_problem(case: AttestationCase, call: CallRecord) -> str:
    """Say what keeps the contract's answer from confirming the verdict; empty when nothing does."""
    outcome = call.outcome
    if outcome.contract_result is None:
        return outcome.reason
    found = find_differences(
        case.symbol,
        case.verdict,
        case.policy,
        outcome.contract_result,
        decode_config(call.config_snapshot),
    )
    if not outcome.fresh and not case.remembered:
        found.append(UNEXPLAINED)
    return describe_parity_error(found)
