"""
Whatever fails, in whatever order: each payment is credited at most once, and once in the end, by
itself or with others in a batch.

Hypothesis draws schedules of steps, repeated runs, deaths of the signer at every named point,
ledgers and faults of the network, and strangers who use a channel; after each move the chain's own
history is looked at. A schedule that fails is printed with the command that plays it again. These
are the same every time; tests/system draws others.

    SCHEDULES=20000 python -m pytest tests/test_exactly_once.py
"""

import os
import re

import pytest

from sandbox.stack import Stack
from tests.batch_machines import Together
from tests.batch_mutants import BATCH_MUTANTS
from tests.batch_worlds import play_gathering
from tests.driven import play_temporal
from tests.machines import ExactlyOnce, scratch_book
from tests.mutants import MUTANTS
from tests.recorded_schedules import failure_of, keep_schedule, read_schedules
from tests.simulation_runs import PHASES, play, play_batches, play_single

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
# Of those, as many are of payments that go together.
BATCHES = SCHEDULES // 4
# Search for a schedule that finds a faulty signer, and record it, although there is one on record.
RECORDS = bool(os.environ.get("RECORD_SCHEDULES"))
# The last is what a ledger does that names one at fault who was left out of a batch, and rode in it.
WRONGS = (
    "paid [0-9]+ times|shares .* of transfers|confirmed and not paid|parked and paid|lost:|"
    "went on after|quarantined without cause|waits and does not say so|"
    "payment .* may not become confirmed|list index out of range"
)
COMMAND = "python -m pytest tests/test_exactly_once.py"


def test_each_payment_is_credited_once_whatever_fails(stack: Stack) -> None:
    met = play_single(stack, SCHEDULES - BATCHES, f"{COMMAND} -k each_payment").met
    assert met.keys() >= {"crash", "overlap", "foreign", "confirmed", "quarantined"}
    assert SCHEDULES < 1000 or met["void"]


def test_whoever_rides_in_a_batch_is_credited_once_whatever_fails(stack: Stack) -> None:
    met = play_batches(stack, BATCHES, f"{COMMAND} -k rides_in_a_batch").met
    if BATCHES >= 100:
        assert met.keys() >= {"crash", "overlap", "twins", "confirmed", "parked"}


@pytest.mark.parametrize("mutant", [*MUTANTS, *BATCH_MUTANTS], ids=lambda mutant: mutant.__name__)
def test_what_others_do_wrong_is_found(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, mutant: type
) -> None:
    """
    The proof that the check can fail: each of these pays twice, loses a payment, or hides it.

    The schedule on record is played first. Where that is silent, because a rule has changed, another
    is searched for; `RECORD_SCHEDULES=1` writes it down.
    """
    play_temporal(monkeypatch)
    play_gathering(monkeypatch)
    kind = Together if mutant in BATCH_MUTANTS else ExactlyOnce
    name = mutant.__name__
    with scratch_book(stack.environment["DATABASE_URL"]) as book:
        machine = type(name, (kind,), {"book": book, "signer": mutant})
        recorded = [] if RECORDS else read_schedules().get(name, [])
        failure = failure_of(machine, recorded)
        if failure is None:
            print(f"\n{name}: searching, for the schedule on record, if any, does not find it")
            with pytest.raises(AssertionError, match="Play it again with:\n    SCHEDULE=") as found:
                play(machine, 1500, f"{COMMAND} -k {name}", PHASES[:2])
            failure = found.value
            if RECORDS:
                keep_schedule(name, machine.latest)
        else:
            honest = type(f"Honest{name}", (kind,), {"book": book})
            assert failure_of(honest, recorded) is None, "the schedule itself, not the signer"
    wrong = str(failure).splitlines()[0]
    print(f"\n{name}: {wrong}")
    assert re.match(WRONGS, wrong), wrong
