"""
A payment owed because of an outage.

    pending -> prepared -> submitted -> confirmed
        \\-> on hold (a limit)        \\-> blocked (waits for a person or for the payee)
        \\-> voided (never owed; only before anything is signed)
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.digests import canonicalize, derive_id
from domain.errors import Conflict
from domain.reasons import Reason, ReasonCode, Wait
from domain.sla.agreements.agreements import Agreement
from domain.sla.disputes import FileDisputeResult
from domain.sla.outages import Outage, OutageStatus
from domain.sla.verdicts import PaymentType, Verdict, compute_payable


class PaymentStatus(StrEnum):
    PENDING = "pending"
    PREPARED = "prepared"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    ON_HOLD = "on_hold"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    VOIDED = "voided"


TRANSITIONS: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    # bytes signed and stored; or a limit stops it; or the payee cannot be paid as things stand; or
    # a transfer made out of band is matched; or its debt was wrong, and a person voids it
    PaymentStatus.PENDING: frozenset(
        {
            PaymentStatus.PREPARED,
            PaymentStatus.ON_HOLD,
            PaymentStatus.BLOCKED,
            PaymentStatus.CONFIRMED,
            PaymentStatus.VOIDED,
        }
    ),
    # the limit lets it pass, to be signed or into the line; or its own bytes, which one node called dead, are in a
    # ledger after all; or a foreign sequence where they died; or an out-of-band transfer is matched; or voided
    PaymentStatus.ON_HOLD: frozenset(
        {
            PaymentStatus.PENDING,
            PaymentStatus.PREPARED,
            PaymentStatus.SUBMITTED,
            PaymentStatus.BLOCKED,
            PaymentStatus.QUARANTINED,
            PaymentStatus.CONFIRMED,
            PaymentStatus.VOIDED,
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
    # reopened by a person: the transaction that confirmed it is on no chain, and never can be
    PaymentStatus.CONFIRMED: frozenset({PaymentStatus.PENDING}),
    # tried again, it stands in line; or the reason is gone; a limit may stop it now; or as one on hold
    PaymentStatus.BLOCKED: frozenset(
        {
            PaymentStatus.PENDING,
            PaymentStatus.PREPARED,
            PaymentStatus.SUBMITTED,
            PaymentStatus.ON_HOLD,
            PaymentStatus.QUARANTINED,
            PaymentStatus.CONFIRMED,
            PaymentStatus.VOIDED,
        }
    ),
    PaymentStatus.VOIDED: frozenset(),
    # looked at again, our own bytes are found in a ledger after all; or a person has released it,
    # when it is proven that they never can be
    PaymentStatus.QUARANTINED: frozenset({PaymentStatus.CONFIRMED, PaymentStatus.PENDING}),
}
# Moves that only the use case may make that names where they begin: a reopening, and what was stopped and stands in line.
NAMED_MOVES = frozenset(
    (each, PaymentStatus.PENDING)
    for each in (PaymentStatus.CONFIRMED, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED)
)
# Whose own bytes may be in a ledger. The other ways to confirmed are of matches with transfers alone.
SENT = frozenset({PaymentStatus.SUBMITTED, PaymentStatus.QUARANTINED})
# Those that wait, and so have a reason.
STOPPED = frozenset({PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED, PaymentStatus.QUARANTINED})


class Treasury(StrEnum):
    """Which of an agreement's two treasuries pays: its bond a penalty, its pool a reward."""

    BOND = "bond"
    POOL = "pool"


