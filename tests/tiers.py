"""
Tiers of tests: what belongs to each, what it may cost, and in which order it runs.

    make unit         what needs no server: domain, settings, adapters, the chain in memory
    make test         all of that, and everything a change usually breaks, on one whole stack a worker
    make test-system  kills, crashes, crowds, fresh schedules, the commands a user types
    make soak         hours, and tests/soak, which is in no tier: fresh searches for faulty signers, of which tiers play those on record

A tier that outgrew its budget is red, though all its tests pass: make the tests cheaper, or move what only few changes
break to the next tier. Counted is the CPU time of the run and of all its children, for which the pace of the machine is
allowed (tests/testkit/tiers/machine_pace.py); the budget is what two idle cores can do in the time that the tier may
take. A single test has a limit on the clock; the time in which something on this machine waited for a core (Linux
tells: /proc/pressure/cpu) does not count, unless the test itself worked in it. ARGS=--cpu=30 prints the thirty files
and fixtures that took most of the CPU.

What each file took is in tests/durations.json: a run starts with what takes longest, so that all workers end together.
The tests of a file stay together, because they share what was started for them (tests/testkit/tiers/worker_groups.py).
`make durations` measures anew; commit the file with what changed it.
"""

import json
import os
import resource
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.testkit.tiers.cpu_meter import PROPERTY, CpuMeter, describe_dearest
from tests.testkit.tiers.machine_pace import MachinePace
from tests.testkit.tiers.worker_groups import list_scattered, name_file, name_group

TESTS = Path(__file__).parent
DURATIONS = TESTS / "durations.json"
SYSTEM = TESTS / "system"
SOAK = TESTS / "soak"
PRESSURE = Path("/proc/pressure/cpu")
UNIT = (
    *("domain", "adapters/stellar", "adapters/test_settings.py", "adapters/subscribers"),
    "adapters/test_tracing.py",
    "adapters/test_setting_types.py",
    *("../packages/stellar-sandbox/tests", "devstack", "api", "cli/test_main.py"),
    *(
        "docs/test_docs.py",
        "docs/test_operations.py",
        "docs/test_lists.py",
        "docs/test_copied_examples.py",
        "docs/test_compose.py",
    ),
    *("docs/test_pages.py", "test_contract_parity.py", "test_state_codes.py", "test_tidy.py"),
    *("test_tiers.py", "docs/test_ignored_files.py", "test_schedule_replay.py"),
)
# In those folders, and it starts processes.
NOT_UNIT = (
    "../packages/stellar-sandbox/tests/test_process.py",
    "../packages/stellar-sandbox/tests/test_process_refusals.py",
    "devstack/environment/test_stellar_network.py",
    "devstack/environment/test_closed_folder.py",
    "devstack/replay/test_api_client.py",
    "devstack/processes/test_child_processes.py",
    "devstack/processes/test_forks.py",
    "devstack/commands/test_replay.py",
    "devstack/bench/edge/test_peak_memory.py",
)
_UNIT, _NOT_UNIT = (
    tuple(f"{(TESTS / part).resolve()}/" for part in parts) for parts in (UNIT, NOT_UNIT)
)
# Whoever asks for one of these has a server started.
SERVERS = {"surroundings", "environment", "process", "supervisor", "running"}
# Who sets one of these has chosen to take longer.
CHOSEN = {
    *("SCHEDULES", "KILLS", "RECORD_SCHEDULES", "IDEMPOTENCY_KEYS", "EVENTS", "REPEAT", "CROWDS"),
}
# Where durations.json is silent.
UNKNOWN_SECONDS = 0.3


@dataclass(frozen=True)
class Tier:
    """What may be spent on a run, and on the slowest of its tests."""

    cpu_seconds: float
    test_seconds: float


TIERS = {"unit": Tier(120, 10), "test": Tier(1100, 30), "system": Tier(2400, 420)}


