"""A client of a network of its own in memory, which closes its ledgers itself."""

from __future__ import annotations

from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.calculator import instance_storage
from stellar_sandbox.calculator.contract import SlaCalculator
from stellar_sandbox.calculator.contract_state import ContractState
from stellar_sandbox.client import InProcessClient, ManualClock
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.network import Network, Settings
from stellar_sandbox.testing.accounts import FEES, ISSUER, PASSPHRASE
from stellar_sandbox.testing.contract_client import CHANNEL, ContractClient
from stellar_sandbox.testing.contract_results import (
    PEOPLE,
)


def build_genesis() -> Genesis:
    holders = [*PEOPLE.values(), CHANNEL, FEES]
    return Genesis.parse(
        {
            "network_passphrase": PASSPHRASE,
            "asset": {"code": "USDC", "issuer": ISSUER.public_key},
            "accounts": [
                {"address": pair.public_key, "native_stroops": 10**13, "usdc_stroops": None}
                for pair in holders
            ],
        }
    )


class LocalClient(ContractClient):
    """A client with a network of its own in memory, whose clock is set by the test."""

    def __init__(self, now: int = 0) -> None:
        self.clock = ManualClock(now)
        # With less than a second between ledgers, two of them may have the same close time.
        self.network = Network(Settings(build_genesis(), close_seconds=0.5, clock=self.clock))
        client = InProcessClient(self.network)
        super().__init__(SorobanServerAsync("http://in-process", client), "", CHANNEL)
        self._contracts = 0

    async def wait_for_close(self) -> None:
        self.network.close_ledger()

    def deploy(self, state: ContractState | None = None) -> str:
        """Deploy a new contract, with an initial state if one is given."""
        self._contracts += 1
        calculator = SlaCalculator(
            instance_storage.derive_contract_id(f"calculator {self._contracts}")
        )
        self.network.deploy(
            instance_storage.encode_instance(calculator.contract, state), calculator
        )
        self.contract = calculator.contract
        return self.contract

    async def close(self) -> None:
        await super().close()
        self.network.close()
