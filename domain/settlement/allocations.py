"""
What a payment has to do with a transfer on the chain: its allocation of it.

A transfer moves a sum; every payment that rides in it can be proven by its allocation.
"""

from dataclasses import dataclass

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
    or the lowest among those netted.
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
    """A payment as a transfer of its own."""
    return Transfer(
        payment.number,
        payment.payer,
        payment.from_address,
        payment.to_address,
        payment.amount_stroops,
        (Allocation(payment.id, payment.amount_stroops),),
    )