@dataclass
class Spent:
    """What this run took."""

    began: float = field(default_factory=time.monotonic)
    tests: int = 0
    files: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    slowest: dict[str, float] = field(default_factory=dict)
    cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    workers: dict[str, str] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    pace: float = 1.0

    def end(self) -> None:
        parts = [
            resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        self.cpu_seconds = sum(part.ru_utime + part.ru_stime for part in parts)
        self.wall_seconds = time.monotonic() - self.began
        self.pace = _PACE.compute_factor()

    def too_much_for(self, tier: Tier) -> list[str]:
        """Say what is over the budget."""
        over = [
            f"{test} took {seconds:.0f} s, a test of this tier may take {tier.test_seconds * self.pace:.0f}"
            for test, seconds in self.slowest.items()
            if seconds > tier.test_seconds * self.pace
        ]
        if self.cpu_seconds > tier.cpu_seconds * self.pace:
            over.append(
                f"the tier took {self.cpu_seconds:.0f} CPU-seconds, its budget is "
                f"{tier.cpu_seconds * self.pace:.0f}: see tests/tiers.py"
            )
        return over + [
            f"the tests of {group} ran on {count} workers, each of which started what they share: see --dist loadgroup"
            for group, count in list_scattered(self.workers).items()
        ]


_spent, _PACE = Spent(), MachinePace()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tier", choices=list(TIERS), help="collect this tier, and hold its budget")
    parser.addoption("--write-durations", action="store_true", help="write tests/durations.json")
    parser.addoption(
        "--cpu", type=int, default=0, metavar="N", help="show the N files that took most of the CPU"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Before the workers start, which inherit it: all of a run draw from one seed, and what is
    # parametrised over a set has one order.
    os.environ.setdefault("SEED", str(secrets.randbits(31)))
    os.environ.setdefault("PYTHONHASHSEED", str(int(os.environ["SEED"]) % 2**32))
    if config.getoption("--cpu") or config.getoption("--write-durations"):
        config.pluginmanager.register(CpuMeter())
    if runs_tests(config):
        config.pluginmanager.import_plugin("tests.testkit.tiers.thrift")


def runs_tests(config: pytest.Config) -> bool:
    """Return False where tests are handed out to workers: what they import, which takes seconds, is of no use there."""
    return hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"


def pytest_report_header(config: pytest.Config) -> str:
    return f"fresh schedules are drawn from SEED={os.environ['SEED']}"


@pytest.fixture(scope="session")
def seed() -> int:
    """What fresh schedules are drawn from."""
    return int(os.environ["SEED"])


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave other tiers alone, unless a path was named."""
    tier = config.getoption("--tier")
    if tier is None or config.args_source is pytest.Config.ArgsSource.ARGS:
        return None
    path = f"{collection_path}/"
    if path.startswith(f"{SOAK}/"):
        return True
    if tier == "unit":
        wanted = any(path.startswith(part) or part.startswith(path) for part in _UNIT)
        return None if wanted and not path.startswith(_NOT_UNIT) else True
    if tier == "system":
        return None if path.startswith(f"{SYSTEM}/") or f"{SYSTEM}/".startswith(path) else True
    return True if path.startswith(f"{SYSTEM}/") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--tier") == "unit":
        idle = {item for item in items if SERVERS.isdisjoint(_fixtures(item))}
        config.hook.pytest_deselected(items=[item for item in items if item not in idle])
        items[:] = [item for item in items if item in idle]
    if config.getoption("--tier"):
        _put_longest_first(items, _known_seconds(config.getoption("--tier")))


def _fixtures(item: pytest.Item) -> Iterable[str]:
    return getattr(item, "fixturenames", ())


def _put_longest_first(items: list[pytest.Item], known: dict[str, float]) -> None:
    tests = Counter(name_file(item.nodeid) for item in items)
    groups: defaultdict[str, float] = defaultdict(float)
    for item in items:
        file = name_file(item.nodeid)
        groups[name_group(item.nodeid)] += (
            known.get(file, UNKNOWN_SECONDS * tests[file]) / tests[file]
        )

    def rank(item: pytest.Item) -> tuple[float, str]:
        group = name_group(item.nodeid)
        return -groups[group], group

    items.sort(key=rank)  # stable within a group


def _known_seconds(tier: str) -> dict[str, float]:
    known = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    return dict(known.get(tier, {}).get("files", {}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    began, worked, stalled = time.monotonic(), time.process_time(), _stalled_seconds()
    try:
        return (yield)
    finally:
        moving = time.monotonic() - began - (_stalled_seconds() - stalled)
        # On a busy machine something waits all the time; what was worked meanwhile counts.
        item.user_properties.append(("seconds", max(moving, time.process_time() - worked)))


def _stalled_seconds() -> float:
    """How long, since the machine began, something of it had to wait for a core."""
    with suppress(OSError, ValueError, IndexError):
        return int(PRESSURE.read_text().splitlines()[0].rpartition("total=")[2]) / 1e6
    return 0.0


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _spent.files[name_file(report.nodeid)] += report.duration
    properties = dict(report.user_properties)
    if report.when == "call":
        _spent.tests += 1
        _PACE.note_test()
        seconds = properties.get("seconds", report.duration)
        assert isinstance(seconds, float)
        _spent.slowest[report.nodeid] = seconds
        _spent.workers[report.nodeid] = getattr(report, "worker_id", "")
    if report.when == "teardown":
        measured = properties.get(PROPERTY, {})
        assert isinstance(measured, dict)
        for name, seconds in measured.items():
            _spent.cpu[name] += seconds


@pytest.hookimpl(trylast=True)  # after the workers have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    tier = session.config.getoption("--tier")
    if tier is None or hasattr(session.config, "workerinput"):
        return
    _spent.end()
    chosen = CHOSEN & os.environ.keys()
    if session.exitstatus == 0 and not chosen and _spent.too_much_for(TIERS[tier]):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.config.getoption("--write-durations"):
        _write_durations(tier)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if dearest := describe_dearest(_spent.cpu, config.getoption("--cpu")):
        terminalreporter.section("CPU by file")
        for line in dearest:
            terminalreporter.line(line)
    tier = config.getoption("--tier")
    if tier is None:
        return
    terminalreporter.section(f"tier {tier}")
    terminalreporter.line(
        f"{_spent.tests} tests, {_spent.cpu_seconds:.0f} CPU-seconds of "
        f"{TIERS[tier].cpu_seconds:.0f}, {_spent.wall_seconds:.0f} s on the clock, pace {_spent.pace:.2f}"
    )
    for sentence in _spent.too_much_for(TIERS[tier]):
        terminalreporter.line(sentence, red=True)


def _write_durations(tier: str) -> None:
    kept = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    slowest = sorted(_spent.slowest.items(), key=lambda each: -each[1])[:10]
    kept[tier] = {
        "tests": _spent.tests,
        "cpu_seconds": round(_spent.cpu_seconds),
        "wall_seconds": round(_spent.wall_seconds),
        "slowest": {test: round(seconds, 1) for test, seconds in slowest},
        "files": {file: round(seconds, 1) for file, seconds in sorted(_spent.files.items())},
        "cpu": {name: round(seconds, 1) for name, seconds in sorted(_spent.cpu.items())},
    }
    DURATIONS.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
