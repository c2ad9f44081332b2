"""
Waiting for a channel: payments farther back ask later, and no channel stays free for long. And whose the
channels are: of two engines, the one that came later without a person's word stops.
"""

from datetime import UTC, datetime

import pytest

from domain.settlement.channels import (
    LOOK_AFTER_SECONDS,
    LOOK_WITHIN_SECONDS,
    Claim,
    ClaimKind,
    ClaimTimes,
    ClaimVerdict,
    QueuePosition,
    StandingClaim,
    describe_other,
    find_missing,
    judge_claim,
)

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead", "channels", "seconds"),
    [
        (0, 40, LOOK_AFTER_SECONDS),
        (39, 40, LOOK_AFTER_SECONDS),
        (400, 40, 10),
        (400, 10, 40),
        (100_000, 40, LOOK_WITHIN_SECONDS),
        (0, 0, LOOK_WITHIN_SECONDS),
    ],
)
def test_a_payment_farther_back_in_the_queue_asks_later(
    ahead: int, channels: int, seconds: float
) -> None:
    assert (QueuePosition(ahead, channels).next_check(NOW) - NOW).total_seconds() == seconds


def test_missing_channels_keep_their_order() -> None:
    assert find_missing(["a", "b", "c"], ["b"]) == ["a", "c"]


TOKEN = bytes(range(32))


@pytest.mark.parametrize("kind", list(ClaimKind))
def test_a_claim_is_read_as_it_was_written(kind: ClaimKind) -> None:
    assert Claim.parse(Claim(TOKEN, kind).to_bytes()) == Claim(TOKEN, kind)


@pytest.mark.parametrize("value", [b"", TOKEN, TOKEN + b"\x09", TOKEN + b"\x00\x00"])
def test_what_another_version_wrote_is_somebody_elses_claim(value: bytes) -> None:
    assert Claim.parse(value) == Claim(value, ClaimKind.CLAIM)


@pytest.mark.parametrize("established", [True, False])
@pytest.mark.parametrize("kind", list(ClaimKind))
def test_a_claim_of_the_same_database_is_ours(kind: ClaimKind, established: bool) -> None:
    verdict = judge_claim(Claim(TOKEN, kind), known=True, established=established)
    assert verdict is ClaimVerdict.OURS


@pytest.mark.parametrize(
    ("standing", "established", "verdict"),
    [
        (ClaimKind.CLAIM, True, ClaimVerdict.WRITE),
        (ClaimKind.CLAIM, False, ClaimVerdict.YIELD),
        (ClaimKind.OBJECTION, True, ClaimVerdict.YIELD),
        (ClaimKind.OBJECTION, False, ClaimVerdict.YIELD),
        (ClaimKind.TAKE_OVER, True, ClaimVerdict.YIELD),
        (ClaimKind.TAKE_OVER, False, ClaimVerdict.YIELD),
    ],
)
def test_of_two_engines_one_yields(
    standing: ClaimKind, established: bool, verdict: ClaimVerdict
) -> None:
    assert judge_claim(Claim(TOKEN, standing), known=False, established=established) is verdict


def test_a_claim_that_is_gone_is_written_again() -> None:
    assert judge_claim(None, known=False, established=True) is ClaimVerdict.WRITE


@pytest.mark.parametrize("check", [0.1, 5, 60])
def test_whoever_waits_waits_longer_than_the_other_may_sign(check: float) -> None:
    times = ClaimTimes(check)
    assert times.check_seconds < times.fresh_seconds < times.probation_seconds


def test_the_sentence_says_what_to_do() -> None:
    standing = StandingClaim(90, 7, Claim(TOKEN), 81)
    said = describe_other(standing, "GFEES")
    assert "ledger 81" in said
    assert "GFEES" in said
    assert "--take-over" in said
    taken = StandingClaim(90, 7, Claim(TOKEN, ClaimKind.TAKE_OVER), 81)
    assert "by a person's word" in describe_other(taken, "GFEES")
