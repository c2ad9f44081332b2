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
    evidence, at = item["evidence"], parse_instant(item["at"])
    who = "engine" if item["actor"] == "engine" else "you"
    match item["step"]:
        case "outage.declared":
            return [TimelineRow(at, "Outage declared and safely on record", who)]
        case "outage.judged":
            return _judged(evidence, at, who)
        case "dispute.filed":
            return [TimelineRow(at, f"Disputed: “{evidence['reason']}”", who)]
        case "dispute.decided":
            decision = (
                "the objection is right" if evidence["status"] == "resolved" else evidence["status"]
            )
            return [TimelineRow(at, f"Decision: {decision}. “{evidence['note']}”", who)]
        case "payment.owed":
            penalty = evidence["type"] == "penalty"
            debt = "Penalty on record, owed by the provider's bond"
            bonus = "Reward on record, owed by the sponsor pool"
            return [TimelineRow(at, debt if penalty else bonus, who, _signed(evidence))]
        case "payment.confirmed":
            what = f"Paid on the chain, in ledger {evidence['ledger']}"
            return [TimelineRow(at, what, who, _signed(evidence), evidence["transaction_hash"])]
        case "payment.blocked":
            return [TimelineRow(at, "Payment blocked: a person has to look at it", who)]
        case "outage.closed":
            return [TimelineRow(at, "Closed: nothing is left to do", who)]
        case other:
            return [TimelineRow(at, str(other), who)]


def _judged(evidence: dict[str, Any], at: datetime, who: str) -> list[TimelineRow]:
    took, allowed = evidence["mttr_minutes"], evidence["threshold_minutes"]
    verdict = "SLA met" if evidence["sla_status"] == "met" else "SLA breached"
    amount = int(evidence["amount_stroops"])
    if evidence["mttr_basis"] == "decided":
        what = f"Judged again, with {took} minutes: {verdict}"
        return [TimelineRow(at, what, "engine", amount)]
    deadline = parse_instant(evidence["dispute_deadline"])
    return [
        TimelineRow(at, f"Repaired, after {took} minutes", who),
        TimelineRow(at, f"{verdict}: {allowed} minutes were allowed", "engine", amount),
        TimelineRow(at, f"Money waits for objections until {deadline:%H:%M:%S}", "engine"),
    ]


def _signed(evidence: dict[str, Any]) -> int:
    """A payment is a magnitude; what is shown is how the provider fares."""
    amount = int(evidence["amount_stroops"])
    return -amount if evidence["type"] == "penalty" else amount
