"""An objection says why; a ruling corrects the time only when it upholds the objection."""

import pytest

from domain.disputes import NOTE_MAX, REASON_MAX, Dispute, Ruling, check_dispute, check_ruling
from domain.errors import Invalid
from domain.outages import Request

ASKED = Request("ops", "corr")


@pytest.mark.parametrize("reason", ["x", "x" * REASON_MAX])
def test_a_reason_is_given(reason: str) -> None:
    check_dispute(Dispute("dsp_1", "OUT-1", reason, ASKED))


@pytest.mark.parametrize("reason", ["", "   ", "x" * (REASON_MAX + 1)])
def test_no_reason_or_a_novel_is_refused(reason: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_dispute(Dispute("dsp_1", "OUT-1", reason, ASKED))
    assert refusal.value.field == "reason"


@pytest.mark.parametrize(
    "ruling",
    [
        Ruling("dsp_1", True, ASKED),
        Ruling("dsp_1", True, ASKED, mttr_minutes=0),
        Ruling("dsp_1", True, ASKED, mttr_minutes=2**32 - 1),
        Ruling("dsp_1", False, ASKED, "x" * NOTE_MAX),
    ],
)
def test_good_rulings(ruling: Ruling) -> None:
    check_ruling(ruling)


@pytest.mark.parametrize(
    ("ruling", "field"),
    [
        (Ruling("dsp_1", True, ASKED, "x" * (NOTE_MAX + 1)), "resolution_note"),
        (Ruling("dsp_1", True, ASKED, mttr_minutes=-1), "mttr_minutes"),
        (Ruling("dsp_1", True, ASKED, mttr_minutes=2**32), "mttr_minutes"),
        (Ruling("dsp_1", False, ASKED, mttr_minutes=5), "mttr_minutes"),
    ],
)
def test_bad_rulings_are_refused(ruling: Ruling, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_ruling(ruling)
    assert refusal.value.field == field
