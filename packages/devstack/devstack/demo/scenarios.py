"""The three outages of the demo, and how they are played through the public HTTP API."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from devstack.replay.api_client import EngineClient
from domain.events import EventType
from domain.sla.verdicts import PaymentType, Severity

GREETING = (
    "ApexChainx demo. A service fails, is repaired, and is judged by what its contract promised. "
    "Then money moves by itself: a reward for a quick repair, a penalty for a late one. "
    "All of it happens on this machine, on a small Stellar network made for it; "
    "the USDC is play money.\n"
)
LEGEND = (
    "Amounts are the provider's: + is a reward, − a penalty. “you” is this demo, calling the "
    "HTTP API with your key; “engine” is ApexChainx; “receiver” is a small web server of the "
    "demo that checks each webhook.\n"
)
# Slow enough to follow, quick enough to object within the policy's five seconds.
BEAT_SECONDS = 1.0
# By name, because `standard` keeps a verdict open to disputes for a day.
POLICY = "sandbox"
ALWAYS = frozenset(
    {
        EventType.OUTAGE_CREATED,
        EventType.OUTAGE_RESOLVED,
        EventType.PAYMENT_PROCESSED,
        EventType.OUTAGE_CLOSED,
    }
)


@dataclass(frozen=True)
class Objection:
    """A dispute, and the decision that corrects how long the repair took."""

    reason: str
    note: str
    mttr_minutes: int


@dataclass(frozen=True)
class Scenario:
    """What happened to one site, how long ago, and how it must end."""

    name: str
    title: str
    site_name: str
    severity: Severity
    description: str
    root_cause: str
    detected_minutes_ago: int
    repaired_minutes_ago: int
    ends_in: PaymentType
    events: frozenset[EventType]
    objection: Objection | None = None


MET = Scenario(
    name="met",
    title="repaired in time, so the provider earns a reward",
    site_name="Accra North fibre ring",
    severity=Severity.HIGH,
    description="Fibre cut at a road works site",
    root_cause="Excavator; the cable was spliced",
    detected_minutes_ago=25,
    repaired_minutes_ago=13,
    ends_in=PaymentType.REWARD,
    events=ALWAYS,
)
BREACHED = Scenario(
    name="breached",
    title="repaired too late, so the provider pays a penalty",
    site_name="Lagos Ikeja exchange",
    severity=Severity.CRITICAL,
    description="Mains failure, generator did not start",
    root_cause="Empty starter battery",
    detected_minutes_ago=52,
    repaired_minutes_ago=7,
    ends_in=PaymentType.PENALTY,
    events=ALWAYS | {EventType.SLA_BREACHED},
)
DISPUTED = Scenario(
    name="disputed",
    title="a penalty at first, disputed, and by the decision a reward",
    site_name="Nairobi Westlands tower",
    severity=Severity.CRITICAL,
    description="Radio link down",
    root_cause="Misaligned antenna after a storm",
    detected_minutes_ago=44,
    repaired_minutes_ago=4,
    ends_in=PaymentType.REWARD,
    events=ALWAYS | {EventType.SLA_BREACHED, EventType.DISPUTE_OPENED, EventType.DISPUTE_RESOLVED},
    objection=Objection(
        reason="The link was up after 9 minutes; only our monitoring stayed down",
        note="Router logs show traffic from minute 9 on",
        mttr_minutes=9,
    ),
)
SCENARIOS = (MET, BREACHED, DISPUTED)


async def declare(engine: EngineClient, scenario: Scenario, outage_id: str) -> None:
    await engine.send(
        "POST",
        "/outages",
        {
            "id": outage_id,
            "site_name": scenario.site_name,
            "severity": scenario.severity,
            "description": scenario.description,
            "detected_at": _ago(scenario.detected_minutes_ago),
            "policy": POLICY,
        },
    )


async def play(engine: EngineClient, scenario: Scenario, outage_id: str) -> None:
    """Do what people would do next: repair, and object where the scenario has it so."""
    await asyncio.sleep(BEAT_SECONDS)
    await engine.send(
        "POST",
        f"/outages/{outage_id}/resolve",
        {
            "resolved_at": _ago(scenario.repaired_minutes_ago),
            "root_cause": scenario.root_cause,
        },
    )
    if scenario.objection:
        await asyncio.sleep(BEAT_SECONDS)
        await _object(engine, outage_id, scenario.objection)


async def _object(engine: EngineClient, outage_id: str, objection: Objection) -> None:
    filing = {"outage_id": outage_id, "reason": objection.reason}
    dispute = await engine.send("POST", "/sla/disputes", filing)
    await asyncio.sleep(BEAT_SECONDS)
    decision = {
        "action": "resolve",
        "mttr_minutes": objection.mttr_minutes,
        "resolution_note": objection.note,
    }
    # Who declared the outage, or filed the dispute, does not decide it.
    given = await engine.send("POST", "/api-keys", {"name": "demo-decider", "role": "finance"})
    async with EngineClient(engine.url, given["key"]) as decider:
        await decider.send("PATCH", f"/sla/disputes/{dispute['id']}", decision)
    await engine.send("DELETE", f"/api-keys/{given['id']}")


def _ago(minutes: int) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
