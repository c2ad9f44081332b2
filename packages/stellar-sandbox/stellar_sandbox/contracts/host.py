"""Contracts as native code, called by their id, under the network's discipline.

A contract sees only the entries its footprint names, writes only those it names for writing,
acts for an address only if that address allowed this very call, and may spend only what was
declared. The host enforces all four, so that no contract needs to remember them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stellar_sdk import xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.contracts.authorization import Authority
from stellar_sandbox.contracts.host_errors import OverBudget, Trapped
from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.ledger import fees, xdr_codec
from stellar_sandbox.ledger.entries import ContractData, Entry, Key
from stellar_sandbox.ledger.ledger_keys import address_of, instance_key
from stellar_sandbox.ledger.ledger_txn import State


class Guarded(State):
    """A sheet of state that records what is touched and, given a footprint, forbids the rest."""

    def __init__(self, below: State, footprint: Footprint | None) -> None:
        super().__init__(below)
        self.footprint = footprint
        self.reads: set[Key] = set()

    def get(self, key: Key) -> Entry | None:
        if self.footprint is not None and key not in self.footprint.readable:
            raise Trapped(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        self.reads.add(key)
        return super().get(key)

    def peek(self, key: Key) -> Entry | None:
        """Look without touching: only to name an error better, never to decide a success."""
        return State.get(self, key)

    def put(self, entry: Entry) -> None:
        if self.footprint is not None and entry.key not in self.footprint.writable:
            raise Trapped(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        if weight(entry) > fees.MAX_DATA_ENTRY_BYTES:
            raise Trapped(SCErrorType.SCE_BUDGET, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        super().put(entry)


@dataclass(slots=True)
class Call:
    """One call of one contract, with everything it may do."""

    contract: str
    arguments: xdr.InvokeContractArgs
    state: Guarded
    authority: Authority
    ledger: int
    close_time: int
    passphrase: str
    events: list[bytes] = field(default_factory=list)
    instructions: int = 0

    @property
    def function(self) -> str:
        return self.arguments.function_name.sc_symbol.decode("ascii", "replace")

    @property
    def args(self) -> list[xdr.SCVal]:
        return self.arguments.args

    def require_auth(self, address: str) -> None:
        self.authority.require(address, self.arguments, self.state, self.ledger)


class Contract(Protocol):
    def invoke(self, call: Call) -> bytes:
        """Do what was asked and give back the answer as the XDR of a value."""


class Deployed(Contract, Protocol):
    """A contract that a world begins with."""

    def instance(self, passphrase: str) -> ContractData:
        """The entry that says this contract exists, as the network keeps it."""


Contracts = Mapping[str, Contract]


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a call happens: on which state, for whom, in which ledger."""

    state: State
    source: str
    ledger: int
    close_time: int
    passphrase: str
    contracts: Contracts


def run_call(
    operation: xdr.InvokeHostFunctionOp,
    setting: Setting,
    footprint: Footprint | None,
    recording: bool,
) -> tuple[Call, bytes]:
    """Run the call on a sheet of its own; the caller commits it or lets it go."""
    arguments = operation.host_function.invoke_contract
    if arguments is None:
        raise Trapped(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_INVALID_ACTION)
    call = Call(
        contract=address_of(arguments.contract_address),
        arguments=arguments,
        state=Guarded(setting.state, footprint),
        authority=Authority(setting.source, operation.auth, recording, setting.passphrase),
        ledger=setting.ledger,
        close_time=setting.close_time,
        passphrase=setting.passphrase,
    )
    contract = setting.contracts.get(call.contract)
    if call.state.get(instance_key(call.contract)) is None or contract is None:
        raise Trapped(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_MISSING_VALUE)
    return call, contract.invoke(call)


def check_budget(
    call: Call, answer: bytes, resources: xdr.SorobanResources, footprint: Footprint
) -> None:
    said = sum(map(len, call.events)) + len(answer)
    if (
        call.instructions > resources.instructions.uint32
        or disk_read_bytes(footprint.readable) > resources.disk_read_bytes.uint32
        or write_bytes(call.state.changes) > resources.write_bytes.uint32
        or said > fees.MAX_EVENT_BYTES
    ):
        raise OverBudget


def disk_read_bytes(keys: Iterable[Key]) -> int:
    """Accounts and the like are read from disk; what contracts keep is held in memory."""
    return sum(fees.ENTRY_BYTES[key[0]] for key in keys if key[0] != "data")


def write_bytes(changes: Mapping[Key, Entry | None]) -> int:
    return sum(
        fees.ENTRY_BYTES[key[0]] if entry is None else weight(entry)
        for key, entry in changes.items()
    )


def weight(entry: Entry) -> int:
    """What an entry weighs: what contracts keep may be of any size, the rest is of one."""
    usual = fees.ENTRY_BYTES[entry.key[0]]
    return (
        max(usual, len(xdr_codec.ledger_entry(entry))) if isinstance(entry, ContractData) else usual
    )
