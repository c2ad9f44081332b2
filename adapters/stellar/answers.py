"""What the SLA contract's answers mean: its return value, its events, and each of its errors."""

import re
from enum import StrEnum
from typing import Any

from stellar_sdk import StrKey, scval, xdr
from stellar_sdk.soroban_rpc import GetTransactionResponse

from adapters.stellar import results
from domain.attestations import Finding
from domain.errors import ApexError, ContractRefused, Obstructed


class Reaction(StrEnum):
    WAIT = "wait"  # somebody else will change it, and nothing here can
    HALT = "halt"  # a person must look before it is asked again


# The contract's own numbers. They overlap with those of the asset's contract, so this table is
# only for calls of the calculator.
REACTIONS: dict[int, tuple[Reaction, str]] = {
    1: (Reaction.HALT, "it is initialized already"),
    2: (Reaction.HALT, "it is not initialized, or nobody holds the role asked for"),
    3: (Reaction.HALT, "the caller does not hold the role; was the operator's key replaced?"),
    4: (Reaction.HALT, "it knows no terms for this severity"),
    5: (Reaction.HALT, "its storage has another version"),
    6: (Reaction.WAIT, "it is paused"),
    7: (Reaction.HALT, "no transfer of a role is pending"),
    8: (Reaction.HALT, "the threshold is out of bounds"),
    9: (Reaction.HALT, "the penalty is out of bounds"),
    10: (Reaction.HALT, "the reward is out of bounds"),
    11: (Reaction.HALT, "the severity is not one that may be changed so"),
    12: (Reaction.HALT, "the retention limit is out of bounds"),
    13: (Reaction.HALT, "it has calculated this verdict before, from other minutes or terms"),
    14: (Reaction.HALT, "the penalty is not a negative 128-bit integer"),
    15: (Reaction.HALT, "the reward is not a positive 128-bit integer"),
    16: (Reaction.HALT, "its config is frozen"),
    17: (Reaction.HALT, "an input is too long"),
    18: (Reaction.HALT, "the severity is not in its set"),
    19: (Reaction.HALT, "it has calculated this verdict 16 times; have its admin prune it"),
}
_CODE = re.compile(r"Error\(Contract, #([0-9]+)\)")
_FULL = "Error(Budget, ExceededLimit)"


def refusal(name: str, simulation_error: str) -> ApexError:
    """Turn the error of a simulated call into ours: one to wait on, or one for a person."""
    found = _CODE.search(simulation_error)
    if found is None:
        if _FULL in simulation_error:
            return ContractRefused(f"{name} refuses: its entry is full; have its admin prune it")
        return ContractRefused(f"{name} refuses: {simulation_error.strip().splitlines()[0]}")
    code = int(found[1])
    reaction, why = REACTIONS.get(code, (Reaction.HALT, "for a reason it has no name for"))
    kind = Obstructed if reaction is Reaction.WAIT else ContractRefused
    return kind(f"{name} refuses: {why} (#{code})")


def failure(found: GetTransactionResponse) -> str | None:
    """Name why a call in a ledger had no effect; None if it may not have consumed its sequence."""
    result = results.read(found.result_xdr or "")
    return results.names(result) if result.decides else None


def answer(found: GetTransactionResponse, contract: str) -> tuple[Finding, bool]:
    """
    Read what a call returned, and whether it was calculated anew.

    The contract announces a new calculation with the event `set_int`; when it answers from its
    memory it says nothing, so the return value is the only answer to rely on.
    """
    meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr or "")
    value, events = _of_meta(meta)
    fields: Any = scval.to_native(value)
    return Finding(**fields), any(_announces(event, contract) for event in events)


def _of_meta(meta: xdr.TransactionMeta) -> tuple[xdr.SCVal, list[xdr.ContractEvent]]:
    if meta.v4 is not None and meta.v4.soroban_meta is not None:
        value = meta.v4.soroban_meta.return_value
        events = [event for operation in meta.v4.operations for event in operation.events]
    else:
        assert meta.v3 is not None
        assert meta.v3.soroban_meta is not None
        value, events = meta.v3.soroban_meta.return_value, meta.v3.soroban_meta.events
    assert value is not None
    return value, events


def _announces(event: xdr.ContractEvent, contract: str) -> bool:
    if event.contract_id is None or event.body.v0 is None:
        return False
    speaker = StrKey.encode_contract(event.contract_id.contract_id.hash)
    first = event.body.v0.topics[0] if event.body.v0.topics else None
    return speaker == contract and first is not None and first == scval.to_symbol("set_int")
