"""Recomputations: each verdict on record beside the one that follows from its terms and times today."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.errors import Invalid
from domain.sla.verdicts import RecordedVerdict, Terms, Verdict, recompute

# Of those that differ, so many are named in what the job found; all of them are in its file.
NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class JudgedOutage:
    """An outage with the newest revision of its verdict, and the terms of that."""

    detected_at: datetime
    resolved_at: datetime | None
    recorded: RecordedVerdict
    terms: Terms


@dataclass(frozen=True, slots=True)
class Recomputation:
    """`recomputed` is None where no verdict follows any more, and `problem` says why."""

    recorded: RecordedVerdict
    recomputed: Verdict | None
    problem: str | None

    @property
    def equal(self) -> bool:
        return self.recomputed == self.recorded.verdict

    def describe(self) -> dict[str, Any]:
        recorded = self.recorded
        return {
            "outage_id": recorded.outage_id,
            "revision": recorded.revision,
            "equal": self.equal,
            "severity": recorded.severity,
            "mttr_basis": recorded.mttr_basis,
            "policy": recorded.policy,
            "policy_version": recorded.policy_version,
            "recorded": _describe(recorded.verdict),
            "recomputed": self.recomputed and _describe(self.recomputed),
            "problem": self.problem,
        }


def recompute_judged(judged: JudgedOutage) -> Recomputation:
    try:
        found = recompute(judged.recorded, judged.terms, judged.detected_at, judged.resolved_at)
    except Invalid as error:
        return Recomputation(judged.recorded, None, str(error))
    return Recomputation(judged.recorded, found, None)


def _describe(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "payment_type": verdict.payment_type,
        "rating": verdict.rating,
        "mttr_minutes": verdict.mttr_minutes,
        "threshold_minutes": verdict.threshold_minutes,
        "amount_stroops": str(verdict.amount_stroops),
    }
