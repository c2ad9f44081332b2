"""An outage that was settled elsewhere has an end, and a verdict that is stated or computed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.errors import Invalid
from domain.requests import Request
from domain.sla.bulk.settled_outages import AMOUNT_MAX, SettledOutage, parse_settled_row
from domain.sla.bulk.source_rows import SourceRow
from domain.sla.verdicts import Rating, SlaStatus, Terms

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = Terms(60, 50, 100)
ROW = {
    "service_id": "svc-1",
    "start_time": "2026-01-31T12:00:00Z",
    "end_time": "2026-01-31T13:30:00Z",
}


def parse(**changes: Any) -> SettledOutage:
    return parse_settled_row(SourceRow(1, 2, ROW | changes), Request("a", "b"), NOW)


def test_a_verdict_that_is_not_stated_is_computed() -> None:
    verdict = parse().judge(TERMS)
    assert (verdict.status, verdict.amount) == (SlaStatus.VIOLATED, -30 * 50)
    assert parse(end_time="", mttr_minutes="20").judge(TERMS).amount == 200


@pytest.mark.parametrize(
    ("status", "end", "amount", "rating"),
    [
        ("violated", "13:30", -7, Rating.POOR),
        ("met", "12:20", 7, Rating.EXCEPTIONAL),
        # Met though it was late: it was settled so.
        ("met", "13:30", 7, Rating.GOOD),
    ],
)
def test_a_verdict_that_is_stated_holds(status: str, end: str, amount: int, rating: Rating) -> None:
    settled = parse(sla_status=status, amount="7", end_time=f"2026-01-31T{end}:00Z")
    verdict = settled.judge(TERMS)
    assert (verdict.status, verdict.amount, verdict.rating) == (status, amount, rating)
    assert verdict.payment_type == ("penalty" if amount < 0 else "reward")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end_time": ""}, "end_time"),
        ({"amount": "7"}, "sla_status"),
        ({"sla_status": "met"}, "amount"),
        ({"sla_status": "late", "amount": "7"}, "sla_status"),
        ({"sla_status": "met", "amount": "0"}, "amount"),
        ({"sla_status": "met", "amount": str(AMOUNT_MAX + 1)}, "amount"),
        ({"sla_status": "met", "amount": "-7"}, "amount"),
        ({"sla_status": "met", "amount": "7.5"}, "amount"),
        ({"mttr_minutes": "20"}, "mttr_minutes"),
        ({"mttr_minutes": "many"}, "mttr_minutes"),
        ({"settled_at": "2026-01-31T13:00:00Z"}, "settled_at"),
        ({"settled_at": "2026-03-02T13:00:00Z"}, "settled_at"),
        ({"service_id": ""}, "service_id"),
    ],
)
def test_what_cannot_be_true_is_refused_by_its_column(changes: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(**changes)
    assert refused.value.field == field
