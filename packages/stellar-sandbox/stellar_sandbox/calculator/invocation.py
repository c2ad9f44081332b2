"""One invocation of the calculator: its arguments, its authorization, its state and its events."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from stellar_sdk import scval, xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator.contract_errors import SLAError, build_failure
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, ContractState
from stellar_sandbox.calculator.scval_encoding import VERSION
from stellar_sandbox.calculator.sla_config import SLAConfig
from stellar_sandbox.contracts.host import ContractCall
from stellar_sandbox.contracts.host_errors import HostError
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.ledger_keys import parse_sc_address

_SYMBOL = re.compile(rb"[A-Za-z0-9_]{0,32}")


@dataclass
class Invocation:
    call: ContractCall
    stored: ContractState | None
    events: list[bytes] = field(default_factory=list)

    @property
    def state(self) -> ContractState:
        """The contract's state, if it has the storage version of this code."""
        if self.stored is None:
            raise build_failure(SLAError.NOT_INITIALIZED)
        if self.stored.version != STORAGE_VERSION:
            raise build_failure(SLAError.VERSION_MISMATCH)
        return self.stored

    @property
    def now(self) -> int:
        return self.call.close_time

    def write(self, **changes: Any) -> None:
        self.stored = replace(self.state, **changes)

    def require_admin(self, caller: str) -> None:
        """Require that the caller authorized the call and is the admin."""
        self.require(caller, self.state.admin)

    def require(self, caller: str, holder: str | None) -> None:
        self.call.require_auth(caller)
        if holder is None:
            raise build_failure(SLAError.NOT_INITIALIZED)
        if caller != holder:
            raise build_failure(SLAError.UNAUTHORIZED)

    def require_unfrozen(self) -> None:
        if self.state.frozen:
            raise build_failure(SLAError.CONFIG_FROZEN)

    def get_config(self, severity: str) -> SLAConfig:
        terms = self.state.config.get(severity) or self.state.custom.get(severity)
        if terms is None:
            raise build_failure(SLAError.CONFIG_NOT_FOUND)
        return terms

    def emit(self, name: str, context: bytes, *data: bytes) -> None:
        """Emit an event; without data its value is void, otherwise a vector."""
        topics = [xdr_codec.encode_symbol(name), VERSION, context]
        body = xdr_codec.encode_vec(list(data)) if data else xdr_codec.VOID
        self.call.events.append(xdr_codec.encode_event(self.call.contract, topics, body))


# Arguments, each read as the type that the function declares


def read_symbol(value: xdr.SCVal) -> str:
    if value.sym is None:
        raise _build_type_error()
    raw = value.sym.sc_symbol
    if not _SYMBOL.fullmatch(raw):
        raise HostError(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_INVALID_INPUT)
    return raw.decode()


def read_u32(value: xdr.SCVal) -> int:
    if value.u32 is None:
        raise _build_type_error()
    return value.u32.uint32


def read_u64(value: xdr.SCVal) -> int:
    if value.u64 is None:
        raise _build_type_error()
    return value.u64.uint64


def read_i128(value: xdr.SCVal) -> int:
    if value.i128 is None:
        raise _build_type_error()
    return scval.from_int128(value)


def read_string(value: xdr.SCVal) -> bytes:
    if value.str is None:
        raise _build_type_error()
    return value.str.sc_string


def read_address(value: xdr.SCVal) -> str:
    """Read an account or contract address; Soroban takes no muxed address here."""
    if value.address is None or value.address.muxed_account is not None:
        raise _build_type_error()
    return parse_sc_address(value.address)


Reader = Callable[[xdr.SCVal], Any]


def _build_type_error() -> HostError:
    return HostError(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
