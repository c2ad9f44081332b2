"""
The rule of a release: whether money may still move by the bytes that a quarantined channel served.

What the network shows of them comes first; reconciliation's record of the chain outlasts the memory of
any node, and what a person saw elsewhere stands only for what neither of them knows.
"""

from dataclasses import dataclass
from enum import StrEnum

from domain.settlement.attempts import Attempt
from domain.settlement.channels import ChainCoverage, QuarantinedAttempt


class OutcomeKind(StrEnum):
    """What became of an attempt: its bytes expired unused, paid, failed, or others used its sequence."""

    DEAD = "dead"
    PAID = "paid"
    WITHOUT_EFFECT = "without_effect"
    UNKNOWN = "unknown"
    # Others, or its own: no node remembers the ledgers in which it may have landed.
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class QuarantineOutcome:
    """What the network shows of an attempt; `hash` and `ledger` are of its own transaction, if one landed."""

    kind: OutcomeKind
    sentence: str = ""
    hash: str = ""
    ledger: int = 0

    def describe(self) -> str:
        """Return why nothing of the attempt can move money any more; for an outcome that proves it."""
        match self.kind:
            case OutcomeKind.DEAD:
                return "its signed bytes can never land"
            case OutcomeKind.WITHOUT_EFFECT:
                return f"transaction {self.hash} of ledger {self.ledger} had no effect"
            case _:
                return self.sentence


@dataclass(frozen=True, slots=True)
class ReleaseRefusal:
    """Why a channel may not be released; with `paid`, the attempt's own payment is to be confirmed first."""

    sentence: str
    paid: bool = False


def refuse_unexpired(attempt: Attempt, ledger: int, *, consumed: bool, past: bool) -> str:
    """Return why the network has to be waited for; empty once the attempt's sequence or time is used up."""
    if consumed or past:
        return ""
    return (
        f"the money may still move until ledger {attempt.max_ledger}, and the network "
        f"is at {ledger}; wait, and look again"
    )


def refuse_moved(coverage: ChainCoverage) -> ReleaseRefusal | None:
    """Refuse when reconciliation has seen the money move."""
    if (trace := coverage.trace) is None:
        return None
    moved = f"the money moved, in transaction {trace.transaction_hash} of ledger {trace.ledger}"
    if trace.ours:
        return ReleaseRefusal(
            f"{moved}, as reconciliation has read: it must not be made again", paid=True
        )
    return ReleaseRefusal(
        f"{moved}, by other bytes than its own, as reconciliation has read: it "
        "must not be made again; see GET /reconciliation/breaks"
    )


def decide_release(
    quarantined: QuarantinedAttempt,
    outcome: QuarantineOutcome,
    coverage: ChainCoverage,
    evidence: str,
) -> str | ReleaseRefusal:
    """Return the proof that nothing of the attempt can move money any more, or the refusal."""
    if outcome.kind is OutcomeKind.PAID:
        return ReleaseRefusal(
            f"the money moved, in transaction {outcome.hash} of ledger {outcome.ledger}", paid=True
        )
    if (refusal := refuse_moved(coverage)) is not None:
        return refusal
    if outcome.kind is not OutcomeKind.FORGOTTEN:
        return outcome.describe()
    reason = _find_substitute(coverage, evidence)
    if not reason:
        return ReleaseRefusal(_describe_forgotten(quarantined, coverage))
    return f"{outcome.describe()}; {reason}"


def _find_substitute(coverage: ChainCoverage, evidence: str) -> str:
    """Return what stands for the memory that no node has; empty when nothing does."""
    ledgers = f"ledgers {coverage.first} to {coverage.last}"
    if coverage.complete:
        return f"reconciliation has read {ledgers} without a gap, and the money did not move there"
    return f"what was seen elsewhere of {ledgers}: {evidence}" if evidence else ""


def _describe_forgotten(quarantined: QuarantinedAttempt, coverage: ChainCoverage) -> str:
    return (
        f"no node remembers ledgers {coverage.first} to {coverage.last}, in which the money may have moved, and "
        f"reconciliation, which is at ledger {coverage.read_to}, has not read all of them. If it is about to, wait. "
        f"Otherwise look where history is kept for the transactions {', '.join(quarantined.envelopes)}: if one "
        "succeeded, name a node in STELLAR_RPC_URL that remembers it, and the payment is confirmed; "
        "if none did, say what you saw with --evidence"
    )
