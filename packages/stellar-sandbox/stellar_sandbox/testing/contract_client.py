"""A client of the SLA calculator that uses stellar-sdk and XDR alone.

Over a port ledgers close by themselves; in memory the client closes them.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

from stellar_sdk import (
    Address,
    Keypair,
    SorobanDataBuilder,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.auth import authorize_entry
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.calculator import instance_storage
from stellar_sandbox.calculator.contract import SlaCalculator
from stellar_sandbox.calculator.contract_state import ContractState
from stellar_sandbox.client import InProcessClient, ManualClock
from stellar_sandbox.network.genesis import Genesis
from stellar_sandbox.network.network import Network, Settings
from stellar_sandbox.testing.accounts import FEES, ISSUER, PASSPHRASE, derive_keypair

_CODE = re.compile(r"Error\(Contract, #([0-9]+)\)")


PEOPLE = {name: derive_keypair(name) for name in ("admin", "operator", "stranger", "other")}
NAMES = {pair.public_key: name for name, pair in PEOPLE.items()}
CHANNEL = derive_keypair("channel")


class ContractCallFailed(Exception):
    """A call that failed; `code` is the contract's error number, or None for a host error."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found[1]) if found else None
        self.text = text


@dataclass(frozen=True)
class ContractCallResult:
    """The return value and the events of an applied call."""

    value: Any
    events: list[tuple[list[Any], Any]]
    envelope: TransactionEnvelope
    return_xdr: str


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


class ContractClient:
    """Calls one contract; `source` is the source account, `by` authorizes the call."""

    def __init__(self, server: SorobanServerAsync, contract: str, source: Keypair) -> None:
        self.server = server
        self.contract = contract
        self.source = source

    async def wait_for_close(self) -> None:
        """Wait for a ledger to close."""
        await asyncio.sleep(0.1)

    async def call(
        self, function: str, *args: xdr.SCVal, by: Keypair | None = None
    ) -> ContractCallResult:
        """Simulate, sign and send a call, wait for its ledger, and return its result."""
        by = by or self.source
        return await self.submit(await self.prepare(function, *args, by=by), by)

    async def view(self, function: str, *args: xdr.SCVal) -> Any:
        """Simulate a call and return its value."""
        drafted = await self._build(function, *args, by=self.source)
        return to_native((await self._simulate(drafted))[0])

    async def prepare(self, function: str, *args: xdr.SCVal, by: Keypair) -> TransactionEnvelope:
        """Build a call with the footprint, the fee and the authorization of its simulation."""
        drafted = await self._build(function, *args, by=by)
        _, data, fee, auth, latest = await self._simulate(drafted)
        drafted.transaction.soroban_data = (
            SorobanDataBuilder.from_xdr(data).build()  # type: ignore[no-untyped-call]
        )
        drafted.transaction.fee += fee
        operation = drafted.transaction.operations[0]
        assert isinstance(operation, InvokeHostFunction)
        operation.auth = [self._sign_authorization(entry, latest) for entry in auth]
        return drafted

    async def submit(self, drafted: TransactionEnvelope, by: Keypair) -> ContractCallResult:
        for signer in {self.source.public_key: self.source, by.public_key: by}.values():
            drafted.sign(signer)
        sent = await self.server.send_transaction(drafted)
        assert sent.status.value == "PENDING", sent
        async with asyncio.timeout(20):
            while True:
                await self.wait_for_close()
                found = await self.server.get_transaction(drafted.hash_hex())
                if found.status.value != "NOT_FOUND":
                    break
        if found.status.value != "SUCCESS":
            assert found.result_xdr is not None
            result = xdr.TransactionResult.from_xdr(found.result_xdr).result.results
            assert result is not None
            assert result[0].tr is not None
            assert result[0].tr.invoke_host_function_result is not None
            raise ContractCallFailed(result[0].tr.invoke_host_function_result.code.name)
        assert found.result_meta_xdr is not None
        meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr).v4
        assert meta is not None
        assert meta.soroban_meta is not None
        value = meta.soroban_meta.return_value
        assert value is not None
        assert found.events is not None
        events = [
            _decode_event(text)
            for per_operation in found.events.contract_events_xdr or []
            for text in per_operation
        ]
        return ContractCallResult(to_native(value), events, drafted, value.to_xdr())

    async def _build(self, function: str, *args: xdr.SCVal, by: Keypair) -> TransactionEnvelope:
        account = await self.server.load_account(self.source.public_key)
        builder = TransactionBuilder(account, PASSPHRASE, 1_000).add_time_bounds(0, 0)
        builder.append_invoke_contract_function_op(
            self.contract, function, list(args), source=by.public_key
        )
        return builder.build()

    async def _simulate(
        self, drafted: TransactionEnvelope
    ) -> tuple[xdr.SCVal, str, int, list[str], int]:
        answer = await self.server.simulate_transaction(drafted)
        if answer.error is not None:
            raise ContractCallFailed(answer.error)
        assert answer.results is not None
        assert answer.transaction_data is not None
        assert answer.min_resource_fee is not None
        result = answer.results[0]
        return (
            xdr.SCVal.from_xdr(result.xdr),
            answer.transaction_data,
            answer.min_resource_fee,
            result.auth or [],
            answer.latest_ledger,
        )

    def _sign_authorization(self, text: str, latest: int) -> xdr.SorobanAuthorizationEntry:
        """Sign the authorization entry, if the transaction's signature is not enough."""
        entry = xdr.SorobanAuthorizationEntry.from_xdr(text)
        if entry.credentials.address is None:
            return entry
        who = Address.from_xdr_sc_address(entry.credentials.address.address).address
        return authorize_entry(entry, PEOPLE[NAMES[who]], latest + 10, PASSPHRASE)

    async def close(self) -> None:
        await self.server.close()


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


def _decode_event(text: str) -> tuple[list[Any], Any]:
    event = xdr.ContractEvent.from_xdr(text)
    assert event.body.v0 is not None
    return [to_native(topic) for topic in event.body.v0.topics], to_native(event.body.v0.data)


def to_native(value: xdr.SCVal) -> Any:
    return _replace_addresses(scval.to_native(value))


def _replace_addresses(value: Any) -> Any:
    """Replace addresses by the names of their accounts."""
    if isinstance(value, Address):
        return NAMES.get(value.address, value.address)
    if isinstance(value, list):
        return [_replace_addresses(item) for item in value]
    if isinstance(value, dict):
        return {name: _replace_addresses(item) for name, item in value.items()}
    return value
