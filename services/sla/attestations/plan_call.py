"""Plan the next call to the SLA contract: one's own, or another that is open and has to be finished first."""

from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.sla import attestations, contract_calls
from domain.sla.attestations import (
    Attestation,
    AttestationStatus,
    Call,
    CallStatus,
)
from domain.sla.verdicts import Severity


@dataclass(frozen=True, slots=True)
class CallOrder:
    """What to ask the contract, and the operator's open call, which has to be finished first."""

    symbol: str
    severity: Severity
    mttr_minutes: int
    times_expired: int
    open_call: Call | None


async def plan_call(database: Database, attestation: Attestation, source: str) -> CallOrder | None:
    """Return what to ask; None when the contract has answered already."""
    async with database.transaction() as connection:
        case = await attestations.lock(connection, attestation)
        answered = case.call is not None and case.call.outcome.status is CallStatus.ANSWERED
        if case.status is AttestationStatus.ATTESTED or answered:
            return None
        known = await contract_calls.find_open_call(connection, source)
    return CallOrder(
        case.symbol, case.severity, case.verdict.mttr_minutes, case.times_expired, known
    )
