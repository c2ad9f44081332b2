"""
Whatever fails, in whatever order: each payment is credited at most once, and once in the end, alone or
in a batch.

Hypothesis draws schedules of activities, repeated runs, deaths of the signer at every named point,
ledgers and faults of the network, and foreign uses of a channel; after each move the chain's own
history is checked. A schedule that fails is printed with the command that plays it again. These
are the same every time, in parts that are drawn from seeds of their own, so that no test is long;
tests/system/settlement/test_schedules.py draws others.

    SCHEDULES=20000 .venv/bin/python -m pytest tests/test_exactly_once.py
"""

import os
from collections import Counter

import pytest

from devstack.environment.stack import Stack
from tests.simulation.recorded_schedules import find_failure, read_schedules, write_schedule
from tests.simulation.runs import (
    ALL_FAULTY_SIGNERS,
    MET_BY_BATCHES,
    check_failure,
    divide,
    play_batches,
    play_lies,
    play_signer,
    play_single,
    search,
)

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
# Of those, as many are of payments that go together.
BATCHES = SCHEDULES // 4
# So many meet every kind of misfortune.
ENOUGH = 50
# And as many more with a node that lies.
LIES = SCHEDULES // 8
# As few parts as can be: schedules are made of those that were drawn before them, and many meet more.
PARTS = 2
# Search for a schedule that finds a faulty signer, and record it, although there is one on record.
RECORDS = bool(os.environ.get("RECORD_SCHEDULES"))
COMMAND = ".venv/bin/python -m pytest tests/test_exactly_once.py"


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What payments that are settled alone met, over all parts."""
    return Counter()


@pytest.mark.parametrize(("part", "schedules"), divide(SCHEDULES - BATCHES, PARTS))
def test_each_payment_is_credited_once_whatever_fails(
    stack: Stack, met: Counter[str], part: int, schedules: int
) -> None:
    met.update(play_single(stack, schedules, f"{COMMAND} -k each_payment", part).met)
    if met["schedules"] >= max(SCHEDULES - BATCHES, ENOUGH):
        assert met.keys() >= {"crash", "overlap", "foreign", "confirmed", "quarantined"}
        assert SCHEDULES < 1000 or met["no-op"]


def test_each_payment_is_credited_once_whatever_one_node_says(stack: Stack) -> None:
    met = play_lies(stack, LIES, f"{COMMAND} -k whatever_one_node_says").met
    if LIES >= 20:
        assert met.keys() >= {"fault lying_failed", "fault lying_success", "confirmed"}


def test_each_batch_member_is_credited_once_whatever_fails(stack: Stack) -> None:
    met = play_batches(stack, BATCHES, f"{COMMAND} -k each_batch_member").met
    if BATCHES >= ENOUGH:
        assert met.keys() >= MET_BY_BATCHES


@pytest.mark.parametrize("faulty", ALL_FAULTY_SIGNERS, ids=lambda faulty: faulty.__name__)
def test_a_faulty_signer_is_detected(stack: Stack, faulty: type) -> None:
    """
    The proof that the check can fail: each of these pays twice, loses a payment, or hides it.

    The schedule on record is played first, and once more with the real signer, to whom it does
    nothing. Where it is silent, because a rule has changed, another is searched for, which takes
    minutes; `RECORD_SCHEDULES=1` writes that one down.
    """
    name = faulty.__name__
    with play_signer(stack, faulty) as machine:
        recorded = [] if RECORDS else read_schedules().get(name, [])
        wrong = find_failure(machine, recorded)
        if wrong is None:
            print(f"\n{name}: searching, for the schedule on record, if any, does not find it")
            wrong = search(machine, f"{COMMAND} -k {name}")
            if RECORDS:
                write_schedule(name, machine.latest)
        else:
            honest = type(f"Honest{name}", (machine.__base__,), {"scratch": machine.scratch})
            assert find_failure(honest, recorded) is None, "the schedule itself, not the signer"
    check_failure(name, wrong)
