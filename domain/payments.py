"""
A payment owed because of an outage, and the attempts to make it.

    reserved -> prepared -> submitted -> confirmed
                                     \\-> parked (waits for a person or for the payee)

The exactly-once token is (channel, sequence): one payment keeps its pair until the network has
consumed that sequence, so any number of sends can move the money at most once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.digests import derived_id
from domain.sla import PaymentType


class PaymentStatus(StrEnum):
    PENDING = "pending"
    PREPARED = "prepared"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    PARKED = "parked"
    QUARANTINED = "quarantined"


TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    # bytes signed and stored; or the payee cannot be paid as things stand
    PaymentStatus.PENDING: frozenset({PaymentStatus.PREPARED, PaymentStatus.PARKED}),
    # the first of the stored bytes left the process
    PaymentStatus.PREPARED: frozenset({PaymentStatus.SUBMITTED}),
    # in a ledger; or failed there and must be tried anew, or needs help; or a foreign sequence
    PaymentStatus.SUBMITTED: frozenset(
        {
            PaymentStatus.CONFIRMED,
            PaymentStatus.PENDING,
            PaymentStatus.PARKED,
            PaymentStatus.QUARANTINED,
        }
    ),
    PaymentStatus.CONFIRMED: frozenset(),
    # the reason is gone
    PaymentStatus.PARKED: frozenset({PaymentStatus.PENDING}),
    PaymentStatus.QUARANTINED: frozenset(),
}


class AttemptStatus(StrEnum):
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Treasury(StrEnum):
    """The two accounts this engine signs for."""

    BOND = "bond"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer owed. `number` is its muxed id on the chain: the join between chain and book."""

    id: str
    number: int
    outage_id: str
    revision: int
    type: PaymentType
    amount_stroops: int
    payer: Treasury
    from_address: str
    to_address: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One (channel, sequence) and the bytes signed for it; resent as they are, never rebuilt."""

    payment_id: str
    n: int
    channel: str
    sequence: int
    max_ledger: int
    hash: str
    envelope_xdr: str
    resumed: bool


class Outcome(StrEnum):
    """What the network has shown about an attempt."""

    SUCCEEDED = "succeeded"  # applied, money moved, final
    FAILED_RETRY = "failed_retry"  # in a ledger without effect; a new attempt may work
    FAILED_PARK = "failed_park"  # in a ledger without effect; somebody must change something
    EXPIRED = "expired"  # proven dead: the sequence is free, sign again on the same pair
    OPEN = "open"  # nothing is proven yet
    FOREIGN = "foreign"  # the sequence was consumed by bytes we do not know


@dataclass(frozen=True, slots=True)
class Observation:
    outcome: Outcome
    ledger: int = 0
    closed_at: datetime | None = None
    fee_stroops: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An attempt together with what was seen of it."""

    payment: Payment
    attempt: Attempt
    observation: Observation
    at: datetime


@dataclass(frozen=True, slots=True)
class Parking:
    """Why a payment waits, and since when."""

    payment: Payment
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    payment_id: str
    transaction_hash: str
    ledger: int
    amount_stroops: int
    confirmed_at: datetime
    deliveries: list[str]


def payment_id(network: str, agreement: str, outage_id: str, revision: int) -> str:
    """One payment per network, agreement, outage and revision of its verdict, for ever."""
    return derived_id("pay", network, agreement, outage_id, str(revision))
