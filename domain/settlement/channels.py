"""
Channels: the accounts that lend their sequences to payments, and hold nothing else.

One whose sequence was consumed by bytes we do not know is in quarantine: no payment is given it
again, and the one it served waits, until a person has looked and releases both.

The engine that uses them says so on the chain, by a claim that only its own database knows. So a second
engine on a copy of the database is noticed by the first, and the first by the second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from domain.audit import AuditEntry, make_audit_entry
from domain.requests import Request
from domain.settlement.attempts import Attempt
from domain.settlement.batches import Batch


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel on record: how far its sequence is used, and for which payment."""

    address: str
    sequence: int | None
    payment_id: str | None
    quarantined: bool


RELEASED = "channel.released"
MENDED = "channel.mended"
# How long a payment has a channel on a network that is well: a ledger, or not much more.
SECONDS_A_PAYMENT = 1.0
LOOK_AFTER_SECONDS, LOOK_WITHIN_SECONDS = 1.0, 120.0


@dataclass(frozen=True, slots=True)
class ChannelAhead:
    """A channel whose sequence on record is higher than the one the network has reached at a ledger."""

    address: str
    sequence: int
    reached: int
    ledger: int

    def confirms(self, before: "ChannelAhead") -> bool:
        """Tell whether this read shows, at a later ledger, the same as the one before."""
        return self.is_same(before) and self.ledger > before.ledger

    def is_same(self, other: "ChannelAhead") -> bool:
        return (self.sequence, self.reached) == (other.sequence, other.reached)

    def describe(self) -> str:
        return (
            f"channel {self.address} is on record with sequence {self.sequence}, and the network has reached "
            f"{self.reached}: nothing that is sent on it can be applied"
        )


def find_ahead(
    channels: Sequence[Channel], reached: Mapping[str, int], ledger: int
) -> dict[str, ChannelAhead]:
    """Return the free channels that are ahead of the network, which has reached these sequences."""
    return {
        each.address: ChannelAhead(each.address, each.sequence, reached[each.address], ledger)
        for each in channels
        if each.payment_id is None and not each.quarantined and each.sequence is not None
        if each.sequence > reached.get(each.address, each.sequence)
    }


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a payment stands in the line for a channel: how many are ahead of it, and for what."""

    ahead: int
    channels: int

    def next_check(self, now: datetime) -> datetime:
        """
        Return when to ask again: those far behind seldom, so that a long line costs little, and
        those in front often, so that no channel is idle.
        """
        wait = self.ahead / self.channels * SECONDS_A_PAYMENT if self.channels else float("inf")
        seconds = min(max(wait, LOOK_AFTER_SECONDS), LOOK_WITHIN_SECONDS)
        return now + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class QuarantinedAttempt:
    """
    An attempt that a channel in quarantine still serves, all of its payments, and the batches
    whose workflows may handle it: the rest of a failed batch is handled by that batch's workflow.

    `hashes` are of the transactions ever signed for it, `envelopes` of the bytes around them.
    """

    attempt: Attempt
    hashes: list[str]
    envelopes: list[str]
    batches: list[Batch]
    payments: list[str]
    payment_workflows: list[str] = field(default_factory=list)

    @property
    def workflow_ids(self) -> list[str]:
        """The workflows that wait for a person, by the ids that signals are sent to."""
        return list_workflow_ids(self.batches, self.payment_workflows)


@dataclass(frozen=True, slots=True)
class ObservedTransfer:
    """A transfer on the chain that paid a payee of an attempt, as reconciliation has read it."""

    transaction_hash: str
    ledger: int
    ours: bool  # made by bytes of this attempt


@dataclass(frozen=True, slots=True)
class ChainCoverage:
    """
    What the database's record of the chain says of some ledgers: whether it has read all of them,
    how far it has come, and what it found there or anywhere of an attempt.
    """

    first: int
    last: int
    complete: bool
    read_to: int
    trace: ObservedTransfer | None


@dataclass(frozen=True, slots=True)
class ChannelRelease:
    """A person's decision, after the network has shown that nothing of ours can move any more."""

    channel: str
    sequence: int  # the last one consumed, as the network says
    proof: str
    by: str
    note: str
    at: datetime
    # Its key is lost: its payments go on, and the channel is used for none.
    retired: bool = False
    # What the person saw in an archive, when no node here has the history.
    seen_elsewhere: str = ""

    def make_audit_entry(self, served_attempt: QuarantinedAttempt | None) -> AuditEntry:
        """Return the audit entry of the release."""
        served = served_attempt.payments if served_attempt else []
        evidence: dict[str, Any] = {
            "channel": self.channel,
            "sequence": str(self.sequence),
            "proof": self.proof,
            "note": self.note,
            "payments": served,
            "used_again": not self.retired,
        }
        if self.seen_elsewhere:
            evidence["seen_elsewhere"] = self.seen_elsewhere
        request = Request(self.by, f"release-{self.channel[:8]}-{self.sequence}")
        subject = f"channel/{self.channel}"
        # Bytes that die leave the sequence as it is: it may be released of others once more.
        of = (
            (served_attempt.attempt.payment_id, str(served_attempt.attempt.n))
            if served_attempt
            else ()
        )
        key = (str(self.sequence), *of)
        return make_audit_entry(subject, RELEASED, request, self.at, evidence, *key)


