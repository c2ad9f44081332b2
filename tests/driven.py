"""
The life of a payment outside Temporal: the workflow's own code, each step handed out to whoever
drives it, and the answers that Temporal would remember.
"""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from adapters.stellar import ledgers, nodes
from adapters.stellar import rail as rails
from domain.payments import Payment
from workflows import attempts as attempt_lives
from workflows import payments as payment_lives
from workflows import steps as life_steps
from workflows.payments import PaymentWorkflow


@dataclass(frozen=True)
class Ask:
    """What a life asks of Temporal: a step by name, or to wait."""

    step: str
    message: Any = None

    def __await__(self) -> Generator["Ask", Any, Any]:
        return (yield self)


class Driven(PaymentWorkflow):
    """The payment's own life; each step it takes is handed out to whoever drives it."""

    async def insist(self, method: Any, message: Any, limit: Any = None) -> Any:
        return await Ask(method.__name__, message)


async def _waits(*_given: Any, **_options: Any) -> None:
    await Ask("wait")


# What workflow code asks of Temporal besides its steps.
TEMPORAL = SimpleNamespace(
    now=lambda: datetime.now(UTC),
    sleep=_waits,
    wait_condition=_waits,
    patched=lambda _change: True,
    info=lambda: SimpleNamespace(is_continue_as_new_suggested=lambda: False),
    set_current_details=lambda _text: None,
)


@dataclass
class Life:
    """One payment: what it asks for next, and the answers Temporal remembers."""

    payment: Payment
    recorded: list[tuple[str, Any]] = field(default_factory=list)
    asks: Ask | None = None
    receipt: Any = None
    quarantined: bool = False
    # How much was recorded when the network was well for good.
    well_since: int | None = None

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Replay: live again from the start, on the answers that are remembered."""
        self.workflow = Driven(self.payment)
        self.run = self.workflow.run(self.payment)
        self.asks = self.run.send(None)
        for step, answer in list(self.recorded):
            assert self.asks is not None
            assert self.asks.step == step, "a life that does not replay"
            self._send(answer)

    def answer(self, answer: Any) -> None:
        assert self.asks is not None
        self.recorded.append((self.asks.step, answer))
        self._send(answer)

    def forget(self, kept: int) -> None:
        """The worker is gone, and with it the answers that were not recorded."""
        if self.asks is not None:
            # A timer is started with all that came before it on record.
            waits = [turn for turn, (step, _) in enumerate(self.recorded, 1) if step == "wait"]
            del self.recorded[max(kept, *waits, 0) :]
            self.run.close()
            self.begin()

    def _send(self, answer: Any) -> None:
        assert self.asks is not None
        self.quarantined = self.asks.step == "quarantine_payment"
        try:
            self.asks = self.run.send(answer)
        except StopIteration as ended:
            self.asks, self.receipt = None, ended.value


async def _soon(future: "asyncio.Future[Any]", _seconds: float) -> Any:
    """Wait for as long as it takes to ask a chain in this process, and not for the clock."""
    for _ in range(4):
        if future.done():
            return future.result()
        await asyncio.sleep(0)
    raise TimeoutError


async def _yield(_seconds: float) -> None:
    await asyncio.sleep(0)


def play_temporal(patch: Any) -> None:
    """Let workflow code run outside Temporal, and let no clock decide anything."""
    for module in (attempt_lives, payment_lives, life_steps):
        patch.setattr(module, "workflow", TEMPORAL)
    patch.setattr(rails, "asyncio", SimpleNamespace(wait_for=_soon))
    patch.setattr(ledgers, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": _yield}))
    patch.setattr(nodes, "time", SimpleNamespace(monotonic=lambda: 0.0))
