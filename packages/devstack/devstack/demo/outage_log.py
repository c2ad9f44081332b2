"""What is known of one outage of the demo, and every step of it told for somebody who is new here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devstack.demo.scenarios import Scenario, declare, play
from devstack.demo.webhook_receiver import DemoReceiver, Reception
from devstack.processes.supervisor import all_or_none
from devstack.replay.api_client import EngineClient
from domain.money import format_amount

LOOK_SECONDS = 0.3


@dataclass(frozen=True)
class TimelineRow:
    """One row: when, what, who did it, what it is worth, and what proves it."""

    at: datetime
    what: str
    who: str
    amount_stroops: int | None = None
    transaction_hash: str = ""
    signature: str = ""


@dataclass
class DemoOutage:
    """Read through the API and from the receiver; never from the database."""

    scenario: Scenario
    id: str
    receiver: DemoReceiver
    seen: Callable[["DemoOutage"], None]
    outage: dict[str, Any] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)

    async def unfold(self, engine: EngineClient) -> None:
        """Play it, and watch until the outage is closed and every webhook of it is answered."""
        await declare(engine, self.scenario, self.id)
        async with all_or_none() as group:
            group.create_task(play(engine, self.scenario, self.id))
            group.create_task(self._follow(engine))

    async def _follow(self, engine: EngineClient) -> None:
        while not (self.closed and self.told):
            await self.look(engine)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, engine: EngineClient) -> None:
        self.outage = await engine.get(f"/outages/{self.id}")
        self.items = (await engine.get(f"/outages/{self.id}/timeline"))["items"]
        self.payments = (await engine.get("/payments", outage_id=self.id))["items"]
        self.seen(self)

    @property
    def closed(self) -> bool:
        return self.outage.get("lifecycle") == "closed"

    @property
    def told(self) -> bool:
        """Every event of the scenario came in verified, and the engine knows it was taken."""
        sent = self.deliveries
        verified = {each.event_id for each in self.receptions if each.verified}
        taken = all(each["step"] == "webhook.success" for each in sent)
        known = all(each["evidence"]["event_id"] in verified for each in sent)
        return taken and known and not self.untold

    @property
    def untold(self) -> set[str]:
        """Events that should have come in verified, and did not."""
        expected = {str(name) for name in self.scenario.events}
        return expected - {each.event for each in self.receptions if each.verified}

    @property
    def receptions(self) -> list[Reception]:
        return [each for each in self.receiver.receptions if each.outage_id == self.id]

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        """What the engine says it sent to our receiver."""
        return [
            each
            for each in self.items
            if each["step"].startswith("webhook.") and each["evidence"]["url"] == self.receiver.url
        ]

    @property
    def steps(self) -> list[TimelineRow]:
        """What the engine did, without the webhooks."""
        told = [each for each in self.items if not each["step"].startswith("webhook.")]
        # A decision and the verdict it brings share an instant; the decision came first.
        told.sort(key=lambda each: (each["at"], each["step"] == "outage.judged"))
        return [line for each in told for line in _tell(each)]

    @property
    def lines(self) -> list[TimelineRow]:
        """Everything, in order of time."""
        return sorted(self.steps + [_heard(each) for each in self.receptions], key=lambda x: x.at)

    @property
    def amount_stroops(self) -> int | None:
        """What the newest verdict owes: a reward is positive, a penalty negative."""
        verdict = self.outage.get("sla_status")
        return int(verdict["amount_stroops"]) if verdict else None

    @property
    def now(self) -> str:
        """Where the outage stands, in one sentence."""
        lifecycle = str(self.outage.get("lifecycle", ""))
        if lifecycle == "disputable":
            deadline = instant(self.outage["dispute_deadline"])
            left = (deadline - datetime.now(UTC)).total_seconds()
            return f"money waits {max(left, 0):.0f} s for objections"
        return NOW.get(lifecycle, lifecycle)


NOW = {
    "": "being declared",
    "declared": "down; waiting for the repair",
    "disputed": "disputed; money waits for a decision",
    "settling": "paying on the chain",
    "closed": "paid and closed",
}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def usdc(amount_stroops: int | None, *, sign: bool = True) -> str:
    """Money for people: +1,500 USDC."""
    if amount_stroops is None:
        return ""
    whole, dot, fraction = format_amount(abs(amount_stroops)).partition(".")
    mark = "−" if amount_stroops < 0 else "+"
    return f"{mark if sign else ''}{int(whole):,}{dot}{fraction} USDC"


def _heard(reception: Reception) -> TimelineRow:
    return TimelineRow(
        at=reception.at,
        what=f"Webhook {reception.event}, answered {reception.answer}",
        who="receiver",
        signature="signature verified" if reception.verified else "signature WRONG",
    )


def _tell(item: dict[str, Any]) -> list[TimelineRow]:
    """Tell one entry of the timeline; one this file does not know keeps its own name."""
    facts, at = item["evidence"], instant(item["at"])
    who = "engine" if item["actor"] == "engine" else "you"
    match item["step"]:
        case "outage.declared":
            return [TimelineRow(at, "Outage declared and safely on record", who)]
        case "outage.judged":
            return _judged(facts, at, who)
        case "dispute.filed":
            return [TimelineRow(at, f"Disputed: “{facts['reason']}”", who)]
        case "dispute.decided":
            decision = (
                "the objection is right" if facts["status"] == "resolved" else facts["status"]
            )
            return [TimelineRow(at, f"Decision: {decision}. “{facts['note']}”", who)]
        case "payment.owed":
            penalty = facts["type"] == "penalty"
            debt = "Penalty booked, owed by the provider's bond"
            bonus = "Reward booked, owed by the sponsor pool"
            return [TimelineRow(at, debt if penalty else bonus, who, _signed(facts))]
        case "payment.confirmed":
            what = f"Paid on the chain, in ledger {facts['ledger']}"
            return [TimelineRow(at, what, who, _signed(facts), facts["transaction_hash"])]
        case "payment.blocked":
            return [TimelineRow(at, "Payment blocked: a person has to look at it", who)]
        case "outage.closed":
            return [TimelineRow(at, "Closed: nothing is left to do", who)]
        case other:
            return [TimelineRow(at, str(other), who)]


def _judged(facts: dict[str, Any], at: datetime, who: str) -> list[TimelineRow]:
    took, allowed = facts["mttr_minutes"], facts["threshold_minutes"]
    verdict = "SLA met" if facts["sla_status"] == "met" else "SLA breached"
    amount = int(facts["amount_stroops"])
    if facts["mttr_basis"] == "decided":
        what = f"Judged again, with {took} minutes: {verdict}"
        return [TimelineRow(at, what, "engine", amount)]
    deadline = instant(facts["dispute_deadline"])
    return [
        TimelineRow(at, f"Repaired, after {took} minutes", who),
        TimelineRow(at, f"{verdict}: {allowed} minutes were allowed", "engine", amount),
        TimelineRow(at, f"Money waits for objections until {deadline:%H:%M:%S}", "engine"),
    ]


def _signed(facts: dict[str, Any]) -> int:
    """A payment is a magnitude; what is shown is how the provider fares."""
    amount = int(facts["amount_stroops"])
    return -amount if facts["type"] == "penalty" else amount
