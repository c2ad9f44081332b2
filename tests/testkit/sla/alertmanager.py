"""A real Alertmanager on the loopback, with the configuration of docs/intake.md made quick."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from devstack.processes.ports import LOOPBACK, free
from tests.testkit.api_client import wait_until
from tests.testkit.sla.source_client import SourceClient
from tests.testkit.source_tree import ROOT

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
QUICK = {"group_wait": "200ms", "group_interval": "1s", "repeat_interval": "4s"}
ADDRESS = "https://apexchainx.example/api/v1/intake/alertmanager/prometheus"


@dataclass
class Alertmanager:
    folder: Path
    port: int = field(default_factory=free)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        assert PROGRAM is not None
        log = (self.folder / "alertmanager.log").open("ab")
        self.process = await asyncio.create_subprocess_exec(
            PROGRAM,
            f"--config.file={self.folder / 'alertmanager.yml'}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--cluster.listen-address=",
            stdout=log,
            stderr=log,
        )
        log.close()

        async def is_ready() -> bool:
            try:
                answer = await self.ask("GET", "/-/ready")
            except httpx.TransportError:
                return False
            return answer.status_code == 200

        await wait_until(is_ready, "Alertmanager is ready", 20)

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await self.process.wait()

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        url = f"http://{LOOPBACK}:{self.port}{path}"
        async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
            return await client.request(method, url, json=body)

    async def post_alerts(self, alerts: list[dict[str, Any]]) -> None:
        answer = await self.ask("POST", "/api/v2/alerts", alerts)
        assert answer.status_code == 200, answer.text

    async def mute(self, site: str, start: datetime, end: datetime) -> None:
        matcher = {"name": "site", "value": site, "isRegex": True, "isEqual": True}
        body = {
            "matchers": [matcher],
            "startsAt": start.isoformat(),
            "endsAt": end.isoformat(),
            "createdBy": "rita",
            "comment": "at work",
        }
        answer = await self.ask("POST", "/api/v2/silences", body)
        assert answer.status_code == 200, answer.text


def write_configuration(folder: Path, source: SourceClient) -> None:
    """Write what docs/intake.md tells to write, for a source on this machine, and quicker."""
    page = (ROOT / "docs/intake.md").read_text()
    (block,) = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    for name, value in QUICK.items():
        block, count = re.subn(rf"{name}: \S+", f"{name}: {value}", block)
        assert count == 1, name
    address = f"{source.api.base_url}intake/alertmanager/{source.name}"
    assert block.count(ADDRESS) == block.count("TOKEN") == 1
    block = block.replace(ADDRESS, address).replace("TOKEN", source.token)
    (folder / "alertmanager.yml").write_text(block)


@asynccontextmanager
async def run_alertmanager(folder: Path, source: SourceClient) -> AsyncIterator[Alertmanager]:
    write_configuration(folder, source)
    running = Alertmanager(folder)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
