"""A tier that outgrew its budget is red, every test is in a tier, and what is on record exists."""

import json
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import conftest, tiers
from tests.simulation.recorded_schedules import read_schedules
from tests.simulation.runs import ALL_FAULTY_SIGNERS
from tests.testkit.tiers import cpu_meter, worker_groups
from tests.testkit.tiers.machine_pace import THERE, MachinePace
from tests.tiers import DURATIONS, TESTS, TIERS, Spent, Tier

TIER = Tier(cpu_seconds=100, test_seconds=10)


def test_a_tier_within_its_budget_is_left_alone() -> None:
    assert Spent(cpu_seconds=100, slowest={"a": 10.0}).too_much_for(TIER) == []


def test_a_tier_that_outgrew_its_budget_says_so() -> None:
    (sentence,) = Spent(cpu_seconds=101).too_much_for(TIER)
    assert "101 CPU-seconds, its budget is 100" in sentence


def test_a_machine_that_takes_longer_for_the_same_may_take_longer_for_a_tier() -> None:
    pace = MachinePace()
    assert pace.compute_factor() == 1.0
    pace.taken += [THERE / 2] * 5
    assert pace.compute_factor() == 1.0, "a quick one is allowed no less"
    pace.taken += [2 * THERE] * 7
    assert pace.compute_factor() == 2.0
    spent = Spent(cpu_seconds=199, slowest={"a": 19.9}, pace=pace.compute_factor())
    assert spent.too_much_for(TIER) == []
    spent.cpu_seconds = 201
    (sentence,) = spent.too_much_for(TIER)
    assert "201 CPU-seconds, its budget is 200" in sentence


def test_the_pace_is_measured_from_the_first_test_on() -> None:
    pace = MachinePace()
    pace.note_test()
    pace.note_test()
    assert len(pace.taken) == 1, "two tests of one moment are measured once"


def test_a_test_that_is_too_slow_is_named() -> None:
    (sentence,) = Spent(slowest={"quick": 9.9, "slow": 10.1}).too_much_for(TIER)
    assert sentence.startswith("slow took 10 s")


def test_a_run_that_took_too_much_ends_red(monkeypatch: pytest.MonkeyPatch) -> None:
    config = SimpleNamespace(getoption={"--tier": "unit", "--write-durations": False}.get)
    for name in tiers.CHOSEN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(tiers, "_spent", Spent(slowest={"slow": 1e9}))
    session = SimpleNamespace(config=config, exitstatus=pytest.ExitCode.OK)
    tiers.pytest_sessionfinish(cast(pytest.Session, session))
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize(
    ("dist", "is_worker", "imported"),
    [("loadgroup", False, 0), ("loadgroup", True, 1), ("no", False, 1)],
)
def test_who_hands_tests_out_does_without_the_product(
    dist: str, is_worker: bool, imported: int
) -> None:
    taken: list[str] = []
    config = SimpleNamespace(
        getoption=lambda _name, _default: dist,
        pluginmanager=SimpleNamespace(import_plugin=taken.append),
        **({"workerinput": {}} if is_worker else {}),
    )
    conftest.pytest_configure(cast(pytest.Config, config))
    assert taken == ["tests.testkit.processes.shared_stack"] * imported


@pytest.mark.parametrize("part", [*tiers.UNIT, *tiers.NOT_UNIT])
def test_what_is_named_a_unit_exists(part: str) -> None:
    assert (TESTS / part).exists()


@pytest.mark.parametrize("tier", TIERS)
def test_what_only_a_soak_plays_is_in_no_tier(tier: str) -> None:
    asked = SimpleNamespace(
        getoption=lambda _name: tier, args_source=pytest.Config.ArgsSource.TESTPATHS
    )
    assert tiers.pytest_ignore_collect(tiers.SOAK, cast(pytest.Config, asked)) is True
    soak = (TESTS.parent / "Makefile").read_text().partition("\nsoak:")[2].partition("\n\n")[0]
    assert f" {tiers.SOAK.relative_to(TESTS.parent)} " in soak


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/test_a.py::test_b[0]", "tests/test_a.py"),
        ("tests/test_a.py::test_b[a::b@c]", "tests/test_a.py"),
        ("tests/on_hold/test_voids.py::test_b", "tests/on_hold/"),
        (f"{worker_groups.APART[0]}::test_b[0]", f"{worker_groups.APART[0]}::test_b[0]"),
        (f"{worker_groups.ON_ONE_STACK[0]}::test_b", "tests/system/ on one stack"),
    ],
)
def test_a_file_stays_together_unless_its_tests_are_apart(nodeid: str, group: str) -> None:
    assert worker_groups.name_group(nodeid) == group


