"""Fixtures: a network in memory, a wallet that speaks to it, and the sandbox as a process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.testing.accounts import build_genesis_document
from stellar_sandbox.testing.process import SandboxProcess
from stellar_sandbox.testing.wallet import Wallet


@pytest.fixture
def sandbox() -> Iterator[StellarSandbox]:
    made = StellarSandbox(Genesis.parse(build_genesis_document()))
    yield made
    made.network.close()


@pytest.fixture
def wallet(sandbox: StellarSandbox) -> Wallet:
    return Wallet(SorobanServerAsync("http://in-process", sandbox.create_client()))


@pytest.fixture(scope="session")
async def process(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    directory = tmp_path_factory.mktemp("stellar")
    made = await SandboxProcess(directory, "--close-seconds", "0.2").start()
    yield made
    await made.stop()
