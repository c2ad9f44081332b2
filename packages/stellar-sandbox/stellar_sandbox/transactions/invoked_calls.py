"""The contract call of a transaction: running it, its result, and the events of calls and fees."""

from __future__ import annotations

from struct import pack

from stellar_sdk.xdr import InvokeHostFunctionResultCode as InvokeCode
from stellar_sdk.xdr import OperationType

from stellar_sandbox.contracts.host import ContractCall, HostContext, invoke_contract
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.envelopes.transaction_result import encode_operation_result
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, derive_asset_contract
from stellar_sandbox.ledger.ledger_keys import parse_sc_address


def run_call(
    envelope: TransactionFrame, context: HostContext, footprint: Footprint
) -> tuple[ContractCall, bytes]:
    """Run the only operation of a Soroban transaction; return the call and what it returned, as XDR."""
    body = envelope.operations[0].body.invoke_host_function_op
    assert body is not None
    return invoke_contract(body, context, footprint, recording=False)


def build_diagnostic(envelope: TransactionFrame, host_error: HostError) -> bytes:
    """Build the diagnostic event that says why a call failed."""
    body = envelope.operations[0].body.invoke_host_function_op
    assert body is not None
    arguments = body.host_function.invoke_contract
    called = "" if arguments is None else parse_sc_address(arguments.contract_address)
    # Only a contract has an id that the event can name.
    contract = called if called.startswith("C") else None
    topics = [
        xdr_codec.encode_symbol("error"),
        xdr_codec.encode_error(host_error.kind, host_error.code),
    ]
    return xdr_codec.encode_diagnostic_event(contract, topics, host_error.text)


def build_invoke_result(code: InvokeCode, payload: bytes = b"") -> bytes:
    return encode_operation_result(OperationType.INVOKE_HOST_FUNCTION, code, payload)


def build_fee_event(payer: str, passphrase: str, amount: int, stage: int) -> bytes:
    """Build the event of a fee charged, or of one refunded: then the amount is negative."""
    topics = [xdr_codec.encode_symbol("fee"), xdr_codec.encode_sc_address(payer)]
    contract = derive_asset_contract(NATIVE, passphrase)
    return pack(">i", stage) + xdr_codec.encode_event(
        contract, topics, xdr_codec.encode_i128(amount)
    )
