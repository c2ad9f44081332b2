"""A dispute gives a reason; a decision corrects the minutes only when it upholds the dispute."""

import pytest

from domain.errors import Invalid
from domain.requests import Request
from domain.sla.disputes import (
    NOTE_MAX,
    REASON_MAX,
    Dispute,
    DisputeDecision,
    check_decision,
    check_dispute,
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
