"""A break is closed by an entry that balances and leaves the treasury as the chain has it."""

import pytest

from domain.accounting.breaks import (
    SUSPENSE,
    Break,
    BreakKind,
    MoneyMoved,
    make_adjustment,
)
from domain.settlement.payments import Treasury

FOUND = Break(BreakKind.AMOUNT_DIFFERS, "transfer/1", "said for people", treasury=Treasury.BOND)
BOND, POOL, RIGHT = "treasury:bond", "treasury:pool", "payable:GRIGHT"


def sent(stroops: int, payee: str = "GRIGHT", treasury: str = "bond") -> MoneyMoved:
    return MoneyMoved(treasury, payee, stroops)


@pytest.mark.parametrize(
    ("booked", "moved", "wanted"),
    [
        ([], sent(30), {BOND: -30, SUSPENSE: 30}),
        ([sent(100)], sent(101), {BOND: -1, SUSPENSE: 1}),
        ([sent(101)], sent(100), {BOND: 1, SUSPENSE: -1}),
        ([sent(100)], None, {BOND: 100, SUSPENSE: -100}),
        # Who was not paid is owed again, and all that was sent is in suspense.
        ([sent(100)], sent(90, "GWRONG"), {BOND: 10, RIGHT: -100, SUSPENSE: 90}),
        ([sent(100)], sent(100, "GWRONG"), {RIGHT: -100, SUSPENSE: 100}),
        # The other treasury paid.
        ([sent(100)], sent(100, treasury="pool"), {BOND: 100, POOL: -100}),
    ],
)
def test_the_difference_between_entries_and_chain_goes_to_suspense(
    booked: list[MoneyMoved], moved: MoneyMoved | None, wanted: dict[str, int]
) -> None:
    entry = make_adjustment(FOUND, booked, moved)
    assert entry is not None
    assert {posting.account: posting.amount_stroops for posting in entry.postings} == wanted


def test_no_difference_makes_no_adjustment() -> None:
    assert make_adjustment(FOUND, [sent(5)], sent(5)) is None
    assert make_adjustment(FOUND, [sent(2), sent(3)], sent(5)) is None
    assert make_adjustment(Break(BreakKind.HISTORY_GAP, "ledgers/1-2", "lost"), [], None) is None


def test_a_break_found_again_has_the_same_id() -> None:
    again = Break(FOUND.kind, FOUND.subject, "said otherwise", chain_stroops=31)
    assert FOUND.id == again.id
    assert FOUND.id != Break(BreakKind.DUPLICATE, FOUND.subject, FOUND.detail).id
