"""
The trace of a payment: why it is owed, what was tried, what was answered, what is proven and
what the journal says; and its state in one sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.accounting.journal import EntryKind
from domain.digests import format_instant
from domain.money import format_amount
from domain.settlement.attempts import AttemptStatus
from domain.settlement.payments import PaymentStatus


@dataclass(frozen=True, slots=True)
class TracedPayment:
    """The debt, and the verdict that it rests on."""

    id: str
    number: int
    type: str
    status: str
    amount_stroops: int
    asset_code: str
    payer: str
    from_address: str
    to_address: str
    created_at: datetime
    reason_code: str | None
    status_reason: str | None
    transaction_hash: str | None
    ledger: int | None
    confirmed_at: datetime | None
    outage_id: str
    revision: int
    severity: str
    site_name: str
    mttr_minutes: int
    mttr_basis: str
    threshold_minutes: int
    rating: str
    sla_status: str
    policy: str
    policy_version: int
    judged_at: datetime


@dataclass(frozen=True, slots=True)
class TraceEvent:
    """An audit entry about the payment."""

    at: datetime
    action: str
    actor: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TracedSubmission:
    """A send of signed bytes, and what a node answered."""

    at: datetime
    answer: str


@dataclass(frozen=True, slots=True)
class TracedEnvelope:
    """
    Bytes that were kept before they were sent. A higher bid has the same `inner_hash`. Those with
    `noop_reason` pay nobody, because of that, and only use up the sequence.
    """

    hash: str
    inner_hash: str
    fee_stroops: int
    max_ledger: int
    signed_at: datetime
    noop_reason: str
    sends: list[TracedSubmission]


@dataclass(frozen=True, slots=True)
class TracedAttempt:
    """An attempt that carried this payment, and its allocation in it."""

    lead_payment_id: str
    n: int
    rail: str
    channel: str
    sequence: int
    status: str
    reason: str | None
    opened_at: datetime
    members: int
    number: int
    allocated_stroops: int
    left_out: str | None
    envelopes: list[TracedEnvelope]


@dataclass(frozen=True, slots=True)
class TracedPosting:
    """A posting, and what the payment has left on that account after it."""

    entry_id: str
    kind: str
    corrects: str | None
    at: datetime
    account: str
    amount_stroops: int
    running_stroops: int


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """An attempt, with one of its envelopes and one answer to that; empty where there is none."""

    n: int
    channel: str
    sequence: int
    status: str
    reason: str | None
    rail: str
    number: str
    amount_stroops: int
    inner_hash: str | None
    hash: str | None
    max_ledger: int | None
    fee_stroops: int | None
    noop_reason: str | None
    answer: str | None
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentTrace:
    owed: TracedPayment
    steps: list[TraceEvent]
    tries: list[TracedAttempt]
    postings: list[TracedPosting]

    @property
    def standing(self) -> str:
        """The state of the payment, in one sentence."""
        money = f"{format_amount(self.owed.amount_stroops)} {self.owed.asset_code}"
        last = self.tries[-1] if self.tries else None
        reason = self.owed.status_reason or "no reason is known"
        match PaymentStatus(self.owed.status):
            case PaymentStatus.CONFIRMED:
                return (
                    f"Paid: {money} reached {self.owed.to_address} in ledger {self.owed.ledger}, "
                    f"by transaction {self.owed.transaction_hash}{self._out_of_band}."
                )
            case PaymentStatus.PREPARED | PaymentStatus.SUBMITTED if last and last.envelopes:
                sent = "sent" if self.owed.status == PaymentStatus.SUBMITTED else "signed"
                newest = max(last.envelopes, key=lambda signed: signed.max_ledger)
                if newest.noop_reason:
                    return (
                        f"Given up for now: {newest.noop_reason}; a no-op transaction uses up the sequence of the "
                        f"bytes that died, until ledger {newest.max_ledger}."
                    )
                until = newest.max_ledger
                return (
                    f"On its way: {money} are {sent} and nothing is proven yet; the bytes can "
                    f"land until ledger {until}."
                )
            case PaymentStatus.QUARANTINED:
                return (
                    f"In quarantine, since going on could pay twice: {reason}; a person must look."
                )
            case PaymentStatus.VOIDED:
                return f"Voided: {money} were owed by mistake; nothing was signed, and none moved."
            case PaymentStatus.BLOCKED:
                return f"Blocked: {reason}; {self._bound(money)}."
            case PaymentStatus.ON_HOLD:
                return f"On hold by a limit: {reason}; {self._bound(money)}."
        if last is not None and last.status == AttemptStatus.FAILED:
            return f"Payment: attempt {last.n} had no effect ({last.reason}), and another follows."
        return (
            f"Payment: {money} wait to be signed for since {format_instant(self.owed.created_at)}."
        )

    @property
    def _out_of_band(self) -> str:
        if any(step.action == "payment.confirmed_from_chain" for step in self.steps):
            return ", as the chain shows; the bytes that made it are not on record"
        matched_by = [
            step.actor for step in self.steps if step.action == "payment.matched_manually"
        ]
        return f", which was made out of band and matched by {matched_by[0]}" if matched_by else ""

    def _bound(self, money: str) -> str:
        reserved = sum(
            -posting.amount_stroops
            for posting in self.postings
            if posting.account.startswith("reserved:")
        )
        return f"{money} are {'reserved, since signed bytes exist' if reserved else 'owed, and none moved'}"


def add_running_sums(postings: Sequence[dict[str, Any]]) -> list[TracedPosting]:
    """
    Put running sums to the postings of one payment, in the order they make sense in: what was
    posted in the same instant follows the order of an obligation.
    """
    order = list(EntryKind)
    sums: dict[str, int] = {}
    traced = []
    for posting in sorted(postings, key=lambda row: (row["at"], order.index(row["kind"]))):
        account, amount = posting["account"], posting["amount_stroops"]
        sums[account] = sums.get(account, 0) + amount
        traced.append(TracedPosting(**posting, running_stroops=sums[account]))
    return traced
