"""`apexchainx treasuries`: what each account that agreements pay from holds, owes and lacks."""

from datetime import UTC, datetime

import pytest

from cli.treasuries import is_lacking, render_lines
from domain.sla.agreements.treasuries import TreasuryRecord

SEEN = datetime(2026, 11, 30, tzinfo=UTC)
USDC = 10_000_000


def test_a_line_says_what_a_treasury_holds_and_lacks() -> None:
    rich = TreasuryRecord("GRICH", ["a", "b", "c", "d"], 5 * USDC, True, True, 25 * USDC, SEEN)
    poor = TreasuryRecord("GPOOR", ["north"], 3_000 * USDC, True, False, 1_000 * USDC, SEEN)
    new = TreasuryRecord("GNEW", [], 0, False, None, None, None)
    header, *lines = [" ".join(line.split()) for line in render_lines([rich, poor, new])]
    assert header == "ADDRESS SEED BALANCE WAITS MISSING AGREEMENTS"
    assert lines == [
        "GRICH held 25 5 0 a, b, c and 1 more",
        "GPOOR missing 1000 3000 2000 north",
        "GNEW - - 0 0 none any more (its transfers are being read)",
    ]
    assert [is_lacking(each) for each in (rich, poor, new)] == [False, True, False]


@pytest.mark.parametrize(
    ("signable", "balance", "lacks"),
    [(True, USDC, False), (True, USDC - 1, True), (False, USDC, True)],
)
def test_a_treasury_lacks_a_seed_or_money(signable: bool, balance: int, lacks: bool) -> None:
    owing = TreasuryRecord("GOLD", [], USDC, True, signable, balance, SEEN)
    assert is_lacking(owing) is lacks
