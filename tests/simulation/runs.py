"""Many schedules at once: drawn the same every time, from a seed, or one that is played again."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from hypothesis import HealthCheck, Phase, reproduce_failure, seed, settings
from hypothesis.errors import DidNotReproduce
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.simulation.batch_properties import BatchesExactlyOnce
from tests.simulation.batch_world import patch_batching
from tests.simulation.faulty_batch_signers import FAULTY_BATCH_SIGNERS
from tests.simulation.faulty_signers import FAULTY_SIGNERS, BelievesOneNode
from tests.simulation.properties import ExactlyOnce, LyingNodes
from tests.simulation.recovery.copies import Copies
from tests.simulation.recovery.engine_world import play_recovery
from tests.simulation.recovery.faulty_engines import (
    FAULTY_BATCH_RESTORERS,
    FAULTY_COPIES,
    FAULTY_RESTORERS,
)
from tests.simulation.recovery.restored_batches import RecoveringBatches, RestoredBatchesAmongLies
from tests.simulation.recovery.restored_books import RestoredAmongLies
from tests.simulation.scratch_databases import (
    ScratchDatabase,
    find_violations,
    make_scratch_database,
)
from tests.simulation.workflow_driver import play_temporal

STEPS = 16
# A failing schedule is made as short as can be; that a faulty signer fails needs no beauty.
# The last is what a ledger does that names one at fault who was left out of a batch, and rode in it.
EXPECTED_FAILURES = (
    "paid [0-9]+ times|allocations .* of transfers|confirmed and not paid|blocked and paid|lost:|"
    "went on after|quarantined without cause|waits without its reason|"
    "(payment|attempt) .* may not become (confirmed|succeeded)|list index out of range|"
    "signed while the channels|paid after its void"
)
ALL_FAULTY_SIGNERS = [
    *FAULTY_SIGNERS,
    *FAULTY_BATCH_SIGNERS,
    *FAULTY_RESTORERS,
    *FAULTY_BATCH_RESTORERS,
    *FAULTY_COPIES,
]
SEARCH_SCHEDULES_MAX = 1500
# What some dozens of schedules of batches meet.
MET_BY_RESTORED = ("restored", "declared again", "overlap", "confirmed")
MET_BY_COPIES = ("copied", "both at once", "stopped", "taken over", "confirmed")
MET_BY_BATCHES = {"crash", "overlap", "duplicate batch workflow", "confirmed", "blocked"}
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)


def divide(schedules: int, parts: int) -> list[tuple[int, int]]:
    """Return number and size of each part; a schedule that is played again is one part."""
    count = 1 if "SCHEDULE" in os.environ else parts
    sizes = [(schedules + part) // count for part in range(count)]
    return [(part, size) for part, size in enumerate(sizes) if size]


def play(
    machine: type[RuleBasedStateMachine],
    schedules: int,
    command: str,
    phases: tuple[Phase, ...] = PHASES,
    drawn_from: int | None = None,
) -> None:
    """
    Play schedules, the same every time without a seed; on failure say how to play that one again.

    A recorded schedule that no longer fails has passed.
    """
    if recorded := os.environ.get("SCHEDULE"):
        version, _, blob = recorded.partition(":")
        reproduce_failure(version, blob.encode())(machine)
    elif drawn_from is not None:
        seed(drawn_from)(machine)
    plan = settings(
        max_examples=schedules,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=drawn_from is None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=plan)
    except DidNotReproduce as outcome:
        # Past the point where it failed the record has no more moves, which it says as well.
        print(f"\nthis schedule no longer fails: {outcome}")
    except Exception as failure:
        notes = "\n".join(getattr(failure, "__notes__", []))
        found = re.search(r"reproduce_failure\('([^']+)', b'([^']+)'\)", notes)
        again = f"SCHEDULE='{found[1]}:{found[2]}' {command}" if found else command
        raise AssertionError(f"{failure}\n{notes}\n\nPlay it again with:\n    {again}") from failure


def play_single(
    server_url: str, schedules: int, command: str, drawn_from: int | None = None
) -> ScratchDatabase:
    """Play payments that are settled alone; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        return _played(server_url, ExactlyOnce, schedules, command, drawn_from)


