"""A channel is released only when nothing of what it served can move money: every case of the rule."""

from dataclasses import replace

import pytest

from domain.accounting.channel_releases import (
    OutcomeKind,
    QuarantineOutcome,
    ReleaseRefusal,
    decide_release,
    refuse_moved,
    refuse_unexpired,
)
from domain.settlement.attempts import Attempt
from domain.settlement.channels import ChainCoverage, ObservedTransfer, QuarantinedAttempt

ATTEMPT = Attempt("pay_1", 1, "GCHANNEL", 7, 100, "aa", "AAAA", resumed=False)
QUARANTINED = QuarantinedAttempt(ATTEMPT, ["aa"], ["bb", "cc"], [], ["pay_1"])
UNREAD = ChainCoverage(40, 99, complete=False, read_to=60, trace=None)
READ = replace(UNREAD, complete=True, read_to=120)
OURS = ObservedTransfer("dd", 55, ours=True)
FORGOTTEN = QuarantineOutcome(OutcomeKind.FORGOTTEN, "no node remembers what used it")
UNKNOWN = QuarantineOutcome(OutcomeKind.UNKNOWN, "transaction ee used its sequence")
DEAD = QuarantineOutcome(OutcomeKind.DEAD)
FAILED = QuarantineOutcome(OutcomeKind.WITHOUT_EFFECT, hash="aa", ledger=50)
PAID = QuarantineOutcome(OutcomeKind.PAID, hash="aa", ledger=50)


def decide(
    outcome: QuarantineOutcome, coverage: ChainCoverage = UNREAD, evidence: str = ""
) -> str | ReleaseRefusal:
    return decide_release(QUARANTINED, outcome, coverage, evidence)


@pytest.mark.parametrize(("consumed", "past"), [(True, False), (False, True), (True, True)])
def test_what_is_consumed_or_past_is_not_waited_for(consumed: bool, past: bool) -> None:
    assert refuse_unexpired(ATTEMPT, 99, consumed=consumed, past=past) == ""


def test_bytes_that_may_still_land_are_waited_for() -> None:
    assert refuse_unexpired(ATTEMPT, 99, consumed=False, past=False) == (
        "the money may still move until ledger 100, and the network is at 99; wait, and look again"
    )


@pytest.mark.parametrize(
    ("outcome", "proof"),
    [
        (DEAD, "its signed bytes can never land"),
        (FAILED, "transaction aa of ledger 50 had no effect"),
        (UNKNOWN, "transaction ee used its sequence"),
    ],
)
def test_what_the_network_proves_needs_nothing_else(outcome: QuarantineOutcome, proof: str) -> None:
    assert decide(outcome) == proof


@pytest.mark.parametrize("coverage", [UNREAD, READ, replace(READ, trace=OURS)])
def test_a_payment_that_the_network_shows_paid_is_confirmed_first(coverage: ChainCoverage) -> None:
    found = decide(PAID, coverage, "somebody saw nothing")
    assert found == ReleaseRefusal("the money moved, in transaction aa of ledger 50", paid=True)


@pytest.mark.parametrize("outcome", [DEAD, FAILED, UNKNOWN, FORGOTTEN])
@pytest.mark.parametrize("ours", [True, False])
def test_money_that_reconciliation_saw_move_refuses_whatever_else_is_said(
    outcome: QuarantineOutcome, ours: bool
) -> None:
    """By bytes of the attempt it is confirmed; by others a person looks at the break."""
    seen = replace(READ, trace=replace(OURS, ours=ours))
    found = decide(outcome, seen, "somebody saw nothing")
    assert isinstance(found, ReleaseRefusal)
    assert found == refuse_moved(seen)
    assert found.paid is ours
    assert "in transaction dd of ledger 55" in found.sentence
    assert ("by other bytes than its own" in found.sentence) is not ours


def test_a_record_without_a_trace_refuses_nothing() -> None:
    assert refuse_moved(READ) is None


def test_what_is_forgotten_is_released_by_a_complete_record() -> None:
    assert decide(FORGOTTEN, READ, "somebody saw nothing") == (
        "no node remembers what used it; reconciliation has read ledgers 40 to 99 without a gap, "
        "and the money did not move there"
    )


def test_what_is_forgotten_is_released_by_what_was_seen_elsewhere() -> None:
    assert decide(FORGOTTEN, UNREAD, "the archive has none") == (
        "no node remembers what used it; what was seen elsewhere of ledgers 40 to 99: "
        "the archive has none"
    )


def test_what_is_forgotten_by_everybody_is_not_released() -> None:
    found = decide(FORGOTTEN)
    assert isinstance(found, ReleaseRefusal)
    assert not found.paid
    for part in ("ledgers 40 to 99", "at ledger 60", "bb, cc", "--evidence"):
        assert part in found.sentence
