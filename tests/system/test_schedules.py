"""
Two thousand schedules that nobody has played before: drawn from a seed that is fresh each time, and
printed at the top of the run. `SEED=123 make test-system` draws the same ones again.

What is drawn, and what must hold, is what tests/test_exactly_once.py plays the same every time.
"""

import os

import pytest

from sandbox.stack import Stack
from tests.simulation_runs import (
    FAULTY,
    check_wrong,
    play_batches,
    play_single,
    search,
    signer_played,
)

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
BATCHES = SCHEDULES // 4
COMMAND = "python -m pytest tests/system/test_schedules.py"


def test_each_payment_is_credited_once_whatever_is_drawn(stack: Stack, seed: int) -> None:
    command = f"SEED={seed} {COMMAND} -k each_payment"
    met = play_single(stack, SCHEDULES - BATCHES, command, seed).met
    assert SCHEDULES < 1000 or met.keys() >= {"crash", "overlap", "foreign", "void", "quarantined"}


def test_whoever_rides_in_a_batch_is_credited_once_whatever_is_drawn(
    stack: Stack, seed: int
) -> None:
    command = f"SEED={seed} {COMMAND} -k rides_in_a_batch"
    met = play_batches(stack, BATCHES, command, seed).met
    if BATCHES >= 100:
        assert met.keys() >= {"crash", "overlap", "twins", "confirmed", "parked"}


@pytest.mark.parametrize("faulty", FAULTY, ids=lambda faulty: faulty.__name__)
def test_what_others_do_wrong_is_found_without_a_record(stack: Stack, faulty: type) -> None:
    """The schedules themselves find each faulty signer, not only the one that was written down."""
    name = faulty.__name__
    with signer_played(stack, faulty) as machine:
        wrong = search(machine, f"{COMMAND} -k {name}")
    check_wrong(name, wrong)
