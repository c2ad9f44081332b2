"""Results of the SLA contract: its return value, its events and its errors."""

from dataclasses import fields
from hashlib import sha256
from typing import Any

from stellar_sdk import StrKey, scval, xdr
from stellar_sdk.soroban_rpc import GetTransactionResponse

from adapters.stellar.codes import contract_errors, results
from adapters.stellar.codes.meanings import Remedy
from domain.errors import ApexError, ChainUnavailable, ContractRefused, Obstructed
from domain.sla.attestations import ContractResult

SHOWN_MAX = 500


def to_error(name: str, simulation_error: str) -> ApexError:
    """Turn the error of a simulated call into one to retry, or one that a person must resolve."""
    trap = results.parse_simulation_error(simulation_error, contract_errors.THE_CALCULATOR)
    reason = f"{name} refuses: {trap.meaning.sentence} ({trap.name})"
    match trap.meaning.remedy:
        case Remedy.RETRY:
            return ChainUnavailable(reason)
        case Remedy.BLOCK:
            return Obstructed(reason)
        case _:
            return ContractRefused(reason)


def find_failure(found: GetTransactionResponse, contract: str) -> results.Trap | None:
    """Return why a call in a ledger had no effect; None if it may not have consumed its sequence."""
    result = results.parse(found.result_xdr or "")
    if not result.is_applied:
        return None
    trap = results.find_trap(
        found.diagnostic_events_xdr or (), contract, contract_errors.THE_CALCULATOR
    )
    return results.Trap(results.format_codes(result, trap), results.get_meaning(result, trap))


def parse_answer(found: GetTransactionResponse, contract: str) -> tuple[ContractResult, bool]:
    """
    Parse the result of a call, and whether the contract calculated it in this call.

    The contract emits the event `set_int` for a new calculation and none for a stored result, so only
    the return value can be relied on.

    Raises ContractRefused when the result cannot be parsed: the node would return the same again.
    """
    try:
        meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr or "")
        value, events = _parse_meta(meta)
        _check_digest(found.result_xdr or "", value, events)
    except Exception as error:  # the SDK raises whatever the bytes run into
        raise ContractRefused(
            f"the result of the contract call in the ledger cannot be read: {type(error).__name__}"
        ) from error
    return parse_result(value), any(_is_new_calculation(event, contract) for event in events)


def parse_result(value: str | xdr.SCVal) -> ContractResult:
    """Parse the return value of a call; raises ContractRefused when it has another form."""
    native: Any = None
    try:
        native = scval.to_native(value)
        found = ContractResult(**native)
    except (TypeError, ValueError):
        raise ContractRefused(_describe_unreadable(native)) from None
    # Exact types, because a bool is an int too.
    if any(type(getattr(found, field.name)) is not field.type for field in fields(found)):
        raise ContractRefused(_describe_unreadable(native))
    return found


def _describe_unreadable(value: Any) -> str:
    """Return the error sentence, in which a long value is cut."""
    shown = repr(value)
    if len(shown) > SHOWN_MAX:
        shown = f"{shown[:SHOWN_MAX]}..."
    return f"the SLA contract returns {shown}, which is no result that this engine can read"


def _parse_meta(meta: xdr.TransactionMeta) -> tuple[xdr.SCVal, list[xdr.ContractEvent]]:
    if meta.v4 is not None and meta.v4.soroban_meta is not None:
        value = meta.v4.soroban_meta.return_value
        events = [event for operation in meta.v4.operations for event in operation.events]
    else:
        assert meta.v3 is not None
        assert meta.v3.soroban_meta is not None
        value, events = meta.v3.soroban_meta.return_value, meta.v3.soroban_meta.events
    assert value is not None
    return value, events


def _check_digest(result_xdr: str, value: xdr.SCVal, events: list[xdr.ContractEvent]) -> None:
    """Refuse a value and events that are not those of the result, which is their hash."""
    result = xdr.TransactionResult.from_xdr(result_xdr).result
    if result.inner_result_pair is not None:
        rows = result.inner_result_pair.result.result.results
    else:
        rows = result.results
    operation = rows[0].tr if rows else None
    called = operation.invoke_host_function_result if operation else None
    preimage = xdr.InvokeHostFunctionSuccessPreImage(value, events).to_xdr_bytes()
    if called is None or called.success is None or called.success.hash != sha256(preimage).digest():
        raise ValueError("the value is not that of the result")


def _is_new_calculation(event: xdr.ContractEvent, contract: str) -> bool:
    if event.contract_id is None or event.body.v0 is None:
        return False
    emitter = StrKey.encode_contract(event.contract_id.contract_id.hash)
    first = event.body.v0.topics[0] if event.body.v0.topics else None
    return emitter == contract and first is not None and first == scval.to_symbol("set_int")
