"""What is known of one outage of the demo, and every step of it in words for somebody who is new here."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devstack.demo.scenarios import Scenario, declare, play
from devstack.demo.timeline_rows import (
    TimelineRow,
    describe_entry,
    describe_reception,
    parse_instant,
)
from devstack.demo.webhook_receiver import DemoReceiver, Reception
from devstack.processes.supervisor import run_all_or_none
from devstack.replay.api_client import EngineClient

LOOK_SECONDS = 0.3


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
        async with run_all_or_none() as group:
            group.create_task(play(engine, self.scenario, self.id))
            group.create_task(self._follow(engine))

    async def _follow(self, engine: EngineClient) -> None:
        while not (self.closed and self.all_notified):
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
    def all_notified(self) -> bool:
        """Every event of the scenario came in verified, and the engine knows it was taken."""
        sent = self.deliveries
        verified = {each.event_id for each in self.receptions if each.verified}
        taken = all(each["step"] == "webhook.success" for each in sent)
        known = all(each["evidence"]["event_id"] in verified for each in sent)
        return taken and known and not self.missing_events

    @property
    def missing_events(self) -> set[str]:
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
            if each["step"].startswith("webhook.")
            and each["evidence"]["webhook_id"] == self.receiver.webhook_id
        ]

    @property
    def steps(self) -> list[TimelineRow]:
        """What the engine did, without the webhooks."""
        shown = [each for each in self.items if not each["step"].startswith("webhook.")]
        # A decision and the verdict it brings share an parse_instant; the decision came first.
        shown.sort(key=lambda each: (each["at"], each["step"] == "outage.judged"))
        return [line for each in shown for line in describe_entry(each)]

    @property
    def lines(self) -> list[TimelineRow]:
        """Everything, in order of time."""
        return sorted(
            self.steps + [describe_reception(each) for each in self.receptions], key=lambda x: x.at
        )

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
            deadline = parse_instant(self.outage["dispute_deadline"])
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