def list_workflow_ids(batches: Sequence[Batch], payments: Sequence[str]) -> list[str]:
    """Return the ids of the workflows of batches, and of payments, which are given."""
    return [*(f"batch/{batch.id}" for batch in batches), *payments]


def find_missing(wanted: Sequence[str], existing: Sequence[str]) -> list[str]:
    """Return which channel accounts are still to be created, in their order."""
    known = set(existing)
    return [address for address in wanted if address not in known]


class ClaimKind(IntEnum):
    """Why a claim was written; the numbers stand on the chain."""

    CLAIM = 0  # by a worker that starts
    OBJECTION = 1  # by a worker that had the channels already
    TAKE_OVER = 2  # by a worker that starts with a person's word that the other one is to stop


@dataclass(frozen=True, slots=True)
class Claim:
    """32 random bytes that stand in the database of the engine that wrote them, and why it did."""

    token: bytes
    kind: ClaimKind = ClaimKind.CLAIM

    def to_bytes(self) -> bytes:
        return self.token + bytes([self.kind])

    @classmethod
    def parse(cls, value: bytes) -> "Claim":
        """Parse what stands on the chain; what this version cannot read is a claim of somebody else."""
        known = len(value) == 33 and value[-1] in list(ClaimKind)
        return cls(value[:-1], ClaimKind(value[-1])) if known else cls(value)


@dataclass(frozen=True, slots=True)
class StandingClaim:
    """What stands on the chain as of a ledger: a claim, and the account's last consumed sequence."""

    ledger: int
    sequence: int
    claim: Claim | None
    since_ledger: int = 0


@dataclass(frozen=True, slots=True)
class ClaimTimes:
    """
    How often a claim is looked at, in seconds, and what follows from that. Whoever has not seen his
    claim for as long as it is fresh signs nothing; a newcomer waits for longer than that.
    """

    check_seconds: float

    @property
    def fresh_seconds(self) -> float:
        return 3 * self.check_seconds

    @property
    def probation_seconds(self) -> float:
        return 4 * self.check_seconds


# Ledgers of a probation: nodes show some of them late, and an objection takes one or two.
PROBATION_LEDGERS = 4


class ClaimVerdict(StrEnum):
    """What to do about the claim that stands."""

    OURS = "ours"
    WRITE = "write"  # it is gone, or somebody came who has not the right to
    YIELD = "yield"


def judge_claim(standing: Claim | None, *, known: bool, established: bool) -> ClaimVerdict:
    """
    Judge the claim that stands. `known` says that it is of our own database: this worker's or another
    of the same installation. `established` says that nobody objected to ours, or that a person chose us.
    """
    if standing is None:
        return ClaimVerdict.WRITE
    if known:
        return ClaimVerdict.OURS
    if established and standing.kind is ClaimKind.CLAIM:
        return ClaimVerdict.WRITE
    return ClaimVerdict.YIELD


def describe_other(standing: StandingClaim, account: str) -> str:
    """Return the sentence of a worker that stops, because another engine has the channels."""
    where = f"ledger {standing.since_ledger}, in the data of the fee account {account}"
    if standing.claim is not None and standing.claim.kind is ClaimKind.TAKE_OVER:
        return (
            f"another engine took these channel accounts over by a person's word (--take-over, {where}), so this one "
            "signs nothing any more; leave it off, or stop the other and start this one with --take-over"
        )
    return (
        f"another engine works with these channel accounts ({where}): this database is a copy, or an old one, and "
        "nothing is signed; leave this worker off, or stop the other engine for good and start this one with "
        "--take-over"
    )
