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

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from stellar_sandbox.faults.fault_plan import FaultPlan
from tests.simulation.recorded_schedules import (
    Schedule,
    find_failure,
    read_schedules,
    write_schedule,
)
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
from tests.simulation.scratch_databases import ScratchDatabase, make_scratch_database

SCHEDULES = int(os.environ.get("SCHEDULES", "200"))
# Of those, as many are of payments that go together.
BATCHES = SCHEDULES // 4
# And some restore the database or copy it: tests/simulation/recovery/test_recovery_schedules.py.
SINGLE = SCHEDULES - BATCHES - SCHEDULES // 8
# So many meet every kind of misfortune.
ENOUGH = 30
# And as many more with a node that lies.
LIES = SCHEDULES // 8
# As few parts as can be: schedules are made of those that were drawn before them, and many meet more.
PARTS = 2
# Search for a schedule that finds a faulty signer, and record it, although there is one on record.
RECORDS = bool(os.environ.get("RECORD_SCHEDULES"))
COMMAND = ".venv/bin/python -m pytest tests/test_exactly_once.py"
# Of everything that is asked of a node, some answers are of no use.
GARBAGE = ("inject_faults", {"faults": [{"Fault": {"kind": "garbage", "rate": 0.3}}], "seed": 3})
DEATH = {"which": 0, "point": "after_send", "tries": 8, "kept": 0.5, "down": 1}
STORM: Schedule = [
    ("owe_payments", {"payments": 3}),
    GARBAGE,
    *(("advance", {"which": turn % 3, "steps": 2}) for turn in range(6)),
    ("crash_at_point", DEATH),
    GARBAGE,
    *(("advance_with_time", {"which": turn % 3, "ledgers": 1}) for turn in range(12)),
]


@pytest.fixture(scope="module")
def server_url(stack: Stack) -> str:
    """Schedules need a database server, and nothing else of the stack."""
    return stack.environment["DATABASE_URL"]


@pytest.fixture(scope="module")
def signers_database(server_url: str) -> Iterator[ScratchDatabase]:
    """A database is made for all faulty signers of single payments: that takes longer than most of their schedules."""
    with make_scratch_database(server_url) as scratch:
        yield scratch


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What payments that are settled alone met, over all parts."""
    return Counter()


@pytest.mark.parametrize(("part", "schedules"), divide(SINGLE, PARTS))
def test_each_payment_is_credited_once_whatever_fails(
    server_url: str, met: Counter[str], part: int, schedules: int
) -> None:
    met.update(play_single(server_url, schedules, f"{COMMAND} -k each_payment", part).met)
    if met["schedules"] >= max(SINGLE, ENOUGH):
        assert met.keys() >= {"crash", "overlap", "foreign", "confirmed", "quarantined"}
        assert SCHEDULES < 1000 or met["no-op"]


def test_each_payment_is_credited_once_whatever_one_node_says(server_url: str) -> None:
    met = play_lies(server_url, LIES, f"{COMMAND} -k whatever_one_node_says").met
    if LIES >= 15:
        assert met["confirmed"]
        assert met["fault lying_failed"] or met["fault lying_success"]
    if LIES >= 100:
        assert met.keys() >= {"fault lying_failed", "fault lying_success"}


def test_each_batch_member_is_credited_once_whatever_fails(server_url: str) -> None:
    met = play_batches(server_url, BATCHES, f"{COMMAND} -k each_batch_member").met
    if BATCHES >= ENOUGH:
        assert met.keys() >= MET_BY_BATCHES


@pytest.mark.parametrize("faulty", ALL_FAULTY_SIGNERS, ids=lambda faulty: faulty.__name__)
def test_a_faulty_signer_is_detected(
    server_url: str, signers_database: ScratchDatabase, faulty: type
) -> None:
    """
    The proof that the check can fail: each of these pays twice, loses a payment, or hides it.

    The schedule on record is played first, and once more with the real signer, to whom it does
    nothing. Where it is silent, because a rule has changed, another is searched for, which takes
    minutes; `RECORD_SCHEDULES=1` writes that one down.
    """
    name = faulty.__name__
    with play_signer(server_url, faulty, signers_database) as machine:
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


def test_a_schedule_meets_the_same_however_slow_the_database_is(server_url: str) -> None:
    """On a busy machine it would meet other faults, and hypothesis could not make it shorter."""
    met = []
    with play_signer(server_url, PaymentActivitiesImpl) as machine:
        for seconds in (0, 0.02):
            slow_down(machine.scratch.database, seconds)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(FaultPlan, "_draw", remember_draws(drawn := []))
                assert find_failure(machine, STORM) is None
            met.append(drawn)
    assert met[0] == met[1] != []


def slow_down(database: Database, seconds: float) -> None:
    """Let each connection of a database be waited for."""

    @asynccontextmanager
    async def wait() -> AsyncIterator[AsyncConnection]:
        await asyncio.sleep(seconds)
        async with Database.autocommit(database) as connection:
            yield connection

    database.autocommit = wait  # type: ignore[method-assign]


def remember_draws(drawn: list[str]) -> Callable[[FaultPlan, int], float]:
    draw = FaultPlan._draw

    def remember(plan: FaultPlan, place: int) -> float:
        drawn.append(f"{plan.faults[place].kind} {plan.faults[place].method} {draw(plan, place)}")
        return float(drawn[-1].split()[-1])

    return remember
