"""Stand-ins for the steps of the smaller lives: what was asked is remembered, answers are lined up."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from domain.attestations import Attestation, Call, CallStatus, Concluding, Conclusion, Turn
from domain.webhooks import Delivery, DeliveryStatus
from workflows.attestations import AttestationSteps
from workflows.webhooks import WebhookSteps


class FakeAttestations(AttestationSteps):
    """A contract that answers what the test has lined up; in the end it always agrees."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.in_the_way: list[Call] = []
        self.statuses: list[CallStatus] = []
        self.problems: list[str] = []
        self.answered: set[tuple[str, int]] = set()

    @activity.defn
    async def prepare_call(self, attestation: Attestation) -> Turn:
        name = (attestation.outage_id, attestation.revision)
        self.asked.append(f"prepare_call {attestation.revision}")
        if name in self.answered:
            return Turn(None)
        if self.in_the_way:
            return Turn(self.in_the_way.pop(0))
        return Turn(Call(*name, 1, "GOPERATOR", 7, 100, "hash", "xdr"), mine=True)

    @activity.defn
    async def carry_out_call(self, turn: Turn) -> CallStatus:
        assert turn.call is not None
        self.asked.append("carry_out_call" if turn.mine else "help")
        status = self.statuses.pop(0) if self.statuses else CallStatus.ANSWERED
        if turn.mine and status is CallStatus.ANSWERED:
            self.answered.add((turn.call.outage_id, turn.call.revision))
        return status

    @activity.defn
    async def conclude_attestation(self, concluding: Concluding) -> Conclusion:
        self.asked.append("conclude_attestation")
        if self.problems:
            return Conclusion(False, self.problems.pop(0), "", ["dlv-halted"])
        return Conclusion(True, "", f"hash-{concluding.attestation.revision}", [])


class FakeWebhooks(WebhookSteps):
    def __init__(self) -> None:
        self.posted: list[str] = []
        self.failures = 0
        self.abandoned: list[str] = []

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.posted.append(delivery.id)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the receiver answered 500")
        return DeliveryStatus.SUCCESS

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.abandoned.append(delivery.id)
        return DeliveryStatus.FAILED


def steps_of(stand_in: object, *kinds: type) -> list[Callable[..., Any]]:
    """Every step that these kinds declare, as the stand-in takes it."""
    names = {name for kind in kinds for name in getattr(kind, "__abstractmethods__", ())}
    return [getattr(stand_in, name) for name in sorted(names)]
