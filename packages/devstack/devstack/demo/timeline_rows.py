"""One row of what happened to an outage of the demo, in words for somebody who is new here."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devstack.demo.webhook_receiver import Reception
from domain.money import format_amount


@dataclass(frozen=True)
class TimelineRow:
    """One row: when, what, who did it, what it is worth, and what proves it."""

    at: datetime
    what: str
    who: str
    amount_stroops: int | None = None
    transaction_hash: str = ""
    signature: str = ""


def parse_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def format_usdc(amount_stroops: int | None, *, sign: bool = True) -> str:
    """Money for people: +1,500 USDC."""
    if amount_stroops is None:
        return ""
    whole, dot, fraction = format_amount(abs(amount_stroops)).partition(".")
    mark = "−" if amount_stroops < 0 else "+"
    return f"{mark if sign else ''}{int(whole):,}{dot}{fraction} USDC"


def describe_reception(reception: Reception) -> TimelineRow:
    return TimelineRow(
        at=reception.at,
        what=f"Webhook {reception.event}, answered {reception.answer}",
        who="receiver",
        signature="signature verified" if reception.verified else "signature WRONG",
    )


def describe_entry(item: dict[str, Any]) -> list[TimelineRow]:
    """Tell one entry of the timeline; one this file does not know keeps its own name."""
    facts, at = item["evidence"], parse_instant(item["at"])
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
    deadline = parse_instant(facts["dispute_deadline"])
    return [
        TimelineRow(at, f"Repaired, after {took} minutes", who),
        TimelineRow(at, f"{verdict}: {allowed} minutes were allowed", "engine", amount),
        TimelineRow(at, f"Money waits for objections until {deadline:%H:%M:%S}", "engine"),
    ]


def _signed(facts: dict[str, Any]) -> int:
    """A payment is a magnitude; what is shown is how the provider fares."""
    amount = int(facts["amount_stroops"])
    return -amount if facts["type"] == "penalty" else amount
