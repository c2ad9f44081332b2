"""
Attestations: the SLA contract confirms a verdict, and nothing is paid before it has.

    pending -> attested
        \\-> halted -> attested      a person resolves the difference, and has it asked again

The contract is asked with a signed call. All calls write the contract's one entry and are signed
by one operator, so at most one of them is open at a time.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from domain.digests import compute_fingerprint
from domain.sla.verdicts import (
    Severity,
    Terms,
)

RETENTION_MAX = 150  # results the contract may keep before its entry is near its size limit


class AttestationStatus(StrEnum):
    PENDING = "pending"
    HALTED = "halted"
    ATTESTED = "attested"


TRANSITIONS: Mapping[AttestationStatus, frozenset[AttestationStatus]] = {
    # the contract agrees; or it differs, or refuses
    AttestationStatus.PENDING: frozenset({AttestationStatus.ATTESTED, AttestationStatus.HALTED}),
    # asked again after a correction, it agrees
    AttestationStatus.HALTED: frozenset({AttestationStatus.ATTESTED}),
    AttestationStatus.ATTESTED: frozenset(),
}


class CallStatus(StrEnum):
    """What is proven of one signed call."""

    OPEN = "open"  # nothing yet: the same bytes may still land
    ANSWERED = "answered"  # in a ledger, with an answer; or with one that cannot be read
    REJECTED = "rejected"  # answered, but not as the verdict says, or not in a known form
    FAILED = "failed"  # in a ledger without effect
    EXPIRED = "expired"  # can never land: its sequence is still free
    LOST = "lost"  # its sequence was consumed, and the node cannot say by what


CALL_TRANSITIONS: Mapping[CallStatus, frozenset[CallStatus]] = {
    CallStatus.OPEN: frozenset(
        {CallStatus.ANSWERED, CallStatus.FAILED, CallStatus.EXPIRED, CallStatus.LOST}
    ),
    # compared with the verdict, it does not agree
    CallStatus.ANSWERED: frozenset({CallStatus.REJECTED}),
    CallStatus.REJECTED: frozenset(),
    CallStatus.FAILED: frozenset(),
    CallStatus.EXPIRED: frozenset(),
    CallStatus.LOST: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Attestation:
    """Which revision of which outage's verdict the contract is to confirm."""

    outage_id: str
    revision: int


@dataclass(frozen=True, slots=True)
class ContractResult:
    """What the contract returned, in its own symbols; `amount` is in whole units."""

    outage_id: str
    status: str
    mttr_minutes: int
    threshold_minutes: int
    amount: int
    payment_type: str
    rating: str
    config_version_hash: int
    recorded_at: int

    def json(self) -> dict[str, Any]:
        """Return plain JSON; numbers that JSON readers would round are text."""
        wide = {"amount": str(self.amount), "config_version_hash": str(self.config_version_hash)}
        return asdict(self) | wide


@dataclass(frozen=True, slots=True)
class Call:
    """One signed call; resent as it is, never rebuilt."""

    outage_id: str
    revision: int
    n: int
    source: str
    sequence: int
    max_ledger: int
    hash: str
    envelope_xdr: str


@dataclass(frozen=True, slots=True)
class SignedCall:
    """Bytes just signed, and the contract's whole config as it was then."""

    contract: str
    source: str
    sequence: int
    max_ledger: int
    hash: str
    envelope_xdr: str
    config: dict[Severity, Terms]


@dataclass(frozen=True, slots=True)
class CallOutcome:
    status: CallStatus
    ledger: int = 0
    contract_result: ContractResult | None = None
    # True when the contract calculated anew, False when it returned a stored result.
    fresh: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call on record: which contract was asked, by which bytes, and what is proven of it."""

    hash: str
    contract_id: str
    config_snapshot: dict[str, Any]
    outcome: CallOutcome


@dataclass(frozen=True, slots=True)
class AttestationRecord:
    """
    An attestation as it stands, with the contract's answer once there is one. `config_hash` is the
    contract's, of the terms in `config_snapshot`.
    """

    status: AttestationStatus
    problem: str | None
    symbol: str
    contract_id: str | None
    transaction_hash: str | None
    ledger: int | None
    config_hash: int | None
    config_snapshot: Mapping[str, Any] | None
    fresh: bool | None
    attested_at: datetime | None


# What preparing a call can come to; `kind` tells them apart again after they have been JSON.
@dataclass(frozen=True, slots=True)
class OwnCall:
    """The attestation's own call is signed and stored: see it through."""

    call: Call
    kind: Literal["own"] = "own"


@dataclass(frozen=True, slots=True)
class OtherCall:
    """The call of another attestation is in the way: see it through first."""

    call: Call
    kind: Literal["other"] = "other"


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """The contract has answered the attestation's own call: there is nothing to ask."""

    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class CallRefused:
    """The contract would refuse the call, and `problem` says why."""

    problem: str
    kind: Literal["refused"] = "refused"


OpenCall = OwnCall | OtherCall
PrepareCallResult = OwnCall | OtherCall | CallAnswered | CallRefused


@dataclass(frozen=True, slots=True)
class ConcludeAttestationInput:
    attestation: Attestation
    problem: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Attested:
    """The contract has confirmed the verdict."""

    transaction_hash: str
    kind: Literal["attested"] = "attested"


@dataclass(frozen=True, slots=True)
class Halted:
    """The contract differs or refuses, and `problem` says how: nothing is paid."""

    problem: str
    kind: Literal["halted"] = "halted"


ConcludeAttestationResult = Attested | Halted


def make_symbol(outage_id: str, revision: int) -> str:
    """Name a verdict as the contract can: 32 characters, each a letter or a digit."""
    return "o" + compute_fingerprint({"outage_id": outage_id, "revision": revision})[:31]