@dataclass(frozen=True, slots=True)
class Payment:
    """One transfer owed. `number` is its muxed id on the chain: the join between chain and journal."""

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

    @property
    def workflow_id(self) -> str:
        return f"payment/{self.outage_id}/{self.revision}"


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A payment as it stands: with a reason where it waits, with its proof once it is confirmed."""

    payment: Payment
    status: PaymentStatus
    asset_code: str
    transaction_hash: str | None
    ledger: int | None
    reason_code: ReasonCode | None
    status_reason: str | None
    created_at: datetime
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BlockPaymentInput:
    """Why a payment waits: blocked, or on hold by a limit; with `dead_after`, a ledger, its bytes died by then."""

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


@dataclass(frozen=True, slots=True)
class JudgeOutageResult:
    """
    A verdict on record, and the payment it will owe. `revision` counts from 1 and grows when a
    dispute changes the verdict; with `attest`, the SLA contract must confirm it before it is paid.
    """

    outage_id: str
    revision: int
    verdict: Verdict
    payment: Payment
    resolved_at: datetime
    dispute_deadline: datetime
    attest: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class OutageState:
    """
    All that the database says of an outage, as a workflow needs it to go on from there. `dispute` is the newest one,
    `decided` whether it is; `stopped` is what its payment waits for, `halted` why the contract denies its verdict.
    """

    outage: Outage
    status: OutageStatus
    version: int
    judgement: JudgeOutageResult | None
    dispute: FileDisputeResult | None
    decided: bool
    stopped: Wait | None = None
    halted: str = ""


@dataclass(frozen=True, slots=True)
class OwePaymentResult:
    payment: Payment
    version: int


@dataclass(frozen=True, slots=True)
class OwePaymentInput:
    """Ask to owe the payment of the newest verdict on an outage, as it came with the judgement."""

    payment: Payment
    at: datetime


@dataclass(frozen=True, slots=True)
class CloseOutageInput:
    """Close an outage: its payment is on the chain."""

    outage_id: str
    receipt: Receipt
    correlation_id: str
    at: datetime


def derive_payment_id(network: str, agreement: str, outage_id: str, revision: int) -> str:
    """Return the id of the one payment of a network, agreement, outage and revision of its verdict."""
    return derive_id("pay", network, agreement, outage_id, str(revision))


def derive_number(passphrase: str, installation: UUID, outage_id: str, revision: int) -> int:
    """
    Return the number of a payment on the chain, from 1 to 2^63 - 1: the upper 63 bits of the SHA-256 of the canonical
    JSON of [passphrase of the network, installation, outage, revision]. It is derived and not counted, because a
    restored database would count anew: what the chain has seen under a number is then of this payment alone.
    """
    return make_number(canonicalize([passphrase, str(installation), outage_id, revision]))


def make_number(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8]) >> 1 or 1


def make_payment(
    network: str,
    agreement: Agreement,
    outage_id: str,
    revision: int,
    verdict: Verdict,
    correlation_id: str,
) -> Payment:
    """
    Return what a verdict owes: a penalty goes from the bond to the beneficiary, a reward from the
    sponsor pool to the provider. The number is 0 until the payment is owed.
    """
    penalty = verdict.payment_type is PaymentType.PENALTY
    from_address, to_address = _find_addresses(verdict.payment_type, agreement)
    return Payment(
        id=derive_payment_id(network, agreement.name, outage_id, revision),
        number=0,
        outage_id=outage_id,
        revision=revision,
        type=verdict.payment_type,
        amount_stroops=compute_payable(verdict),
        payer=Treasury.BOND if penalty else Treasury.POOL,
        from_address=from_address,
        to_address=to_address,
        correlation_id=correlation_id,
    )


def check_payment(payment: Payment, revision: int, verdict: Verdict) -> None:
    """Refuse to owe anything but what the newest verdict on the outage says."""
    if payment.revision != revision:
        raise Conflict(
            f"revision {payment.revision} is not the newest verdict of outage {payment.outage_id!r}"
        )
    if (payment.type, payment.amount_stroops) != (verdict.payment_type, compute_payable(verdict)):
        raise Conflict(
            f"payment {payment.id} is a {payment.type} of {payment.amount_stroops} stroops, and the "
            f"verdict owes a {verdict.payment_type} of {compute_payable(verdict)}"
        )


def redirect(payment: Payment, agreement: Agreement) -> Payment:
    """Return the payment to the address that its payee has by now; the treasury that owes it stays."""
    return replace(payment, to_address=_find_addresses(payment.type, agreement)[1])


def _find_addresses(type_: PaymentType, agreement: Agreement) -> tuple[str, str]:
    if type_ is PaymentType.PENALTY:
        return agreement.bond, agreement.beneficiary
    return agreement.pool, agreement.provider
