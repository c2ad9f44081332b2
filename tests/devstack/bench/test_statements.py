"""The statements of an outage are read from the server's log, and counted for what a process did at the time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from devstack.bench.lifecycle.statements import (
    BACKGROUND,
    Step,
    add_up,
    count_by_step,
    read_statements,
    read_steps,
)

BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)
LOG = """\
2026-11-30 11:59:59.900 UTC [7] worker LOG:  execute <unnamed>: SELECT 'before'
2026-11-30 12:00:00.100 UTC [7] worker LOG:  execute <unnamed>: BEGIN
2026-11-30 12:00:00.101 UTC [9] api LOG:  execute _pg3_1: SELECT 'not of the worker'
2026-11-30 12:00:00.102 UTC [7] worker LOG:  execute _pg3_4: SELECT id
\tFROM outages
2026-11-30 12:00:00.102 UTC [7] worker DETAIL:  Parameters: $1 = 'OUT-7'
2026-11-30 12:00:00.103 UTC [7] worker LOG:  execute <unnamed>: COMMIT
2026-11-30 12:00:00.104 UTC [7] worker LOG:  execute <unnamed>: SELECT 'alone'
2026-11-30 12:00:05.000 UTC [8] worker LOG:  execute <unnamed>: SELECT 'nobody asked'
2026-11-30 12:00:05.000 UTC [6]  LOG:  checkpoint starting: time
2026-11-30 12:00:05.001 UTC [5]  LOG:  statement: SELECT 'a stranger'
"""


def _make_step(name: str, begins: float, lasts: float, process: str = "worker") -> Step:
    began = BEGAN + timedelta(seconds=begins)
    return Step(process, name, began, began + timedelta(seconds=lasts))


def test_statements_are_counted_by_what_their_process_did_then() -> None:
    steps = [
        _make_step("judge_outage", 0.05, 0.1),
        _make_step("try_deliveries", 0, 3),
        _make_step("POST /outages", 0, 1, "api"),
    ]
    costs = count_by_step(read_statements(LOG), steps, BEGAN)
    assert [(each.process, each.name, each.transactions) for each in costs] == [
        ("api", "POST /outages", 1),
        ("worker", "judge_outage", 2),
        ("worker", BACKGROUND, 1),
    ]
    # What only begins or ends a transaction is none of them.
    assert costs[1].statements == {"SELECT id FROM outages": 1, "SELECT 'alone'": 1}
    assert add_up(costs, 1) == (3, 3)
    # Of five outages, what was asked once is no part of any.
    assert add_up(costs, 5) == (0, 0)


def test_steps_are_read_from_the_log_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text(
        "ready queues=outages\n"
        '{"timestamp":"2026-11-30T12:00:00.250000Z","event":"activity completed",'
        '"activity":"judge_outage","duration_ms":50.0}\n'
        '{"timestamp":"2026-11-30T12:00:00.300000Z","event":"something else"}\n'
        '{"timestamp":"2026-11-30T12:00:01.000000Z","event":"request","method":"POST",'
        '"route":"/outages","duration_ms":1000.0}\n'
    )
    assert read_steps(tmp_path, "worker") == [
        _make_step("judge_outage", 0.2, 0.05),
        _make_step("POST /outages", 0, 1),
    ]
