"""Read the circuit breaker, and open it when too many sends are answered with errors."""

import asyncio
import logging
import time
from datetime import UTC, datetime

from adapters.postgres.database import Database
from adapters.postgres.settlement import circuit_breakers
from adapters.stellar.codes.transaction_codes import ALARMING
from domain.settlement.circuit_breakers import CircuitBreakerLimits, FailureCounter
from domain.settlement.envelopes import SendAnswer
from services.settlement.halt.switch_halt import SwitchHalt, switch_halt

log = logging.getLogger(__name__)
# Every worker sees an open circuit breaker within this time, at two reads a second.
FRESH_SECONDS = 0.5


class CircuitBreaker:
    """
    How the settlement worker opens the circuit breaker; reconciliation opens it in the transaction
    that finds a reason.
    """

    def __init__(self, database: Database, tolerance: CircuitBreakerLimits | None = None) -> None:
        self.database = database
        self.watch = FailureCounter(tolerance or CircuitBreakerLimits(), ALARMING)
        self._reason: str | None = None
        self._read_at = -FRESH_SECONDS
        self._reading = asyncio.Lock()

    async def reason(self) -> str | None:
        """Return why the circuit breaker is open; None while it is closed."""
        async with self._reading:  # all callers meanwhile share one read
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                async with self.database.autocommit() as connection:
                    found = await circuit_breakers.get_state(connection)
                self._reason = found.reason if found.is_open else None
                self._read_at = time.monotonic()
            return self._reason

    def forget(self) -> None:
        """Read the state again at the next question."""
        self._read_at = -FRESH_SECONDS

    async def record_answer(self, answer: SendAnswer, correlation_id: str) -> None:
        """Count the answer to a send; too many errors open the circuit breaker."""
        why = self.watch.record_answer(answer, datetime.now(UTC))
        if why is not None:
            await self.trip(why, correlation_id)

    async def trip(self, reason: str, correlation_id: str) -> None:
        """Open the circuit breaker and notify; one that is open already stays as it is."""
        wanted = SwitchHalt.by_engine(reason, correlation_id, datetime.now(UTC))
        switched = await switch_halt(self.database, wanted)
        self.forget()
        if switched:
            log.error("the circuit breaker is open, nothing new is settled: %s", reason)
