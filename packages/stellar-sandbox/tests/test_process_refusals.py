"""A sandbox that cannot start says why, in one sentence."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from stellar_sandbox import Genesis, StellarSandbox
from stellar_sandbox.testing.process import SandboxProcess


async def test_a_data_directory_of_another_world_is_refused_in_one_sentence(
    tmp_path: Path,
) -> None:
    process = SandboxProcess(tmp_path)
    process.data_dir.mkdir()
    StellarSandbox(Genesis.read(process.genesis), data_dir=process.data_dir).close()
    document = json.loads(process.genesis.read_text())
    document["network_passphrase"] = "Another"
    process.genesis.write_text(json.dumps(document))

    await process.start()
    assert process.child is not None
    _, errors = await process.child.communicate()
    assert process.child.returncode == 2
    assert errors.decode().startswith("The data directory was made from another genesis")
    assert errors.decode().count("\n") == 1


async def test_a_ledger_in_use_and_a_taken_port_are_said_in_one_sentence(
    process: SandboxProcess, tmp_path: Path
) -> None:
    port = process.url.rpartition(":")[2]
    ledger_in_use = SandboxProcess(process.directory)
    port_taken = SandboxProcess(tmp_path, "--port", port)
    await asyncio.gather(ledger_in_use.start(), port_taken.start())
    for other, words in (
        (ledger_in_use, "cannot be used: database is locked"),
        (port_taken, "Cannot listen on"),
    ):
        assert other.child is not None
        _, errors = await other.child.communicate()
        assert other.child.returncode == 2
        assert words in errors.decode()
        assert errors.decode().count("\n") == 1
