"""
Whose fault it is that a transfer cannot be made: the treasury's, which we must mend, or the payee's.

The asset's contract gives both the same numbers. Their accounts and trustlines tell.
"""

from enum import IntEnum

from stellar_sdk import FeeBumpTransactionEnvelope, MuxedAccount, StrKey, TransactionBuilder, scval
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.xdr import OperationResultCode as Operation
from stellar_sdk.xdr import PaymentResultCode as Code

from adapters.stellar.codes import operation_codes
from adapters.stellar.codes.meanings import Meaning
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing import classic_payments
from adapters.stellar.signing.soroban_transfers import Asset

Movement = tuple[str, str, int]  # from, to, stroops


async def attribute_failure(nodes: Nodes, asset: Asset, movement: Movement) -> Meaning | None:
    """Return what keeps a movement from being made as things stand, or None if nothing does."""
    payer, payee, _ = movement
    question = classic_payments.make_keys([payer, payee], asset)
    reply = await nodes.ask(lambda server: server.get_ledger_entries(question))
    code = _find_code(classic_payments.parse_accounts(reply), movement)
    return None if code is None else operation_codes.get_meaning(code)


def _find_code(found: classic_payments.AccountEntries, movement: Movement) -> IntEnum | None:
    """Name the obstacle as a payment operation would."""
    payer, payee, stroops = movement
    if payer not in found.accounts:
        return Operation.opNO_ACCOUNT
    purse, line = found.lines.get(payer), found.lines.get(payee)
    if purse is None:
        return Code.PAYMENT_SRC_NO_TRUST
    if not purse.authorised:
        return Code.PAYMENT_SRC_NOT_AUTHORIZED
    if payee not in found.accounts:
        return Code.PAYMENT_NO_DESTINATION
    if line is None:
        return Code.PAYMENT_NO_TRUST
    if not line.authorised:
        return Code.PAYMENT_NOT_AUTHORIZED
    if purse.spendable_stroops < stroops:
        return Code.PAYMENT_UNDERFUNDED
    return Code.PAYMENT_LINE_FULL if line.room_stroops < stroops else None


def parse_movement(envelope_xdr: str, passphrase: str) -> Movement | None:
    """Read back from signed bytes what the contract was asked to move; None from a batch."""
    envelope = TransactionBuilder.from_xdr(envelope_xdr, passphrase)
    if isinstance(envelope, FeeBumpTransactionEnvelope):
        envelope = envelope.transaction.inner_transaction_envelope
    operation = envelope.transaction.operations[0]
    if not isinstance(operation, InvokeHostFunction):
        return None
    call = operation.host_function.invoke_contract
    if call is None or len(call.args) != 3:
        return None
    payer, payee, amount = call.args
    return _to_account_id(payer), _to_account_id(payee), scval.from_int128(amount)


def _to_account_id(value: object) -> str:
    """An account's own address, without the number in a muxed one."""
    address = scval.from_address(value).address  # type: ignore[arg-type]
    if StrKey.is_valid_med25519_public_key(address):
        return MuxedAccount.from_account(address).account_id
    return address
