"""
From payments to transfers: what is owed between the same two accounts may go as one.

Only debts in the same direction are put together: what we sign for is paid in full, and a set-off
against what others owe us is theirs to agree to.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from domain.money import STROOPS_MAX
from domain.settlement.allocations import Allocation, Transfer, make_single_transfer
from domain.settlement.payments import Payment


def net_payments(payments: Iterable[Payment]) -> list[Transfer]:
    """
    Put together what goes from the same account to the same account; in order of number.

    What no longer fits into one balance (2**63 - 1 stroops) starts another transfer.
    """
    open_: dict[tuple[str, str], Transfer] = {}
    full: list[Transfer] = []
    for payment in sorted(payments, key=lambda payment: payment.number):
        pair = (payment.from_address, payment.to_address)
        transfer = open_.get(pair)
        if transfer is None or transfer.amount_stroops > STROOPS_MAX - payment.amount_stroops:
            if transfer is not None:
                full.append(transfer)
            open_[pair] = make_single_transfer(payment)
            continue
        open_[pair] = replace(
            transfer,
            amount_stroops=transfer.amount_stroops + payment.amount_stroops,
            allocations=(*transfer.allocations, Allocation(payment.id, payment.amount_stroops)),
        )
    return sorted([*full, *open_.values()], key=lambda transfer: transfer.number)


def transfer_each(payments: Sequence[Payment]) -> list[Transfer]:
    """Each payment by itself, in order of number."""
    return [
        make_single_transfer(payment)
        for payment in sorted(payments, key=lambda payment: payment.number)
    ]
