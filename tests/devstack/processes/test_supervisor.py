"""What dies comes back; what keeps dying is given up with a sentence."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from devstack.processes import supervisor as supervisors
from devstack.processes.programs import CannotStart, Program, says_ready
from devstack.processes.supervisor import Supervisor, run_all_or_none
from tests.devstack.conftest import Eventually

PATIENT = "import time; print('ready', flush=True); time.sleep(600)"


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code], says_ready)


async def test_a_killed_child_is_started_again(
    supervisor: Supervisor, reported: list[str], eventually: Eventually
) -> None:
    await supervisor.start(python("child", PATIENT))
    first = supervisor.pids["child"]
    supervisor.kill("child")

    async def back() -> bool:
        return "child serves again" in reported

    await eventually(back)
    assert supervisor.pids["child"] != first
    assert supervisor.restarts == {"child": 1}
    assert reported[0] == "child was ended by SIGKILL; starting it again"


async def test_a_child_that_keeps_dying_is_given_up(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisors, "LONGEST_PAUSE_SECONDS", 0.01)
    await supervisor.start(
        python("child", "import time; print('ready', flush=True); time.sleep(.05)")
    )
    async with asyncio.timeout(30):
        sentence = await supervisor.gave_up
    assert sentence == f"child keeps dying; its log is {tmp_path / 'logs' / 'child.log'}"
    assert supervisor.restarts["child"] == supervisors.RESTARTS_PER_MINUTE


async def test_a_child_that_cannot_come_back_is_given_up(
    supervisor: Supervisor, reported: list[str], tmp_path: Path
) -> None:
    once = tmp_path / "once"
    code = f"import os; os.mkdir({str(once)!r}); {PATIENT}"
    await supervisor.start(python("child", code))
    supervisor.kill("child")
    async with asyncio.timeout(30):
        await supervisor.gave_up
    assert "File exists" in reported[1]


async def test_stopping_is_not_dying(supervisor: Supervisor, reported: list[str]) -> None:
    await supervisor.start(python("one", PATIENT))
    await supervisor.start(python("two", PATIENT))
    await supervisor.stop(["one", "two", "three"])
    assert supervisor.pids == {}
    assert reported == []


async def test_the_first_failure_is_raised_as_itself() -> None:
    async def fail() -> None:
        raise CannotStart("for a reason")

    async def work() -> None:
        async with run_all_or_none() as group:
            group.create_task(asyncio.sleep(600))
            group.create_task(fail())

    with pytest.raises(CannotStart, match="for a reason"):
        await work()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (128 + signal.SIGTERM, "was ended by SIGTERM"),
        (3, "ended with exit code 3"),
    ],
)
def test_the_end_of_a_process_is_one_sentence(code: int, sentence: str) -> None:
    assert supervisors._ending(code) == sentence
