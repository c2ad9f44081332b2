"""
Two thousand schedules that nobody has played before: drawn from a seed that is fresh each time, and
printed at the top of the run. `SEED=123 make test-system` draws the same ones again.

What is drawn, and what must hold, is what tests/test_exactly_once.py plays the same every time.
"""

import os

from devstack.environment.stack import Stack
from tests.simulation.runs import play_batches, play_single

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
BATCHES = SCHEDULES // 4
COMMAND = ".venv/bin/python -m pytest tests/system/settlement/test_schedules.py"


def test_each_payment_is_credited_once_whatever_is_drawn(stack: Stack, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k each_payment"
    met = play_single(stack, SCHEDULES - BATCHES, command, seed).met
    assert SCHEDULES < 1000 or met.keys() >= {"crash", "overlap", "foreign", "no-op", "quarantined"}


def test_each_batch_member_is_credited_once_whatever_is_drawn(stack: Stack, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k each_batch_member"
    met = play_batches(stack, BATCHES, command, seed).met
    if BATCHES >= 100:
        assert met.keys() >= {
            "crash",
            "overlap",
            "duplicate batch workflow",
            "confirmed",
            "blocked",
        }
