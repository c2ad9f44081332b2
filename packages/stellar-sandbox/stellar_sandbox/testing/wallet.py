"""A wallet for tests: builds, signs and sends transactions of the test accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from stellar_sdk import (
    Account,
    FeeBumpTransactionEnvelope,
    Keypair,
    TransactionBuilder,
    TransactionEnvelope,
    scval,
    xdr,
)
from stellar_sdk.soroban_server_async import SorobanServerAsync

from stellar_sandbox.testing.accounts import CONTRACT, FEES, PASSPHRASE, PAYER, SHOP, USDC

Signed = TypeVar("Signed", TransactionEnvelope, FeeBumpTransactionEnvelope)


@dataclass
class Wallet:
    """Builds, signs and sends transactions to one server."""

    server: SorobanServerAsync

    def start_transaction(
        self, source: Keypair, sequence: int, fee: int = 1_000
    ) -> TransactionBuilder:
        account = Account(source.public_key, sequence - 1)
        return TransactionBuilder(account, PASSPHRASE, fee).add_time_bounds(0, 0)

    def build_payment(
        self, channel: Keypair, sequence: int, *amounts: tuple[Keypair, str], **bounds: int
    ) -> TransactionEnvelope:
        """Build and sign payments of PAYER in one transaction of a channel account."""
        builder = self.start_transaction(channel, sequence, bounds.pop("fee", 1_000))
        for target, amount in amounts or ((SHOP, "2.5"),):
            builder.append_payment_op(target.public_key, USDC, amount, PAYER.public_key)
        if bounds:
            builder.set_ledger_bounds(0, bounds["max_ledger"])
        return sign(builder.build(), channel, PAYER)

    async def build_transfer(
        self,
        channel: Keypair,
        sequence: int,
        target: str = SHOP.public_key,
        stroops: int = 25,
        fee: int = 1_000,
    ) -> TransactionEnvelope:
        """Build, simulate and sign a transfer by the asset's contract."""
        args = [
            scval.to_address(PAYER.public_key),
            scval.to_address(target),
            scval.to_int128(stroops),
        ]
        builder = self.start_transaction(channel, sequence, fee)
        builder.append_invoke_contract_function_op(
            CONTRACT, "transfer", args, source=PAYER.public_key
        )
        prepared = await self.server.prepare_transaction(builder.build())
        return sign(prepared, channel, PAYER)

    async def read_balance(self, owner: Keypair) -> int:
        """Return an account's balance according to the asset's contract."""
        builder = self.start_transaction(FEES, 1)
        args = [scval.to_address(owner.public_key)]
        builder.append_invoke_contract_function_op(CONTRACT, "balance", args)
        answer = await self.server.simulate_transaction(builder.build())
        assert answer.results is not None
        return scval.from_int128(answer.results[0].xdr)

    async def send(self, envelope: Any) -> str:
        """Send a transaction; return the status, followed by the result code where there is one."""
        answer = await self.server.send_transaction(envelope)
        if answer.error_result_xdr is None:
            return answer.status.name
        result = xdr.TransactionResult.from_xdr(answer.error_result_xdr).result
        return f"{answer.status.name} {result.code.name}"

    async def read_status(self, envelope: Any) -> str:
        """Return the status of a transaction: NOT_FOUND, SUCCESS or FAILED."""
        return str((await self.server.get_transaction(envelope.hash_hex())).status.value)


def sign(envelope: Signed, *signers: Keypair) -> Signed:
    for signer in signers:
        envelope.sign(signer)
    return envelope


def bump(envelope: TransactionEnvelope, fee: int) -> FeeBumpTransactionEnvelope:
    """Build and sign a fee bump of a transaction, paid by FEES."""
    return sign(
        TransactionBuilder.build_fee_bump_transaction(FEES, fee, envelope, PASSPHRASE), FEES
    )
