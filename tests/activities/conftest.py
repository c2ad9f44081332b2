"""Shared fixtures: the SLA contract as the operator calls it, on the chain of the shared stack."""

import json
from collections.abc import AsyncIterator

import pytest
from stellar_sdk import Keypair

from adapters.stellar.finality.sla_contract import SlaContract
from adapters.stellar.rpc.nodes import Nodes
from devstack.environment.stack import Stack


@pytest.fixture(scope="module")
def seeds(stack: Stack) -> dict[str, str]:
    return dict(json.loads((stack.directory.path / "stellar-keys.json").read_text())["seeds"])


@pytest.fixture(scope="module")
async def calculator(stack: Stack, seeds: dict[str, str]) -> AsyncIterator[SlaContract]:
    environment = stack.environment
    nodes = Nodes.from_urls(environment["STELLAR_RPC_URL"])
    yield SlaContract(
        nodes,
        environment["STELLAR_NETWORK_PASSPHRASE"],
        environment["STELLAR_SLA_CONTRACT"],
        *(Keypair.from_secret(seeds[name]) for name in ("operator", "fees")),
    )
    await nodes.close()
