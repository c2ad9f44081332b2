"""Runs of schemathesis: whether what the API answers is what its document says."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from devstack.environment.stack import Stack

CONFIG = Path(__file__).parents[2] / "data" / "schemathesis.toml"
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")
# On a busy machine; the tier limits what it may take on an idle one.
WITHIN_SECONDS = 1800
# What only a person may ask; a stream that has no end, and the ends of the session that asks, are tried elsewhere.
OF_PEOPLE = "/auth/me|/auth/sessions|/user/"


@dataclass(frozen=True)
class SchemathesisRun:
    """Every check, with what fits the document and with what does not."""

    url: str
    seed: int
    examples: int
    headers: dict[str, str]
    options: tuple[str, ...] = ()
    caller: str = "key"

    async def play(self, folder: Path) -> None:
        """Fail with what was found; `seed` finds it again."""
        headers = [f"--header={name}: {value}" for name, value in self.headers.items()]
        process = await asyncio.create_subprocess_exec(
            *(SCHEMATHESIS, "--config-file", str(CONFIG), "run", f"{self.url}/openapi.json"),
            *(*headers, *self.options, f"--seed={self.seed}", f"--max-examples={self.examples}"),
            *("--continue-on-failure", "--request-timeout=20", "--suppress-health-check=all"),
            "--no-color",
            cwd=folder,
            env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS), "SCHEMATHESIS_CALLER": self.caller},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), WITHIN_SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        text = said.decode()
        assert process.returncode == 0, f"seed {self.seed}\n{text[-20_000:]}"
        assert "passed" in text, text[-2000:]


async def play_role(
    stack: Stack, seed: int, headers: dict[str, str], folder: Path, *, examples: int = 1
) -> None:
    """Ask every operation in the name of a caller, few times, and what follows from its answers."""
    options = ("--phases=fuzzing,stateful",)
    await SchemathesisRun(stack.url, seed, examples, headers, options).play(folder)
