"""What goes into one batch: as many operations, and as many signatures, as a transaction takes."""

from domain.settlement.attempts import SettlementRail
from domain.settlement.batches import OPERATIONS_MAX, PAYERS_MAX, Plan
from domain.settlement.payments import Payment, Treasury
from domain.sla.verdicts import PaymentType


def owe(number: int, payer: str, payee: str = "GPAYEE") -> Payment:
    parts = (f"OUT-{number}", 1, PaymentType.PENALTY, 5, Treasury.BOND, payer, payee, "corr")
    return Payment(f"pay_{number}", number, *parts)


def choose(rail: SettlementRail, ready: list[Payment], window: int = 0) -> list[int]:
    return [each.number for each in Plan(rail, window).choose_transfers(ready)]


def test_a_batch_pays_from_no_more_treasuries_than_may_sign_it() -> None:
    many = [owe(n, f"GBOND{n}") for n in range(1, PAYERS_MAX + 5)]
    again = owe(99, "GBOND1")
    # Those that are over wait for the next one; whoever is paid by a treasury that signs anyway does not.
    assert choose(SettlementRail.CLASSIC, [*many, again]) == [*range(1, PAYERS_MAX + 1), 99]
    assert choose(SettlementRail.SOROBAN, [*many, again], 5) == [1]


def test_a_batch_has_no_more_operations_than_a_transaction_takes() -> None:
    ready = [owe(n, "GBOND", f"GPAYEE{n}") for n in range(1, OPERATIONS_MAX + 3)]
    assert choose(SettlementRail.CLASSIC, ready) == [*range(1, OPERATIONS_MAX + 1)]
    netted = [owe(n, f"GBOND{n % 2}") for n in range(4)]
    assert choose(SettlementRail.CLASSIC, netted, 5) == [0, 1]
