"""
Transfers and allocations: which payments a transfer on the chain settles, and with how much of it.

Netting puts together what is owed between the same two accounts, in one direction only: what we sign for
is paid in full, and a set-off against what others owe us is theirs to agree to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.money import STROOPS_MAX
from domain.settlement.payments import Payment, Treasury


@dataclass(frozen=True, slots=True)
class Allocation:
    """One payment's part of a transfer, in stroops."""

    payment_id: str
    amount_stroops: int


@dataclass(frozen=True, slots=True)
class Transfer:
    """
    One movement of the asset on the chain. `number` is its muxed id: that of its only payment,
    or of the first among those netted.
    """

    number: int
    payer: Treasury
    from_address: str
    to_address: str
    amount_stroops: int
    allocations: tuple[Allocation, ...]

    def __post_init__(self) -> None:
        assert (
            sum(allocation.amount_stroops for allocation in self.allocations) == self.amount_stroops
        )


def make_single_transfer(payment: Payment) -> Transfer:
    """Return a payment as a transfer of its own."""
    return Transfer(
        payment.number,
        payment.payer,
        payment.from_address,
        payment.to_address,
        payment.amount_stroops,
        (Allocation(payment.id, payment.amount_stroops),),
    )


def net_payments(payments: Iterable[Payment]) -> list[Transfer]:
    """
    Put together what goes from the same account to the same account; in the order they are given.

    What no longer fits into one balance (2**63 - 1 stroops) starts another transfer.
    """
    netted: list[Transfer] = []
    open_: dict[tuple[str, str], int] = {}  # the place of the transfer that still takes more
    for payment in payments:
        pair = (payment.from_address, payment.to_address)
        place = open_.get(pair)
        if place is None or netted[place].amount_stroops > STROOPS_MAX - payment.amount_stroops:
            open_[pair] = len(netted)
            netted.append(make_single_transfer(payment))
            continue
        transfer = netted[place]
        netted[place] = replace(
            transfer,
            amount_stroops=transfer.amount_stroops + payment.amount_stroops,
            allocations=(*transfer.allocations, Allocation(payment.id, payment.amount_stroops)),
        )
    return netted


def transfer_each(payments: Sequence[Payment]) -> list[Transfer]:
    """Return each payment as a transfer of its own, in the order they are given."""
    return [make_single_transfer(payment) for payment in payments]
