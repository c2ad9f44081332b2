"""The network without a port: a client for stellar-sdk that is answered inside the process.

Property tests send thousands of payments through it and close each ledger themselves.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson
from stellar_sdk.client.base_async_client import BaseAsyncClient
from stellar_sdk.client.response import Response
from stellar_sdk.exceptions import ConnectionError as StellarConnectionError

from stellar_sandbox.faults.fault_plan import Fault
from stellar_sandbox.ledger.entries import AccountEntry
from stellar_sandbox.network.fault_activation import start_fault_plan
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.ledger_manager import LedgerCloseResult
from stellar_sandbox.network.network import MANUAL_CLOSE_SECONDS, Network, Settings
from stellar_sandbox.rpc.request_pipeline import ConnectionFailure, handle_request

INITIAL_CLOSE_TIME = 1_780_000_000


class ManualClock:
    """A clock that moves only when a ledger closes."""

    def __init__(self, now: float = INITIAL_CLOSE_TIME) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class ManualNetwork(Network):
    """A network whose user closes ledgers; a request that waits for a close makes one."""

    def __init__(self, settings: Settings, clock: ManualClock) -> None:
        super().__init__(settings)
        self.manual_clock = clock

    async def wait_for_close(self) -> None:
        if self.halted:
            raise TimeoutError
        self.manual_clock.now += MANUAL_CLOSE_SECONDS
        self.close_ledger()


class StellarSandbox:
    """A network in memory, or in `data_dir`; `close_ledger` closes its ledgers."""

    def __init__(
        self,
        genesis: Genesis,
        nodes: int = 3,
        retention: int = 120_960,
        data_dir: Path | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.network = ManualNetwork(
            Settings(genesis, data_dir, 0, nodes=nodes, retention=retention, clock=self.clock),
            self.clock,
        )

    def create_client(self, node: int = 0) -> InProcessClient:
        return InProcessClient(self.network, node)

    def close_ledger(self, times: int = 1) -> LedgerCloseResult:
        for _ in range(times):
            self.clock.now += MANUAL_CLOSE_SECONDS
            close_result = self.network.close_ledger()
        return close_result

    def set_faults(self, *faults: Fault, seed: int = 0) -> None:
        """Replace the fault plan; without faults, end it."""
        start_fault_plan(self.network, list(faults), seed)

    def close(self) -> None:
        self.network.close()

    def read_account(self, address: str) -> AccountEntry | None:
        return self.network.ledger.root.load_account(address)

    def read_balance(self, address: str) -> int:
        """Return the account's balance of the issued asset, in stroops."""
        line = self.network.ledger.root.load_trustline(address, self.network.settings.genesis.asset)
        return 0 if line is None else line.balance


class InProcessClient(BaseAsyncClient):
    def __init__(self, network: Network, node: int = 0) -> None:
        self._node = network.nodes[node]

    async def post(
        self,
        url: str,
        data: dict[str, str] | None = None,
        json_data: dict[str, Any] | None = None,
    ) -> Response:
        reply = await handle_request(self._node, orjson.dumps(json_data))
        if reply.connection_failure == ConnectionFailure.HANG:
            raise TimeoutError
        if reply.connection_failure == ConnectionFailure.RESET:
            raise StellarConnectionError("the connection was reset")
        headers = {"Content-Type": reply.content_type}
        return Response(reply.status, reply.body.decode(), headers, url)

    async def get(
        self,
        url: str,
        params: dict[str, str] | None = None,
        max_content_size: int | None = None,
    ) -> Response:
        raise NotImplementedError("JSON-RPC is spoken over POST")

    def stream(
        self, url: str, params: dict[str, str] | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        raise NotImplementedError("JSON-RPC has no streams")

    async def close(self) -> None:
        """Nothing to close: there is no connection."""
