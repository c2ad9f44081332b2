"""Comparing journal and chain: what is a break, what is none yet, and where reading resumes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.accounting.breaks import BreakKind
from domain.accounting.reconciliation import (
    GRACE_LEDGERS,
    ChainSide,
    ChainTransfer,
    Extent,
    Gap,
    JournalSide,
    Start,
    Suspect,
    classify_suspect,
    find_start,
)

LEDGER = 1000
SEEN = ChainTransfer(
    *("0004294967296-0000000000", "transfer", "aa", LEDGER, datetime(2026, 2, 1, tzinfo=UTC)),
    *("GBOND", "GPAYEE", 7, 500),
)
CHAIN = ChainSide(SEEN, 1, "pay_7", True)
JOURNAL = JournalSide(7, "aa", "pay_7", 500, 500, "GBOND", "GBOND", "GPAYEE")


def find_kind(journal: JournalSide | None, chain: ChainSide | None) -> BreakKind | None:
    found = classify_suspect(Suspect(journal, chain), LEDGER)
    return None if found is None else found.kind


def test_equal_payment_and_transfer_are_no_break() -> None:
    assert find_kind(JOURNAL, CHAIN) is None


def test_a_payment_without_a_transfer_is_missing_on_chain() -> None:
    assert find_kind(JOURNAL, None) is BreakKind.MISSING_ON_CHAIN


@pytest.mark.parametrize(
    ("age", "ours", "wanted"),
    [
        (0, True, None),
        (GRACE_LEDGERS - 1, True, None),
        (GRACE_LEDGERS, True, BreakKind.MISSING_IN_JOURNAL),
        (0, False, BreakKind.MISSING_IN_JOURNAL),
    ],
)
def test_only_our_own_envelopes_get_time_to_be_posted(
    age: int, ours: bool, wanted: BreakKind | None
) -> None:
    seen = replace(SEEN, ledger=LEDGER - age)
    assert find_kind(None, replace(CHAIN, transfer=seen, ours=ours)) is wanted


@pytest.mark.parametrize(
    "journal",
    [
        replace(JOURNAL, amount_stroops=501),
        replace(JOURNAL, allocations_stroops=499),
        replace(JOURNAL, to_address="GOTHER"),
        replace(JOURNAL, from_address="GOTHER"),
    ],
)
def test_amount_allocations_payee_and_payer_must_match(journal: JournalSide) -> None:
    assert find_kind(journal, CHAIN) is BreakKind.AMOUNT_DIFFERS


def test_a_payment_to_another_payee_leaves_the_payee_owed() -> None:
    found = classify_suspect(Suspect(replace(JOURNAL, to_address="GRIGHT"), CHAIN), LEDGER)
    assert found is not None
    assert found.owed_to == "GRIGHT"


@pytest.mark.parametrize(
    ("journal", "chain", "unexplained"),
    [
        (JOURNAL, replace(CHAIN, nth=2), True),
        (None, replace(CHAIN, payment_id=None), True),
        (None, replace(CHAIN, ours=False), True),
        (None, replace(CHAIN, transfer=replace(SEEN, ledger=LEDGER - GRACE_LEDGERS)), False),
        (replace(JOURNAL, amount_stroops=501), CHAIN, False),
        (replace(JOURNAL, amount_stroops=499), CHAIN, True),
        (JOURNAL, None, False),
    ],
)
def test_a_transfer_the_engine_did_not_sign_is_unexpected(
    journal: JournalSide | None, chain: ChainSide | None, unexplained: bool
) -> None:
    found = classify_suspect(Suspect(journal, chain), LEDGER)
    assert found is not None
    assert found.unexplained is unexplained


def test_a_second_transfer_of_a_number_or_payment_is_a_duplicate_at_once() -> None:
    assert find_kind(None, replace(CHAIN, nth=2)) is BreakKind.DUPLICATE
    assert find_kind(None, replace(CHAIN, paid_otherwise=True)) is BreakKind.DUPLICATE


@pytest.mark.parametrize(
    ("seen", "payment_id"),
    [
        (replace(SEEN, number=None), None),
        (replace(SEEN, number=2**64 - 1), None),
        (replace(SEEN, kind="burn", to_address=None, number=None), None),
        (replace(SEEN, kind="clawback", to_address=None), "pay_7"),
    ],
)
def test_a_transfer_without_a_payment_number_is_an_unexpected_outflow(
    seen: ChainTransfer, payment_id: str | None
) -> None:
    chain = replace(CHAIN, transfer=seen, payment_id=payment_id)
    assert find_kind(None, chain) is BreakKind.UNEXPECTED_OUTFLOW


@pytest.mark.parametrize(
    ("read", "posted", "oldest", "wanted"),
    [
        (None, None, 1, Start(1, None)),
        (None, None, 500, Start(500, None)),
        (None, 600, 500, Start(500, None)),
        (None, 400, 500, Start(500, Gap(400, 499))),
        (700, 400, 500, Start(701, None)),
        (499, 400, 500, Start(500, None)),
        (498, 400, 500, Start(500, Gap(499, 499))),
        (100, 100, 500, Start(500, Gap(101, 499))),
    ],
)
def test_reading_resumes_at_the_cursor_and_reports_gaps(
    read: int | None, posted: int | None, oldest: int, wanted: Start
) -> None:
    assert find_start(read, posted, Extent(oldest, 900)) == wanted
