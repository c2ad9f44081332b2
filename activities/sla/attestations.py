"""The activities of an attestation: sign a call, store it, and only then send; record the answer."""

import asyncio
import logging

from temporalio import activity

from activities.settlement.limits import SigningGate
from adapters.postgres.database import Database
from adapters.postgres.sla import contract_calls, outages
from adapters.stellar.finality.sla_contract import SlaContract
from domain.errors import ChainUnavailable, ContractMismatch, ContractRefused, TryAgain
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.sla.attestations import (
    Attestation,
    Call,
    CallAnswered,
    CallRefused,
    CallStatus,
    ConcludeAttestationInput,
    ConcludeAttestationResult,
    OpenCall,
    OtherCall,
    OwnCall,
    PrepareCallResult,
)
from services.sla.attestations.conclude_attestation import conclude_attestation
from services.sla.attestations.plan_call import plan_call
from services.sla.attestations.raise_call import raise_call
from services.sla.attestations.record_outcome import record_outcome
from services.sla.attestations.store_call import store_call
from workflows.attestations import AttestationActivities

log = logging.getLogger(__name__)
# How long an attestation waits for the call of another before it executes that call itself.
PATIENCE_SECONDS, LOOK_EVERY_SECONDS = 6.0, 0.25


class AttestationActivitiesImpl(AttestationActivities):
    def __init__(
        self, database: Database, calculator: SlaContract | None, gate: SigningGate | None = None
    ) -> None:
        self.database = database
        self._calculator = calculator
        self.gate = gate or SigningGate(database)

    @property
    def calculator(self) -> SlaContract:
        if self._calculator is None:
            raise ContractMismatch(
                "this worker does not call the SLA contract; start it with CONTRACT_EXECUTION_MODE=soroban"
            )
        return self._calculator

    @activity.defn
    async def prepare_call(self, attestation: Attestation) -> PrepareCallResult:
        calculator = self.calculator
        order = await plan_call(self.database, attestation, calculator.source)
        if order is None:
            return CallAnswered()
        if order.open_call is not None:
            return _own_or_other(attestation, order.open_call)
        if (hold := await self.gate.pause()) is not None:
            raise TryAgain(hold.reason.sentence)
        try:
            signed = await calculator.sign_call(
                order.symbol, order.severity, order.mttr_minutes, order.times_expired
            )
        except ContractRefused as error:
            return CallRefused(str(error))
        await self.gate.require_claim()
        # Committed before the bytes are sent.
        call = await store_call(self.database, attestation, signed)
        if call is None:
            raise ChainUnavailable(
                "the RPC node is behind the operator's last call; it is asked again"
            )
        return _own_or_other(attestation, call)

    @activity.defn
    async def execute_call(self, turn: OpenCall) -> CallStatus:
        if isinstance(turn, OtherCall):
            status = await self._await_end(turn.call)
            if status is not CallStatus.OPEN:
                return status
        answer, call = await self._send(turn.call)
        outcome = await self.calculator.watch(call, str(answer))
        if outcome.status is not CallStatus.OPEN:
            await record_outcome(self.database, call, outcome)
        if outcome.status is CallStatus.LOST:
            log.error("ALARM: call %s: %s", call.hash, outcome.reason)
        return outcome.status

    async def _send(self, call: Call) -> tuple[SendAnswer, Call]:
        """Send the stored bytes, with higher fees while the network asks for more."""
        while True:
            if (obstacle := await self.gate.get_send_obstacle()) is not None:
                return SendAnswer(SendStatus.NOT_SENT, obstacle.sentence), call
            answer = await self.calculator.send(call)
            await self.gate.circuit_breaker.record_answer(answer, await self._correlation_id(call))
            higher = await self.calculator.raise_bid(call, answer)
            if higher is None:
                return answer, call
            # Stored before it is sent, as all bytes are.
            call = await raise_call(self.database, call, higher)

    async def _correlation_id(self, call: Call) -> str:
        async with self.database.autocommit() as connection:
            return await outages.get_correlation_id(connection, call.outage_id)

    @activity.defn
    async def conclude_attestation(
        self, concluding: ConcludeAttestationInput
    ) -> ConcludeAttestationResult:
        return await conclude_attestation(self.database, concluding)

    async def _await_end(self, call: Call) -> CallStatus:
        """Wait a while for the attestation that made this call to execute it."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_SECONDS
        while True:
            async with self.database.autocommit() as connection:
                status = await contract_calls.get_call_status(connection, call)
            if status is not CallStatus.OPEN or loop.time() >= end:
                return status
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _own_or_other(attestation: Attestation, call: Call) -> OpenCall:
    own = (call.outage_id, call.revision) == (attestation.outage_id, attestation.revision)
    return OwnCall(call) if own else OtherCall(call)
