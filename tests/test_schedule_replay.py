"""A schedule that failed is played again: red until the code is mended, and green then."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.simulation.runs import play


def _make_machine(code: SimpleNamespace) -> type[RuleBasedStateMachine]:
    class Machine(RuleBasedStateMachine):
        @rule(paid=st.integers(0, 100))
        def pay(self, paid: int) -> None:
            assert paid <= code.limit, f"paid {paid} times"

    return Machine


def _record_failure() -> str:
    with pytest.raises(AssertionError, match="Play it again with:") as failed:
        play(_make_machine(SimpleNamespace(limit=50)), 50, "the command")
    found = re.search(r"SCHEDULE='([^']+)' the command", str(failed.value))
    assert found is not None
    return found[1]


def test_a_schedule_is_red_until_the_code_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULE", _record_failure())
    with pytest.raises(AssertionError, match="paid 51 times"):
        play(_make_machine(SimpleNamespace(limit=50)), 50, "the command")
    play(_make_machine(SimpleNamespace(limit=100)), 50, "the command")