def play_lies(
    server_url: str, schedules: int, command: str, drawn_from: int | None = None
) -> ScratchDatabase:
    """Play payments that are settled alone while a node lies; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        return _played(server_url, LyingNodes, schedules, command, drawn_from)


def play_batches(
    server_url: str, schedules: int, command: str, drawn_from: int | None = None
) -> ScratchDatabase:
    """Play payments that are settled in batches; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        patch_batching(patch)
        return _played(server_url, BatchesExactlyOnce, schedules, command, drawn_from)


def play_restored(
    server_url: str, schedules: int, command: str, drawn_from: int | None = None
) -> ScratchDatabase:
    """Play a database that is restored while the chain is newer; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        play_recovery(patch)
        return _played(server_url, RestoredAmongLies, schedules, command, drawn_from)


def play_recovering_batches(
    server_url: str, kind: type[RecoveringBatches], schedules: int, command: str, drawn_from: int
) -> ScratchDatabase:
    """Play a database with batches that is restored or copied; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        patch_batching(patch)
        play_recovery(patch)
        return _played(server_url, kind, schedules, command, drawn_from)


def play_copies(
    server_url: str, schedules: int, command: str, drawn_from: int | None = None
) -> ScratchDatabase:
    """Play two engines on copies of one database; print and return what was met."""
    with pytest.MonkeyPatch.context() as patch:
        play_temporal(patch)
        play_recovery(patch)
        return _played(server_url, Copies, schedules, command, drawn_from)


def _played(
    server_url: str,
    kind: type[ExactlyOnce | BatchesExactlyOnce],
    schedules: int,
    command: str,
    drawn_from: int | None,
) -> ScratchDatabase:
    with make_scratch_database(server_url) as scratch:
        machine = type(f"Real{kind.__name__}", (kind,), {"scratch": scratch})
        play(machine, schedules, command, drawn_from=drawn_from)
        assert scratch.loop.run(find_violations(scratch.database)) == []
        print(f"\n{scratch.describe_met()}")
        return scratch


@contextmanager
def play_signer(
    server_url: str, faulty: type, shared: ScratchDatabase | None = None
) -> Iterator[type[ExactlyOnce | BatchesExactlyOnce]]:
    """
    Return the state machine of a faulty signer, with a database of its own. Of `shared` the signers of single payments
    make use, to whom what others have left there means as little as to many schedules of one signer.
    """
    chosen: AbstractContextManager[ScratchDatabase] = make_scratch_database(server_url)
    if shared is not None and faulty in FAULTY_SIGNERS:
        chosen = nullcontext(shared)
    with pytest.MonkeyPatch.context() as patch, chosen as scratch:
        play_temporal(patch)
        patch_batching(patch)
        play_recovery(patch)
        known = {"scratch": scratch, "signer": faulty}
        yield type(faulty.__name__, (_choose_kind(faulty),), known)


def _choose_kind(faulty: type) -> type[ExactlyOnce | BatchesExactlyOnce]:
    """Return the schedules that can show what is wrong with a faulty signer."""
    if faulty in FAULTY_BATCH_SIGNERS:
        return BatchesExactlyOnce
    if faulty in FAULTY_RESTORERS:
        return RestoredAmongLies
    if faulty in FAULTY_BATCH_RESTORERS:
        return RestoredBatchesAmongLies
    if faulty in FAULTY_COPIES:
        return Copies
    return LyingNodes if faulty is BelievesOneNode else ExactlyOnce


def search(machine: type[ExactlyOnce | BatchesExactlyOnce], command: str) -> Exception:
    """Draw schedules until one finds the fault of a signer."""
    with pytest.raises(AssertionError, match="Play it again with:\n    SCHEDULE=") as found:
        play(machine, SEARCH_SCHEDULES_MAX, command, PHASES[:2])
    return found.value


def check_failure(name: str, failure: Exception) -> None:
    """Check that a signer failed by its own fault, and not by a fault of the test."""
    wrong = str(failure).splitlines()[0]
    print(f"\n{name}: {wrong}")
    assert re.match(EXPECTED_FAILURES, wrong), wrong
