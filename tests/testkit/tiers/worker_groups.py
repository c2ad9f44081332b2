"""
Which tests stay together on one worker of a run.

The plugin's own groups, `--dist loadgroup` with its marker, are lost without a word where pytest is 9.2 or newer
(findings/xdist-groups.sh): every test went to whichever worker was free, and what is started for a file was started
by all of them. So the groups are told from the name of a test, which is all that the plugin's controller knows.
"""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

# Something is started for all tests of the folder, and stopped after the last of them.
SHARED = ("tests/on_hold/",)
# They need nothing but the stack of their worker, of which each worker would start one, and keep it to the end.
ON_ONE_STACK = (
    "tests/system/test_misfortunes.py",
    "tests/system/commands/test_bench.py",
    "tests/system/commands/test_demo.py",
    "tests/system/commands/test_restore.py",
)
# Each test starts what it needs; nothing is gained where they share a worker.
APART = (
    "tests/system/settlement/test_schedules.py",
    "tests/system/settlement/test_lying_nodes.py",
    "tests/system/settlement/test_restored_databases.py",
    "tests/system/settlement/test_failpoints.py",
    "tests/system/sla/test_one_truth.py",
)
# A test is not begun before its worker knows the next one.
NEEDED_TO_GO_ON = 2


class GroupScheduling(LoadScopeScheduling):
    """Gives a whole group to a worker, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return name_group(nodeid)

    def _reschedule(self, node: "WorkerController") -> None:
        """
        Give a worker the next group once it cannot go on without it. The plugin does so a test earlier, and what waits
        for a busy worker is not there for one that is free.
        """
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < NEEDED_TO_GO_ON:
            super()._reschedule(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(
    config: pytest.Config, log: "Producer"
) -> LoadScopeScheduling | None:
    """Take the place of the plugin's own groups; other ways of distributing are left alone."""
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


class SharedFolder(pytest.Package):
    """
    What a fixture of the scope `package` ends with. Without it a stack that is started for a folder would be
    idle, which is a twelfth of a core, until the last test of the run has ended.
    """

    def setup(self) -> None:
        """Import nothing: the folder is no package of Python."""


def pytest_collect_directory(path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    shared = any(f"{path.as_posix()}/".endswith(f"/{folder}") for folder in SHARED)
    return SharedFolder.from_parent(parent, path=path) if shared else None


def name_file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def name_group(nodeid: str) -> str:
    """Name what a test stays together with: the tests of its file, of its folder or of its stack, or none."""
    file = name_file(nodeid)
    if file in APART:
        return nodeid
    if file in ON_ONE_STACK:
        return "tests/system/ on one stack"
    return next((folder for folder in SHARED if file.startswith(folder)), file)


def list_scattered(workers: dict[str, str]) -> dict[str, int]:
    """Count the workers of each group that went to more than one; `workers` has that of each test."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for nodeid, worker in workers.items():
        found[name_group(nodeid)].add(worker)
    return {group: len(each) for group, each in found.items() if len(each) > 1}
