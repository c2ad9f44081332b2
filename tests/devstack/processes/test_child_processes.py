"""A child starts when it serves, fails with a sentence, and never outlives its parent."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from devstack.processes import child_processes
from devstack.processes.child_processes import Process
from devstack.processes.programs import CannotStart, Program, says_ready
from tests.devstack.conftest import Eventually

PATIENT = "import time; print('ready', flush=True); time.sleep(600)"
# Starts one child, prints its process id, and waits to be killed.
PARENT = """
import asyncio, sys, pathlib
from devstack.processes import child_processes, programs
child_processes.WATCHED_BY_PIPE = sys.argv[2] == "pipe"
async def main():
    command = [sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"]
    program = programs.Program("child", command, programs.says_ready)
    child = child_processes.Process(program, pathlib.Path(sys.argv[1]))
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def python(code: str, **options: object) -> Program:
    return Program("child", [sys.executable, "-c", code], says_ready, **options)  # type: ignore[arg-type]


@pytest.fixture(params=["death signal", "pipe"])
def guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "death signal" and not sys.platform.startswith("linux"):
        pytest.skip("only Linux sends a signal when a parent dies")
    monkeypatch.setattr(child_processes, "WATCHED_BY_PIPE", request.param == "pipe")
    return str(request.param)


@pytest.mark.usefixtures("guard")
async def test_a_child_serves_and_stops(tmp_path: Path) -> None:
    child = Process(python(PATIENT), tmp_path)
    await child.start()
    assert child.running
    assert child.output() == "ready\n"
    await child.stop()
    assert not child.running


# Ends at once when it is told to, and before the one it has started, which writes its name and tidies up first.
HASTY = """
import subprocess, sys, time
slow = "import os, signal, sys, time\\nsignal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), os._exit(0)))\\nprint('ready', os.getpid(), flush=True)\\ntime.sleep(600)"
subprocess.Popen([sys.executable, "-c", slow])
time.sleep(600)
"""


@pytest.mark.usefixtures("guard")
async def test_a_child_takes_along_what_it_started(tmp_path: Path) -> None:
    child = Process(python(HASTY), tmp_path)
    await child.start()
    grandchild = int(child.output().split()[1])
    await child.stop()
    assert not psutil.pid_exists(grandchild) or (
        psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
    )


@pytest.mark.usefixtures("guard")
async def test_a_start_that_is_called_off_at_once_takes_along_what_it_started(
    tmp_path: Path,
) -> None:
    """On a busy machine much has happened by the time that the stack learns of its own child."""
    child = Process(python(HASTY), tmp_path)
    before = set(psutil.Process().children())
    starting = asyncio.create_task(child.start())
    while not child.log.exists() or not child.output():
        await asyncio.sleep(0)
        if set(psutil.Process().children()) - before:  # not while it still waits to be started
            await_grandchild(child.log)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    grandchild = int(child.output().split()[1])
    assert not psutil.pid_exists(grandchild) or (
        psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE
    )


def await_grandchild(log: Path) -> None:
    """Keep the loop from all else until the grandchild has written its name."""
    end = time.monotonic() + 20
    while log.exists() and not log.read_text().endswith("\n") and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.usefixtures("guard")
async def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    stubborn = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PATIENT}"
    child = Process(python(stubborn, stop_seconds=0.3), tmp_path)
    await child.start()
    begun = time.monotonic()
    await child.stop()
    assert not child.running
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("guard")
async def test_the_exit_code_comes_through(tmp_path: Path) -> None:
    child = Process(Program("child", [sys.executable, "-c", "raise SystemExit(7)"]), tmp_path)
    await child.start()
    assert await child.wait() == 7


async def test_a_death_while_starting_is_one_sentence_with_the_last_line(tmp_path: Path) -> None:
    child = Process(python("print('one'); raise SystemExit('no such luck')"), tmp_path)
    with pytest.raises(CannotStart) as failure:
        await child.start()
    assert str(failure.value) == (
        f"child stopped while starting: no such luck (its log is {tmp_path / 'child.log'})"
    )


async def test_a_child_that_never_serves_is_given_up_and_ended(tmp_path: Path) -> None:
    child = Process(python("import time; time.sleep(600)", start_seconds=0.2), tmp_path)
    with pytest.raises(CannotStart, match=r"child did not serve within 0 s: it printed nothing"):
        await child.start()
    assert not child.running


async def test_only_what_it_said_since_its_last_start_counts(tmp_path: Path) -> None:
    (tmp_path / "child.log").write_text("ready long ago\n")
    child = Process(python("import time; time.sleep(600)", start_seconds=0.2), tmp_path)
    with pytest.raises(CannotStart):
        await child.start()


async def test_a_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_processes, "LOG_LIMIT_BYTES", 10)
    (tmp_path / "child.log").write_text("x" * 11)
    child = Process(python(PATIENT), tmp_path)
    await child.start()
    await child.stop()
    assert (tmp_path / "child.log").read_text() == "ready\n"
    assert (tmp_path / "child.log.1").read_text() == "x" * 11


async def test_a_child_of_another_thread_is_refused(tmp_path: Path) -> None:
    def in_a_thread() -> None:
        asyncio.run(Process(python(PATIENT), tmp_path).start())

    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(in_a_thread)


async def test_no_child_outlives_a_killed_parent(
    tmp_path: Path, guard: str, alive: Callable[[int], bool], eventually: Eventually
) -> None:
    how = "pipe" if guard == "pipe" else "signal"
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path), how), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    assert alive(pid)
    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not alive(pid)

    await eventually(gone)


async def test_a_task_that_is_called_off_leaves_nothing(
    tmp_path: Path, alive: Callable[[int], bool]
) -> None:
    child = Process(Program("child", [sys.executable, "-c", PATIENT]), tmp_path)
    task = asyncio.create_task(child.finish())
    while child.pid is None:
        await asyncio.sleep(0.01)
    pid = child.pid
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not alive(pid)


async def test_a_task_that_fails_is_one_sentence(tmp_path: Path) -> None:
    child = Process(Program("child", [sys.executable, "-c", "exit('it was not to be')"]), tmp_path)
    with pytest.raises(CannotStart, match="child failed: it was not to be"):
        await child.finish()
