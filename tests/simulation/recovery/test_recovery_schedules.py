"""
Whatever is restored or copied, in whatever order: each debt is paid once, and what is told as paid is paid.

Hypothesis draws schedules in which the database goes back to a backup while the chain goes on, or in which a second
engine runs on a copy of it with the same keys, among everything that tests/test_exactly_once.py draws.
"""

import os

import pytest

from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from devstack.environment.stack import Stack
from tests.simulation.recorded_schedules import Move, find_failure
from tests.simulation.recovery.copied_batches import CopiedBatches
from tests.simulation.recovery.restored_batches import (
    RecoveringBatches,
    RestoredBatchesAmongLies,
)
from tests.simulation.recovery.restored_books import RestoredAmongLies
from tests.simulation.runs import (
    MET_BY_COPIES,
    MET_BY_RESTORED,
    play_copies,
    play_recovering_batches,
    play_restored,
    play_signer,
)

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
RESTORED, COPIES = SCHEDULES // 10, max(5, SCHEDULES // 40)
# Of batches, as many are restored and as many copied.
BATCHES = max(3, SCHEDULES // 60)
# So many meet each of the new moves.
ENOUGH_RESTORED, ENOUGH_COPIES, ENOUGH_BATCHES = 12, 5, 5
MET_BY_RESTORED_BATCHES = ("restored", "declared again", "confirmed")
MET_BY_COPIED_BATCHES = ("copied", "taken over", "confirmed")
COMMAND = ".venv/bin/python -m pytest tests/simulation/recovery/test_recovery_schedules.py"


def restore(down: int) -> Move:
    """Return the restore of the database alone, some ledgers later."""
    return ("restore", {"memory": True, "recorded": True, "down": down})


OWE: Move = ("owe_payments", {"payments": 1})
BACK_UP: Move = ("back_up", {})
CLOSE: Move = ("close", {"ledgers": 2})
# The workflow server remembers bytes that the database has forgotten.
IN_FLIGHT = {
    "signed": [OWE, BACK_UP, ("advance", {"which": 0, "steps": 1}), restore(0)],
    "signed and expired": [OWE, BACK_UP, ("advance", {"which": 0, "steps": 1}), restore(30)],
    "sent": [OWE, BACK_UP, ("advance", {"which": 0, "steps": 2}), restore(1)],
    "seen": [
        *(OWE, BACK_UP, ("advance", {"which": 0, "steps": 2}), CLOSE),
        *(("advance", {"which": 0, "steps": 1}), restore(1)),
    ],
}


# Found by search: the first paid twice, by a node that concealed what was paid; the second could not be posted.
FOUND = {
    "one node conceals": [
        ("owe_payments", {"payments": 1, "lost": 2, "memory": False}),
        ("let_node_lie", {"lie": ("lying_failed", None), "node": 0}),
        ("let_envelope_expire", {"which": 0}),
    ],
    "confirmed twice": [
        ("owe_payments", {"payments": 1, "lost": 3, "memory": True}),
        ("run_activity_twice", {"which": 0}),
    ],
}

NETTED, GROSS = (
    {"Plan": {"rail": "classic", "netting_window_seconds": seconds}} for seconds in (3600, 0)
)
SETTLE: list[Move] = [
    ("make_ready_and_form_batches", {"which": 0, "ready": True}),
    *(("advance_with_time", {"which": place, "ledgers": 1}) for place in (0, 1, 0, 1, 0, 1, 0, 1)),
]
LOSE_IT: list[Move] = [
    ("lose_what_was_done", {"memory": False, "recorded": True, "another": False, "steps": 14}),
    ("change_plan", {"plan": GROSS}),
    *[CLOSE] * 13,
    *SETTLE,
]
# What was netted, and forgotten, was paid again once netting was off: its number is that of another.
NETTING_ENDS: dict[str, list[Move]] = {
    "the backup has a netted batch": [
        ("owe_payments", {"payments": 4, "plan": NETTED}),
        *SETTLE,
        *[("owe_another", {})] * 4,
        *LOSE_IT,
    ],
    "the backup has none": [("owe_payments", {"payments": 4, "plan": NETTED}), *LOSE_IT],
}


def test_each_debt_is_paid_once_whatever_is_restored(stack: Stack) -> None:
    met = play_restored(
        stack.environment["DATABASE_URL"], RESTORED, f"{COMMAND} -k whatever_is_restored", 0
    ).met
    if RESTORED >= ENOUGH_RESTORED:
        assert [move for move in MET_BY_RESTORED if not met[move]] == []


def test_each_debt_is_paid_once_whoever_runs_a_copy(stack: Stack) -> None:
    met = play_copies(
        stack.environment["DATABASE_URL"], COPIES, f"{COMMAND} -k whoever_runs_a_copy", 0
    ).met
    if COPIES >= ENOUGH_COPIES:
        assert [move for move in MET_BY_COPIES if not met[move]] == []


@pytest.mark.parametrize(
    ("kind", "met"),
    [(RestoredBatchesAmongLies, MET_BY_RESTORED_BATCHES), (CopiedBatches, MET_BY_COPIED_BATCHES)],
)
def test_each_batch_member_is_paid_once_whatever_is_restored_or_copied(
    stack: Stack, kind: type[RecoveringBatches], met: tuple[str, ...]
) -> None:
    command = f"{COMMAND} -k 'each_batch_member and {kind.__name__}'"
    found = play_recovering_batches(stack.environment["DATABASE_URL"], kind, BATCHES, command, 0)
    if BATCHES >= ENOUGH_BATCHES:
        assert [move for move in met if not found.met[move]] == []


@pytest.mark.parametrize("moves", IN_FLIGHT.values(), ids=IN_FLIGHT)
def test_a_payment_in_flight_survives_a_restore_of_the_database_alone(
    stack: Stack, moves: list[Move]
) -> None:
    with play_signer(stack.environment["DATABASE_URL"], PaymentActivitiesImpl) as machine:
        restored = type("Restored", (RestoredAmongLies,), {"scratch": machine.scratch})
        assert find_failure(restored, moves) is None
    assert machine.scratch.met["confirmed"] == 1


@pytest.mark.parametrize("moves", FOUND.values(), ids=FOUND)
def test_what_search_has_found_is_not_found_again(stack: Stack, moves: list[Move]) -> None:
    with play_signer(stack.environment["DATABASE_URL"], PaymentActivitiesImpl) as machine:
        restored = type("Restored", (RestoredAmongLies,), {"scratch": machine.scratch})
        assert find_failure(restored, moves) is None


@pytest.mark.parametrize("moves", NETTING_ENDS.values(), ids=NETTING_ENDS)
def test_what_was_netted_is_not_paid_again_when_netting_is_off(
    stack: Stack, moves: list[Move]
) -> None:
    with play_signer(stack.environment["DATABASE_URL"], BatchActivitiesImpl) as machine:
        restored = type("Restored", (RestoredBatchesAmongLies,), {"scratch": machine.scratch})
        assert find_failure(restored, moves) is None
    assert machine.scratch.met["doubted"]