class Worker:
    """Takes what it is given; it runs a test once it knows the next one, or that there is none."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.given: list[int] = []
        self.done = 0

    def send_runtest_some(self, tests: list[int]) -> None:
        self.given += tests

    def shutdown(self) -> None:
        self.shutting_down = True

    def can_run(self) -> bool:
        return self.done + (not self.shutting_down) < len(self.given)


def test_a_group_waits_for_a_worker_that_needs_it() -> None:
    options = {"tx": ["popen", "popen"], "loadscopereorder": False}
    config = SimpleNamespace(getvalue=options.get, option=SimpleNamespace(**options))
    scheduler = worker_groups.GroupScheduling(cast(pytest.Config, config))
    sizes = {"a.py": 3, "b.py": 1, "c.py": 2, "d.py": 1, "e.py": 1}
    tests = [f"{file}::{n}" for file, size in sizes.items() for n in range(size)]
    workers = [Worker("one"), Worker("two")]
    for worker in workers:
        scheduler.add_node(cast(Any, worker))
    for worker in workers:
        scheduler.add_node_collection(cast(Any, worker), tests)
    scheduler.schedule()
    while ready := [worker for worker in workers if worker.can_run()]:
        worker = ready[0]
        worker.done += 1
        scheduler.mark_test_complete(cast(Any, worker), worker.given[worker.done - 1])
        if workers[0].done == 1:
            assert workers[0].given == [0, 1, 2], "two tests of its group are left"
    assert sorted(workers[0].given + workers[1].given) == list(range(len(tests)))
    assert [len(worker.given) - worker.done for worker in workers] == [0, 0]


def test_a_run_that_scatters_a_file_over_its_workers_says_so() -> None:
    """A release of pytest once made the groups of its plugin vanish, and every fixture was made three times."""
    workers = {"a.py::one": "gw0", "a.py::two": "gw1", "b.py::one": "gw0", "b.py::two": "gw0"}
    (sentence,) = Spent(workers=workers).too_much_for(TIER)
    assert sentence.startswith("the tests of a.py ran on 2 workers")


@pytest.mark.parametrize(
    "part", [*worker_groups.APART, *worker_groups.ON_ONE_STACK, *worker_groups.SHARED]
)
def test_what_is_named_a_group_exists(part: str) -> None:
    assert (TESTS.parent / part).exists()


def test_work_of_processes_that_have_ended_is_counted() -> None:
    began = cpu_meter.read_cpu_seconds()
    work = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-S", "-c", work], check=True)
    assert 0.25 <= cpu_meter.read_cpu_seconds() - began < 5


def test_the_dearest_come_first() -> None:
    lines = cpu_meter.describe_dearest({"a.py": 1.0, "fixture stack": 20.25, "b.py": 3.0}, 2)
    assert [line.split() for line in lines] == [
        ["20.2", "CPU-seconds", "fixture", "stack"],
        ["3.0", "CPU-seconds", "b.py"],
    ]


def test_what_is_on_record_is_within_its_budget() -> None:
    kept = json.loads(DURATIONS.read_text())
    assert kept.keys() <= TIERS.keys()
    for name, took in kept.items():
        tier, files = TIERS[name], took["files"]
        assert took.get("cpu_seconds", 0) <= tier.cpu_seconds
        assert max(took.get("slowest", {}).values(), default=0) <= tier.test_seconds
        assert [file for file in files if not (TESTS.parent / file).exists()] == []


def test_a_schedule_is_on_record_for_each_faulty_signer_and_for_no_other() -> None:
    assert read_schedules().keys() == {faulty.__name__ for faulty in ALL_FAULTY_SIGNERS}
