"""
Whatever fails, in whatever order: each payment is credited at most once, and once in the end, by
itself or with others in a batch.

Hypothesis draws schedules of steps, repeated runs, deaths of the signer at every named point,
ledgers and faults of the network, and strangers who use a channel; after each move the chain's own
history is looked at. A schedule that fails is printed with the command that plays it again.

    SCHEDULES=20000 python -m pytest tests/test_exactly_once.py
"""

import os
import re

import pytest
from hypothesis import HealthCheck, Phase, reproduce_failure, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from adapters.postgres import invariants
from adapters.postgres.database import Database
from domain.inspections import Finding
from sandbox.stack import Stack
from tests.batch_machines import Together
from tests.batch_mutants import BATCH_MUTANTS
from tests.batch_worlds import play_gathering
from tests.driven import play_temporal
from tests.machines import ExactlyOnce, scratch_book
from tests.mutants import MUTANTS

SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
# Of those, as many are of payments that go together.
BATCHES = SCHEDULES // 4
STEPS = 16
# A failing schedule is made as short as can be; that a mutant fails needs no beauty.
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)
# The last is what a ledger does that names one at fault who was left out of a batch, and rode in it.
WRONGS = (
    "paid [0-9]+ times|shares .* of transfers|confirmed and not paid|parked and paid|lost:|"
    "went on after|quarantined without cause|waits and does not say so|"
    "payment .* may not become confirmed|list index out of range"
)
COMMAND = "python -m pytest tests/test_exactly_once.py"


def play(
    machine: type[RuleBasedStateMachine],
    schedules: int,
    seed: str,
    phases: tuple[Phase, ...] = PHASES,
) -> None:
    """Play schedules; on failure say how to play the failing one again."""
    if recorded := os.environ.get("SCHEDULE"):
        version, _, blob = recorded.partition(":")
        reproduce_failure(version, blob.encode())(machine)
    plan = settings(
        max_examples=schedules,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=True,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=plan)
    except Exception as failure:
        notes = "\n".join(getattr(failure, "__notes__", []))
        found = re.search(r"reproduce_failure\('([^']+)', b'([^']+)'\)", notes)
        again = f"SCHEDULE='{found[1]}:{found[2]}' {seed}" if found else seed
        raise AssertionError(f"{failure}\n{notes}\n\nPlay it again with:\n    {again}") from failure


async def broken_promises(database: Database) -> list[Finding]:
    """What the whole book says of all that was played."""
    async with database.transaction() as connection:
        found = await invariants.check(connection)
    return [finding for finding in found if not finding.overdue]


def test_each_payment_is_credited_once_whatever_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_temporal(monkeypatch)
    with scratch_book(stack.environment["DATABASE_URL"]) as book:
        machine = type("Real", (ExactlyOnce,), {"book": book})
        play(machine, SCHEDULES - BATCHES, f"{COMMAND} -k each_payment")
        assert book.loop.run(broken_promises(book.database)) == []
        print(f"\n{book.told()}")
        assert book.met.keys() >= {"crash", "overlap", "foreign", "confirmed", "quarantined"}
        assert SCHEDULES < 1000 or book.met["void"]


def test_whoever_rides_in_a_batch_is_credited_once_whatever_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_temporal(monkeypatch)
    play_gathering(monkeypatch)
    with scratch_book(stack.environment["DATABASE_URL"]) as book:
        machine = type("RealBatches", (Together,), {"book": book})
        play(machine, BATCHES, f"{COMMAND} -k rides_in_a_batch")
        assert book.loop.run(broken_promises(book.database)) == []
        print(f"\n{book.told()}")
        if BATCHES >= 100:
            assert book.met.keys() >= {"crash", "overlap", "twins", "confirmed", "parked"}


@pytest.mark.parametrize("mutant", [*MUTANTS, *BATCH_MUTANTS], ids=lambda mutant: mutant.__name__)
def test_what_others_do_wrong_is_found(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, mutant: type
) -> None:
    """The proof that the check can fail: each of these pays twice, loses a payment, or hides it."""
    play_temporal(monkeypatch)
    play_gathering(monkeypatch)
    kind = Together if mutant in BATCH_MUTANTS else ExactlyOnce
    with scratch_book(stack.environment["DATABASE_URL"]) as book:
        machine = type(mutant.__name__, (kind,), {"book": book, "signer": mutant})
        with pytest.raises(AssertionError, match="Play it again with:\n    SCHEDULE=") as found:
            play(machine, 1500, f"{COMMAND} -k {mutant.__name__}", PHASES[:2])
    wrong = str(found.value).splitlines()[0]
    print(f"\n{mutant.__name__}: {wrong}")
    assert re.match(WRONGS, wrong), wrong
