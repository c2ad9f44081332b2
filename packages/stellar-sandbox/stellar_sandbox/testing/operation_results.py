"""Send a transaction, close a ledger and read the result code of each operation."""

from __future__ import annotations

from typing import Any

from stellar_sdk import Keypair, xdr

from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.wallet import Wallet, sign


async def submit_and_close(
    wallet: Wallet, sandbox: StellarSandbox, builder: Any, *signers: Keypair
) -> list[str]:
    """Send, close a ledger and return each operation's code, or the transaction's."""
    envelope = sign(builder.build(), *signers)
    status = await wallet.send(envelope)
    if status != "PENDING":
        return [status]
    sandbox.close_ledger()
    found = await wallet.server.get_transaction(envelope.hash_hex())
    assert found.result_xdr is not None
    result = xdr.TransactionResult.from_xdr(found.result_xdr).result
    return [get_code(item) for item in result.results or []] or [result.code.name]


def get_code(item: xdr.OperationResult) -> str:
    if item.tr is None:
        return item.code.name
    for value in vars(item.tr).values():
        if hasattr(value, "code"):
            return str(value.code.name)
    raise AssertionError(item)
