"""
An attempt at a payment: one (channel, sequence) and the bytes signed for it.

The exactly-once token is that pair. A payment keeps it until the network has consumed the
sequence, so any number of sends can move the money at most once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.payments import Payment, Receipt


class AttemptStatus(StrEnum):
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Signed bytes, base64 XDR. The hash is known before anything is sent."""

    hash: str
    xdr: str
    fee_stroops: int
    max_ledger: int


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
class Preparation:
    """
    Signed and stored bytes; or the obstacle that must go before any can be signed; or, when the
    payment was made before and only the memory of it was lost, the receipt. With `again_at` the
    obstacle is a limit, which is worth another look by then.
    """

    attempt: Attempt | None
    obstacle: str = ""
    receipt: Receipt | None = None
    again_at: datetime | None = None
