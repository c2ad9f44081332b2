"""What the SLA contract's answers mean: its return value, its events, and each of its errors."""

from dataclasses import fields
from typing import Any

from stellar_sdk import StrKey, scval, xdr
from stellar_sdk.soroban_rpc import GetTransactionResponse

from adapters.stellar.codes import contract_errors, results
from adapters.stellar.codes.meanings import Remedy
from domain.errors import ApexError, ChainUnavailable, ContractRefused, Obstructed
from domain.sla.attestations import ContractResult

SHOWN_MAX = 500


def to_error(name: str, simulation_error: str) -> ApexError:
    """Turn the error of a call that was tried out into ours: to wait on, or for a person."""
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
    """Say why a call in a ledger had no effect; None if it may not have consumed its sequence."""
    result = results.parse(found.result_xdr or "")
    if not result.is_applied:
        return None
    trap = results.find_trap(
        found.diagnostic_events_xdr or (), contract, contract_errors.THE_CALCULATOR
    )
    return results.Trap(results.format_codes(result, trap), results.get_meaning(result, trap))


def parse_answer(found: GetTransactionResponse, contract: str) -> tuple[ContractResult, bool]:
    """
    Read what a call returned, and whether it was calculated anew.

    The contract announces a new calculation with the event `set_int`; when it answers from its
    memory it says nothing, so the return value is the only answer to rely on.

    Raises ContractRefused where that cannot be read: asked again, the node says the same.
    """
    try:
        meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr or "")
        value, events = _parse_meta(meta)
    except Exception as error:  # the SDK raises whatever the bytes run into
        raise ContractRefused(
            f"the result of the contract call in the ledger cannot be read: {type(error).__name__}"
        ) from error
    return parse_result(value), any(_is_new_calculation(event, contract) for event in events)


def parse_result(value: str | xdr.SCVal) -> ContractResult:
    """Read what a call returns; ContractRefused where it is not what this engine knows."""
    told: Any = None
    try:
        told = scval.to_native(value)
        found = ContractResult(**told)
    except (TypeError, ValueError):
        raise ContractRefused(_describe_unreadable(told)) from None
    # A bool passes for an int, and an address for nothing at all.
    if any(type(getattr(found, field.name)) is not field.type for field in fields(found)):
        raise ContractRefused(_describe_unreadable(told))
    return found


def _describe_unreadable(told: Any) -> str:
    """What a contract returns may be of any size: the sentence is not."""
    shown = repr(told)
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


def _is_new_calculation(event: xdr.ContractEvent, contract: str) -> bool:
    if event.contract_id is None or event.body.v0 is None:
        return False
    speaker = StrKey.encode_contract(event.contract_id.contract_id.hash)
    first = event.body.v0.topics[0] if event.body.v0.topics else None
    return speaker == contract and first is not None and first == scval.to_symbol("set_int")
