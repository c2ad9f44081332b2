"""A client of the SLA calculator that uses stellar-sdk and XDR alone.

Over a port ledgers close by themselves; in memory the client closes them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from stellar_sdk import (
    Address,
    Keypair,
    SorobanDataBuilder,
    TransactionBuilder,
    TransactionEnvelope,
    xdr,
)
from stellar_sdk.auth import authorize_entry
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.testing.accounts import PASSPHRASE, derive_keypair
from stellar_sandbox.testing.contract_results import (
    NAMES,
    PEOPLE,
    ContractCallFailed,
    ContractCallResult,
    decode_event,
    to_native,
)

CHANNEL = derive_keypair("channel")


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
            decode_event(text)
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
