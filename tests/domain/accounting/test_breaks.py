"""A break is closed by an entry that balances and leaves the treasury as the chain has it."""

import pytest

from domain.accounting.breaks import (
    SUSPENSE,
    Break,
    BreakKind,
    MoneyMoved,
    make_adjustment,
)

FOUND = Break(BreakKind.AMOUNT_DIFFERS, "transfer/1", "said for people", treasury="GBOND")
BOND, POOL, RIGHT = "treasury:GBOND", "treasury:GPOOL", "payable:GRIGHT"


def make_sent(stroops: int, payee: str = "GRIGHT", treasury: str = "GBOND") -> MoneyMoved:
    return MoneyMoved(treasury, payee, stroops)


@pytest.mark.parametrize(
    ("posted", "moved", "wanted"),
    [
        ([], make_sent(30), {BOND: -30, SUSPENSE: 30}),
        ([make_sent(100)], make_sent(101), {BOND: -1, SUSPENSE: 1}),
        ([make_sent(101)], make_sent(100), {BOND: 1, SUSPENSE: -1}),
        ([make_sent(100)], None, {BOND: 100, SUSPENSE: -100}),
        # Who was not paid is owed again, and all that was sent is in suspense.
        ([make_sent(100)], make_sent(90, "GWRONG"), {BOND: 10, RIGHT: -100, SUSPENSE: 90}),
        ([make_sent(100)], make_sent(100, "GWRONG"), {RIGHT: -100, SUSPENSE: 100}),
        # The other treasury paid.
        ([make_sent(100)], make_sent(100, treasury="GPOOL"), {BOND: 100, POOL: -100}),
    ],
)
def test_the_difference_between_entries_and_chain_goes_to_suspense(
    posted: list[MoneyMoved], moved: MoneyMoved | None, wanted: dict[str, int]
) -> None:
    entry = make_adjustment(FOUND, posted, moved)
    assert entry is not None
    assert {posting.account: posting.amount_stroops for posting in entry.postings} == wanted


def test_no_difference_makes_no_adjustment() -> None:
    assert make_adjustment(FOUND, [make_sent(5)], make_sent(5)) is None
    assert make_adjustment(FOUND, [make_sent(2), make_sent(3)], make_sent(5)) is None
    assert make_adjustment(Break(BreakKind.HISTORY_GAP, "ledgers/1-2", "lost"), [], None) is None


def test_a_break_found_again_has_the_same_id() -> None:
    again = Break(FOUND.kind, FOUND.subject, "said otherwise", chain_stroops=31)
    assert FOUND.id == again.id
    assert FOUND.id != Break(BreakKind.DUPLICATE, FOUND.subject, FOUND.detail).id
