"""The sandbox as a process with a port, as a user starts it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from stellar_sandbox.testing.accounts import build_genesis_document


class SandboxProcess:
    """The sandbox as a process with a port, as a user starts it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self.options = directory, options
        self.genesis = directory / "genesis.json"
        if not self.genesis.exists():
            self.genesis.write_text(json.dumps(build_genesis_document()))
        self.data_dir = directory / "ledger"
        self.url = ""
        self.child: asyncio.subprocess.Process | None = None

    async def start(self) -> SandboxProcess:
        self.child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stellar_sandbox",
            *("--genesis", str(self.genesis), "--data-dir", str(self.data_dir)),
            *("--port", "0", *self.options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self.child.stdout is not None
        line = (await self.child.stdout.readline()).decode().split()
        self.url = line[1] if line else ""
        return self

    async def stop(self) -> int:
        assert self.child is not None
        if self.child.returncode is None:
            self.child.terminate()
        await self.child.communicate()
        return self.child.returncode or 0

    async def kill(self) -> None:
        assert self.child is not None
        self.child.kill()
        await self.child.communicate()
