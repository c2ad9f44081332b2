"""The host of contracts: native code that is invoked by contract id, under Soroban's rules.

A contract reads only the entries of its footprint, writes only those of its read-write footprint,
acts for an address only if that address authorized this very call, and uses only the resources
that were declared. The host enforces all four, so no contract has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stellar_sdk import xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.contracts.authorization import AuthorizationManager
from stellar_sandbox.contracts.host_errors import HostError, ResourceLimitExceeded
from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.ledger import entry_codec, fees
from stellar_sandbox.ledger.entries import ContractDataEntry, LedgerEntry, LedgerKey
from stellar_sandbox.ledger.ledger_keys import build_instance_key, parse_sc_address
from stellar_sandbox.ledger.ledger_txn import LedgerTxn


class FootprintLedgerTxn(LedgerTxn):
    """A ledger transaction that records what is read and, given a footprint, forbids the rest."""

    def __init__(self, parent: LedgerTxn, footprint: Footprint | None) -> None:
        super().__init__(parent)
        self.footprint = footprint
        self.reads: set[LedgerKey] = set()

    def get(self, key: LedgerKey) -> LedgerEntry | None:
        if self.footprint is not None and key not in self.footprint.readable:
            raise HostError(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        self.reads.add(key)
        return super().get(key)

    def peek(self, key: LedgerKey) -> LedgerEntry | None:
        """Read outside the footprint: only to choose an error number, never to decide a success."""
        return LedgerTxn.get(self, key)

    def put(self, entry: LedgerEntry) -> None:
        if self.footprint is not None and entry.key not in self.footprint.writable:
            raise HostError(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        if measure_entry(entry) > fees.MAX_DATA_ENTRY_BYTES:
            raise HostError(SCErrorType.SCE_BUDGET, SCErrorCode.SCEC_EXCEEDED_LIMIT)
        super().put(entry)


@dataclass(slots=True)
class ContractCall:
    """One call of one contract, with its ledger, its authorization and its events."""

    contract: str
    arguments: xdr.InvokeContractArgs
    ltx: FootprintLedgerTxn
    authorization: AuthorizationManager
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
        self.authorization.require(address, self.arguments, self.ltx, self.ledger)


class Contract(Protocol):
    def invoke(self, call: ContractCall) -> bytes:
        """Run the called function and return its value as the XDR of an SCVal."""


class GenesisContract(Contract, Protocol):
    """A contract that exists from the first ledger."""

    def build_instance(self, passphrase: str) -> ContractDataEntry:
        """Return the instance entry of this contract, as the network stores it."""


Contracts = Mapping[str, Contract]


@dataclass(frozen=True, slots=True)
class HostContext:
    """What the host knows of a call: the ledger, the source account, the network, the contracts."""

    ltx: LedgerTxn
    source: str
    ledger: int
    close_time: int
    passphrase: str
    contracts: Contracts


def invoke_contract(
    operation: xdr.InvokeHostFunctionOp,
    context: HostContext,
    footprint: Footprint | None,
    recording: bool,
) -> tuple[ContractCall, bytes]:
    """Run the call in a nested ledger transaction, which the caller commits or drops."""
    arguments = operation.host_function.invoke_contract
    if arguments is None:
        raise HostError(SCErrorType.SCE_WASM_VM, SCErrorCode.SCEC_INVALID_ACTION)
    call = ContractCall(
        contract=parse_sc_address(arguments.contract_address),
        arguments=arguments,
        ltx=FootprintLedgerTxn(context.ltx, footprint),
        authorization=AuthorizationManager(
            context.source, operation.auth, recording, context.passphrase
        ),
        ledger=context.ledger,
        close_time=context.close_time,
        passphrase=context.passphrase,
    )
    contract = context.contracts.get(call.contract)
    if call.ltx.get(build_instance_key(call.contract)) is None or contract is None:
        raise HostError(SCErrorType.SCE_STORAGE, SCErrorCode.SCEC_MISSING_VALUE)
    return call, contract.invoke(call)


def check_declared_resources(
    call: ContractCall, return_value: bytes, resources: xdr.SorobanResources, footprint: Footprint
) -> None:
    output_bytes = sum(map(len, call.events)) + len(return_value)
    if (
        call.instructions > resources.instructions.uint32
        or measure_disk_reads(footprint.readable) > resources.disk_read_bytes.uint32
        or measure_writes(call.ltx.changes) > resources.write_bytes.uint32
        or output_bytes > fees.MAX_EVENT_BYTES
    ):
        raise ResourceLimitExceeded


def measure_disk_reads(keys: Iterable[LedgerKey]) -> int:
    """Count classic entries alone: contract data is held in memory."""
    return sum(fees.ENTRY_BYTES[key[0]] for key in keys if key[0] != "data")


def measure_writes(changes: Mapping[LedgerKey, LedgerEntry | None]) -> int:
    return sum(
        fees.ENTRY_BYTES[key[0]] if entry is None else measure_entry(entry)
        for key, entry in changes.items()
    )


def measure_entry(entry: LedgerEntry) -> int:
    """Return the size of an entry: contract data has its real size, other entries a fixed one."""
    fixed_size = fees.ENTRY_BYTES[entry.key[0]]
    return (
        max(fixed_size, len(entry_codec.encode_ledger_entry(entry)))
        if isinstance(entry, ContractDataEntry)
        else fixed_size
    )
