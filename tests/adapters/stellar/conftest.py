"""A network in memory with three nodes, whose ledgers the test closes, and a rail that uses it."""

from collections.abc import Iterator
from typing import Any

import pytest
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.rail import Rail
from adapters.stellar.rpc.nodes import Nodes, RpcNode
from adapters.stellar.signing.keys import Keys, derive_channel_keypairs
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.faults.fault_plan import parse_fault_plan
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.testing.accounts import (
    FEES,
    ISSUER,
    PASSPHRASE,
    PAYER,
    SHOP,
    XLM,
    derive_keypair,
)
from stellar_sandbox.testing.wallet import Wallet

MASTER, OPERATOR = derive_keypair("master of channels"), derive_keypair("operator")
CHANNELS = {pair.public_key: pair for pair in derive_channel_keypairs(MASTER.secret, 4)}
KEYS = Keys({PAYER.public_key: PAYER}, CHANNELS, FEES, OPERATOR, [PAYER.public_key])


def build_sandbox(passphrase: str = PASSPHRASE) -> StellarSandbox:
    def row(address: str, usdc: int | None) -> dict[str, Any]:
        return {"address": address, "native_stroops": 1_000 * XLM, "usdc_stroops": usdc}

    rows = [row(PAYER.public_key, 1_000_000 * XLM), row(SHOP.public_key, 0)]
    rows += [row(address, None) for address in (FEES.public_key, OPERATOR.public_key, *CHANNELS)]
    document = {
        "network_passphrase": passphrase,
        "asset": {"code": "USDC", "issuer": ISSUER.public_key},
        "accounts": rows,
    }
    return StellarSandbox(Genesis.parse(document))


def build_nodes(sandbox: StellarSandbox, count: int = 3) -> Nodes:
    """The nodes of a network in memory, as the engine sees them."""
    return Nodes(
        [
            RpcNode(
                f"node {index + 1}",
                SorobanServerAsync("http://in-process", sandbox.create_client(index)),
            )
            for index in range(count)
        ]
    )


def build_rail(sandbox: StellarSandbox, nodes: Nodes) -> Rail:
    return Rail(nodes, sandbox.network.passphrase, ISSUER.public_key, KEYS)


def plan_faults(sandbox: StellarSandbox, *faults: dict[str, Any], seed: int = 1) -> None:
    start_fault_plan(sandbox.network, *parse_fault_plan({"seed": seed, "faults": list(faults)}))


@pytest.fixture
def sandbox() -> Iterator[StellarSandbox]:
    made = build_sandbox()
    yield made
    made.network.close()


@pytest.fixture
def nodes(sandbox: StellarSandbox) -> Nodes:
    return build_nodes(sandbox)


@pytest.fixture
def wallet(sandbox: StellarSandbox) -> Wallet:
    """A wallet of somebody else that pays from the same treasury, on our channels if need be."""
    return Wallet(SorobanServerAsync("http://in-process", sandbox.create_client()))
