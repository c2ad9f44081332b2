"""A snapshot that was altered is told, whatever was altered; and money that differs is named by its agreement."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import rfc8785

from domain.analytics.snapshots import (
    AnalyticsSnapshot,
    Money,
    SeenTotals,
    compare_money,
    make_snapshot,
)
from domain.analytics.trends import Totals

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FOUND = SeenTotals(
    AT,
    "10:20:11,12",
    {
        "alpha": Totals(2, 1, 750, 2**60, 30, detected=5, cancelled=1, voided=1),
        "beta": Totals(1, 0, 50, 0, 7, detected=1),
    },
)
TAKEN = make_snapshot("snp_1", "engine", FOUND, "2026.6")


def test_it_is_canonical_json_and_its_totals_are_those_of_all_agreements() -> None:
    content = json.loads(TAKEN.content)
    assert rfc8785.dumps(content) == TAKEN.content.encode()
    assert hashlib.sha256(TAKEN.content.encode()).hexdigest() == TAKEN.checksum
    assert content["totals"] == {
        "detected": 6,
        "open": 1,
        "judged": 3,
        "cancelled": 1,
        "voided": 1,
        "violations": 1,
        "minutes": "37",
        "rewards_stroops": "800",
        "penalties_stroops": str(2**60),
    }
    assert TAKEN.list_problems() == []


@pytest.mark.parametrize(
    "altered",
    [
        replace(TAKEN, content=TAKEN.content.replace('"750"', '"751"')),
        replace(TAKEN, checksum="0" * 64),
        replace(TAKEN, taken_at=AT.replace(microsecond=123457)),
        replace(TAKEN, seen="10:20:"),
        replace(TAKEN, tzdata="2026.7"),
    ],
)
def test_whatever_is_altered_is_found(altered: AnalyticsSnapshot) -> None:
    assert len(altered.list_problems()) == 1


def test_agreements_that_differ_are_named_and_those_that_one_does_not_know() -> None:
    mine = TAKEN.get_money()
    assert compare_money(mine, dict(mine)) == []
    its = {"alpha": Money(750, 2**60 - 1), "": Money(1, 0)}
    found = compare_money(mine, its)
    assert [(each.agreement, each.snapshot, each.journal) for each in found] == [
        ("", Money(), Money(1, 0)),
        ("alpha", Money(750, 2**60), Money(750, 2**60 - 1)),
        ("beta", Money(50, 0), Money()),
    ]
