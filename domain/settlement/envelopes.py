"""
Envelopes: signed bytes, and the fee that is bid for their place in a ledger.

Each transaction travels inside a fee bump, paid by an account that does nothing else. When the
network is busy the bid is raised around the same inner transaction: nothing that moves money is
ever signed again for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.reasons import ReasonCode

# Stroops of XLM per operation; what is paid is the market's price, not the bid.
FIRST_BID = 1_000
# The network lets a higher bid replace a queued one only from ten times its rate.
RAISE_FACTOR = 10
# A queue forgets a transaction after four ledgers: not seen by then, it was outbid or lost.
LEDGERS_TO_A_RAISE = 5
# The result code by which the network says so.
OUTBID = "txINSUFFICIENT_FEE"


@dataclass(frozen=True, slots=True)
class Envelope:
    """
    Signed bytes, base64 XDR: a fee bump and the transaction inside it, each with a hash that is
    known before anything is sent. `fee_stroops` of XLM is the most that all of it may cost.
    """

    hash: str
    xdr: str
    fee_stroops: int
    max_ledger: int
    inner_hash: str
    # Why they are a no-op transaction; empty for bytes that pay.
    noop_reason: str = ""
    noop_reason_code: ReasonCode | None = None


class SendStatus(StrEnum):
    """The answer to a send, in the network's own codes; the last two are ours."""

    PENDING = "PENDING"
    DUPLICATE = "DUPLICATE"
    TRY_AGAIN_LATER = "TRY_AGAIN_LATER"
    ERROR = "ERROR"
    UNKNOWN = "UNKNOWN"  # nothing was answered that can be read; it may have been taken
    NOT_SENT = "NOT_SENT"  # while the circuit breaker is open


@dataclass(frozen=True, slots=True)
class SendAnswer:
    """
    The answer to a send, which proves nothing. `detail` is the result code of an ERROR, the kind of
    failure of an UNKNOWN, and the sentence on why something was NOT_SENT.
    """

    status: SendStatus
    detail: str = ""

    @property
    def outbid(self) -> bool:
        """Its place in a ledger costs more than was bid."""
        return self.status is SendStatus.ERROR and self.detail == OUTBID

    def __str__(self) -> str:
        if self.status is SendStatus.NOT_SENT:
            return self.detail
        return f"{self.status} {self.detail}".rstrip()


@dataclass(frozen=True, slots=True)
class Bid:
    """What one envelope offers: so much for each paid operation, and for its resources."""

    operations: int  # of the inner transaction; the fee bump counts as one more
    resource_fee_stroops: int
    fee_stroops: int  # in all

    @property
    def rate(self) -> int:
        return (self.fee_stroops - self.resource_fee_stroops) // (self.operations + 1)

    def at(self, rate: int) -> int:
        """Return the whole fee, in stroops, at a rate per operation."""
        return rate * (self.operations + 1) + self.resource_fee_stroops


def compute_first_rate(times_signed: int, bid: Bid, cap_stroops: int) -> int:
    """Return what to bid for new bytes: more than for those that died before them."""
    highest = (cap_stroops - bid.resource_fee_stroops) // (bid.operations + 1)
    return min(FIRST_BID << min(times_signed, 20), highest)


def compute_raised_rate(bid: Bid, cap_stroops: int) -> int | None:
    """
    Return the next higher rate, or None when the cap is reached.

    The last one is the cap itself: it replaces no queued bid, but is the best for one that the
    network has dropped.
    """
    highest = (cap_stroops - bid.resource_fee_stroops) // (bid.operations + 1)
    rate = min(bid.rate * RAISE_FACTOR, highest)
    return rate if rate > bid.rate else None


def infer_raises(bid: Bid) -> int:
    """Return how often a bid was raised, where that was not recorded."""
    rung, rate = 0, FIRST_BID
    while rate < bid.rate:
        rung, rate = rung + 1, rate * RAISE_FACTOR
    return rung


def needs_raise(answers: Sequence[SendAnswer], raises: int, ledgers_since_signed: int) -> bool:
    """
    Return whether the newest bid is too low: the network says so, or has left it out for longer
    than its queue keeps it.
    """
    if any(answer.outbid for answer in answers):
        return True
    return ledgers_since_signed >= LEDGERS_TO_A_RAISE * (raises + 1)
