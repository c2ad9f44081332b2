"""
Failure attribution: whether a transfer fails because of the treasury, which is ours, or of the payee.

The asset's contract has the same error number for both, so their accounts and trustlines are read.
"""

from enum import IntEnum

from stellar_sdk import FeeBumpTransactionEnvelope, MuxedAccount, StrKey, TransactionBuilder, scval
from stellar_sdk.operation import InvokeHostFunction
from stellar_sdk.xdr import OperationResultCode as Operation
from stellar_sdk.xdr import PaymentResultCode as Code

from adapters.stellar.codes import operation_codes
from adapters.stellar.codes.meanings import Meaning
from adapters.stellar.rpc import ledger_entries
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset

Movement = tuple[str, str, int]  # from, to, stroops


async def attribute_failure(
    nodes: Nodes, asset: Asset, meaning: Meaning, envelope_xdr: str
) -> Meaning:
    """
    Return the meaning of a failed transfer with the side at fault, as far as the network shows it now.

    A meaning that names a side already is returned as it is.
    """
    movement = parse_movement(envelope_xdr, asset.passphrase) if meaning.either_side else None
    if movement is None:
        return meaning
    payer, payee, _ = movement
    question = ledger_entries.make_keys([payer, payee], asset)
    reply = await nodes.ask(lambda server: server.get_ledger_entries(question))
    code = _find_code(ledger_entries.parse_accounts(reply), movement)
    return meaning if code is None else operation_codes.get_meaning(code)


def _find_code(found: ledger_entries.AccountEntries, movement: Movement) -> IntEnum | None:
    """Return the result code with which a payment operation would fail now; None if it would not."""
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
    """Parse the transfer that an envelope asks of the contract; None for a batch of payments."""
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
    """Return the address of an account (G...), also of a muxed one."""
    address = scval.from_address(value).address  # type: ignore[arg-type]
    if StrKey.is_valid_med25519_public_key(address):
        return MuxedAccount.from_account(address).account_id
    return address
