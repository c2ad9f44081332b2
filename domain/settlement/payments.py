"""
A payment owed because of an outage.

    reserved -> prepared -> submitted -> confirmed
        \\-> held (a limit)            \\-> parked (waits for a person or for the payee)

The exactly-once token is (channel, sequence): one payment keeps its pair until the network has
consumed that sequence, so any number of sends can move the money at most once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.digests import derive_id
from domain.reasons import Reason
from domain.sla.policies import Agreement
from domain.sla.verdicts import PaymentType, Verdict, compute_payable


class PaymentStatus(StrEnum):
    PENDING = "pending"
    PREPARED = "prepared"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    ON_HOLD = "on_hold"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"


TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    # bytes signed and stored; or a limit stops it; or the payee cannot be paid as things stand; or
    # a transfer made out of band is adopted
    PaymentStatus.PENDING: frozenset(
        {
            PaymentStatus.PREPARED,
            PaymentStatus.ON_HOLD,
            PaymentStatus.BLOCKED,
            PaymentStatus.CONFIRMED,
        }
    ),
    # the limit lets it pass; or its own bytes, which one node called dead, are in a ledger after all;
    # or a foreign sequence where they died; or a transfer made out of band is adopted
    PaymentStatus.ON_HOLD: frozenset(
        {
            PaymentStatus.PREPARED,
            PaymentStatus.SUBMITTED,
            PaymentStatus.BLOCKED,
            PaymentStatus.QUARANTINED,
            PaymentStatus.CONFIRMED,
        }
    ),
    # the first of the stored bytes left the process; or a foreign sequence before they could; or
    # they died unsent, and none can be signed in their place
    PaymentStatus.PREPARED: frozenset(
        {
            PaymentStatus.SUBMITTED,
            PaymentStatus.ON_HOLD,
            PaymentStatus.BLOCKED,
            PaymentStatus.QUARANTINED,
        }
    ),
    # in a ledger; or failed there and must be tried anew; or a foreign sequence; or they died
    # unused, and none can be signed in their place
    PaymentStatus.SUBMITTED: frozenset(
        {
            PaymentStatus.CONFIRMED,
            PaymentStatus.PENDING,
            PaymentStatus.ON_HOLD,
            PaymentStatus.BLOCKED,
            PaymentStatus.QUARANTINED,
        }
    ),
    PaymentStatus.CONFIRMED: frozenset(),
    # the reason is gone; a limit may stop it now; or as what is held
    PaymentStatus.BLOCKED: frozenset(
        {
            PaymentStatus.PREPARED,
            PaymentStatus.SUBMITTED,
            PaymentStatus.ON_HOLD,
            PaymentStatus.QUARANTINED,
            PaymentStatus.CONFIRMED,
        }
    ),
    # looked at again, our own bytes are found in a ledger after all; or a person has released it,
    # when it is proven that they never can be
    PaymentStatus.QUARANTINED: frozenset({PaymentStatus.CONFIRMED, PaymentStatus.PENDING}),
}
# Whose own bytes may be in a ledger. The other ways to confirmed are of manual_matches alone.
SENT = frozenset({PaymentStatus.SUBMITTED, PaymentStatus.QUARANTINED})
# Those that wait, and so have a reason.
STOPPED = frozenset({PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED, PaymentStatus.QUARANTINED})


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
class BlockPaymentInput:
    """
    Why a payment waits, and since when: parked for somebody to act, or held by a limit. With
    `dead_after` it rides with bytes that are proven dead, for that was their last ledger.
    """

    payment: Payment
    reason: Reason
    at: datetime
    status: PaymentStatus = PaymentStatus.BLOCKED
    dead_after: int | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    payment_id: str
    transaction_hash: str
    ledger: int
    amount_stroops: int
    confirmed_at: datetime
    deliveries: list[str]


@dataclass(frozen=True, slots=True)
class OwePaymentInput:
    """Ask for the payment that the latest revision of a verdict owes."""

    outage_id: str
    revision: int
    at: datetime


@dataclass(frozen=True, slots=True)
class CloseOutageInput:
    """The last step of an outage: its payment is on the chain."""

    outage_id: str
    receipt: Receipt
    correlation_id: str
    at: datetime


def derive_payment_id(network: str, agreement: str, outage_id: str, revision: int) -> str:
    """One payment per network, agreement, outage and revision of its verdict, for ever."""
    return derive_id("pay", network, agreement, outage_id, str(revision))


def make_payment(
    network: str,
    agreement: Agreement,
    outage_id: str,
    revision: int,
    verdict: Verdict,
    correlation_id: str,
) -> Payment:
    """
    Say what a verdict owes: a penalty goes from the bond to the beneficiary, a reward from the
    sponsor pool to the provider. The number is 0 until the database has given one.
    """
    penalty = verdict.payment_type is PaymentType.PENALTY
    return Payment(
        id=derive_payment_id(network, agreement.name, outage_id, revision),
        number=0,
        outage_id=outage_id,
        revision=revision,
        type=verdict.payment_type,
        amount_stroops=compute_payable(verdict),
        payer=Treasury.BOND if penalty else Treasury.POOL,
        from_address=agreement.bond if penalty else agreement.pool,
        to_address=agreement.beneficiary if penalty else agreement.provider,
        correlation_id=correlation_id,
    )
