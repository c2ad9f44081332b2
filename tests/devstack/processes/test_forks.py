"""What is forked from a process that has imported it is a process like any other: its own environment, session and end."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from devstack.environment.launch import make_module_command
from devstack.processes.child_processes import Process
from devstack.processes.forks import get_fork_server
from devstack.processes.programs import CannotStart, Program, says_ready
from devstack.processes.supervisor import Supervisor
from tests.devstack.conftest import Eventually

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux sends a signal when a parent dies"
)
CHILD = "tests.testkit.processes.telling_child"
PARENT = f"""
import asyncio, sys, pathlib
from devstack.environment.launch import make_module_command
from devstack.processes import child_processes, programs
async def main():
    program = programs.Program("child", make_module_command("{CHILD}"), programs.says_ready)
    child = child_processes.Process(program, pathlib.Path(sys.argv[1]), forks=True)
    await child.start()
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def build_program(*arguments: str, **environment: str) -> Program:
    command = make_module_command(CHILD, *arguments)
    return Program("child", command, says_ready, environment=environment)


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Process]:
    made = Process(build_program(SAID="so"), tmp_path, forks=True)
    await made.start()
    yield made
    await made.stop()


async def test_a_fork_is_what_a_start_of_its_own_would_be(child: Process, tmp_path: Path) -> None:
    said = json.loads(child.output().splitlines()[0])
    assert (said["name"], said["argv"], said["stdin"]) == ("__main__", [], "")
    assert said["environment"] == {"SAID": "so"}
    assert (said["session"], said["folder"]) == (child.pid, os.getcwd())
    executed = Process(build_program(), tmp_path / "executed")
    await executed.start()
    await executed.stop()
    # What the server itself needs, and nothing that other modules of the product do.
    more = set(said["modules"]) - set(json.loads(executed.output().splitlines()[0])["modules"])
    assert {name.partition(".")[0] for name in more} & {"api", "worker", "pytest"} == set()


async def test_a_killed_fork_is_started_again(
    tmp_path: Path, eventually: Eventually, alive: Callable[[int], bool]
) -> None:
    reported: list[str] = []
    supervisor = Supervisor(tmp_path, reported.append, forks=True)
    await supervisor.start(build_program())
    first = supervisor.pids["child"]
    os.kill(first, signal.SIGKILL)

    async def is_back() -> bool:
        return "child serves again" in reported

    await eventually(is_back)
    assert reported[0] == "child was ended by SIGKILL; starting it again"
    second = supervisor.pids["child"]
    assert psutil.Process(second).ppid() == get_fork_server(CHILD).pid
    await supervisor.stop(["child"])
    assert not alive(first)
    assert not alive(second)


async def test_how_a_fork_ends_comes_through(tmp_path: Path) -> None:
    child = Process(Program("child", make_module_command(CHILD, "7")), tmp_path, forks=True)
    await child.start()
    assert await child.wait() == 7
    failing = Process(build_program("no such luck"), tmp_path, forks=True)
    with pytest.raises(CannotStart, match="child stopped while starting: no such luck"):
        await failing.start()


async def test_forks_end_with_their_server_and_the_next_has_another(
    child: Process, tmp_path: Path, alive: Callable[[int], bool]
) -> None:
    server, pid = get_fork_server(CHILD).pid, child.pid
    assert pid
    os.kill(server, signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    another = Process(build_program(), tmp_path, forks=True)
    await another.start()
    assert not alive(pid)
    assert get_fork_server(CHILD).pid != server
    await another.stop()


async def test_a_module_that_cannot_be_imported_is_said(tmp_path: Path) -> None:
    command = make_module_command("tests.testkit.processes.nothing")
    child = Process(Program("child", command), tmp_path, forks=True)
    with pytest.raises(CannotStart, match=r"processes\.nothing could not be imported"):
        await child.start()


async def test_no_fork_outlives_a_killed_parent(
    tmp_path: Path, alive: Callable[[int], bool], eventually: Eventually
) -> None:
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    server = psutil.Process(pid).ppid()
    assert alive(pid)
    parent.kill()
    await parent.wait()

    async def are_gone() -> bool:
        return not alive(pid) and not alive(server)

    await eventually(are_gone)
