"""A dispute gives a reason; a decision corrects the minutes only when it upholds the dispute."""

from datetime import UTC, datetime

import pytest

from domain.errors import Forbidden, Invalid
from domain.requests import Request, make_unverified_request
from domain.sla.disputes import (
    NOTE_MAX,
    REASON_MAX,
    Dispute,
    DisputeDecision,
    DisputeRecord,
    DisputeStatus,
    check_decision,
    check_dispute,
    check_withdrawal,
)

ASKED = Request("ops", "corr")


@pytest.mark.parametrize("reason", ["x", "x" * REASON_MAX])
def test_a_dispute_with_a_reason_is_accepted(reason: str) -> None:
    check_dispute(Dispute("dsp_1", "OUT-1", reason, ASKED))


@pytest.mark.parametrize("reason", ["", "   ", "x" * (REASON_MAX + 1)])
def test_a_missing_or_overlong_reason_is_refused(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_dispute(Dispute("dsp_1", "OUT-1", reason, ASKED))
    assert refusal.value.field == "reason"


@pytest.mark.parametrize(
    "decision",
    [
        DisputeDecision("dsp_1", True, ASKED),
        DisputeDecision("dsp_1", True, ASKED, mttr_minutes=0),
        DisputeDecision("dsp_1", True, ASKED, mttr_minutes=2**32 - 1),
        DisputeDecision("dsp_1", False, ASKED, "x" * NOTE_MAX),
    ],
)
def test_valid_decisions_are_accepted(decision: DisputeDecision) -> None:
    check_decision(decision)


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        (DisputeDecision("dsp_1", True, ASKED, "x" * (NOTE_MAX + 1)), "resolution_note"),
        (DisputeDecision("dsp_1", False, ASKED, mttr_minutes=5), "mttr_minutes"),
    ],
)
def test_invalid_decisions_are_refused(decision: DisputeDecision, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_decision(decision)
    assert refusal.value.field == field


def make_record(filed_by: str, party: str | None) -> DisputeRecord:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    decided = (None, None, None, None, None, None)
    return DisputeRecord(
        "dsp_1", "OUT-1", 1, DisputeStatus.OPEN, "why", filed_by, at, at, *decided, party=party
    )


@pytest.mark.parametrize(
    ("filed_by", "filed_for", "asked", "party", "allowed"),
    [
        ("ops", None, ASKED, None, True),
        ("ada", None, ASKED, None, False),
        ("ada", "acme", ASKED, "acme", True),
        ("ada", "acme", ASKED, "other", False),
        ("ada", "acme", ASKED, None, False),
        ("ada", None, ASKED, "acme", False),
        # By a signal anybody may say which party they are of.
        ("ada", "acme", make_unverified_request("eve", "corr"), "acme", False),
    ],
)
def test_a_dispute_is_withdrawn_by_who_filed_it_or_by_their_party(
    filed_by: str, filed_for: str | None, asked: Request, party: str | None, allowed: bool
) -> None:
    record = make_record(filed_by, filed_for)
    withdrawal = DisputeDecision("dsp_1", False, asked, withdrawn=True, party=party)
    if allowed:
        check_withdrawal(record, withdrawal)
    else:
        with pytest.raises(Forbidden, match="withdrawn only by who filed it"):
            check_withdrawal(record, withdrawal)
