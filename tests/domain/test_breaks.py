"""A break is closed by an entry that balances and leaves the treasury as the chain has it."""

import pytest

from domain.breaks import SUSPENSE, Break, BreakKind, closing_entry
from domain.payments import Treasury


def found(kind: BreakKind, book: int, chain: int, owed_to: str | None = None) -> Break:
    return Break(
        kind,
        "transfer/1",
        "said for people",
        treasury=Treasury.BOND,
        book_stroops=book,
        chain_stroops=chain,
        owed_to=owed_to,
    )


@pytest.mark.parametrize(
    ("kind", "book", "chain"),
    [
        (BreakKind.ORPHAN, 0, 30),
        (BreakKind.DUPLICATE, 0, 7),
        (BreakKind.MISSING_IN_BOOK, 0, 100),
        (BreakKind.AMOUNT_DIFFERS, 100, 101),
        (BreakKind.AMOUNT_DIFFERS, 101, 100),
        (BreakKind.MISSING_ON_CHAIN, 100, 0),
    ],
)
def test_the_difference_goes_from_the_treasury_to_suspense(
    kind: BreakKind, book: int, chain: int
) -> None:
    entry = closing_entry(found(kind, book, chain))
    assert entry is not None
    booked = {posting.account: posting.amount_stroops for posting in entry.postings}
    assert booked == {"treasury:bond": book - chain, SUSPENSE: chain - book}


def test_who_was_not_paid_is_owed_again() -> None:
    entry = closing_entry(found(BreakKind.AMOUNT_DIFFERS, 100, 90, owed_to="GRIGHT"))
    assert entry is not None
    booked = {posting.account: posting.amount_stroops for posting in entry.postings}
    assert booked == {"treasury:bond": 10, "payable:GRIGHT": -100, SUSPENSE: 90}
    assert sum(booked.values()) == 0


def test_where_nothing_differs_there_is_nothing_to_book() -> None:
    assert closing_entry(found(BreakKind.AMOUNT_DIFFERS, 5, 5)) is None
    assert closing_entry(Break(BreakKind.HISTORY_GAP, "ledgers/1-2", "lost")) is None


def test_a_break_has_one_id_however_often_it_is_found() -> None:
    first, again = found(BreakKind.ORPHAN, 0, 30), found(BreakKind.ORPHAN, 0, 31)
    assert first.id == again.id
    assert first.id != found(BreakKind.DUPLICATE, 0, 30).id
