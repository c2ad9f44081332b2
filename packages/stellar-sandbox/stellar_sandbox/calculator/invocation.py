"""One call of the calculator: who asks, the book as it is, what is said, the book as it will be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from stellar_sdk import scval, xdr
from stellar_sdk.xdr import SCErrorCode, SCErrorType

from stellar_sandbox.calculator.contract_errors import Refusal, refuse
from stellar_sandbox.calculator.contract_state import STORAGE_VERSION, Book
from stellar_sandbox.calculator.scval_encoding import VERSION
from stellar_sandbox.calculator.sla_config import Terms
from stellar_sandbox.contracts.host import Call
from stellar_sandbox.contracts.host_errors import Trapped
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.ledger_keys import address_of

_SYMBOL = re.compile(rb"[A-Za-z0-9_]{0,32}")


@dataclass
class Session:
    call: Call
    kept: Book | None
    events: list[bytes] = field(default_factory=list)

    @property
    def book(self) -> Book:
        """The book, if its version is the one this code was written for."""
        if self.kept is None:
            raise refuse(Refusal.NOT_INITIALIZED)
        if self.kept.version != STORAGE_VERSION:
            raise refuse(Refusal.VERSION_MISMATCH)
        return self.kept

    @property
    def now(self) -> int:
        return self.call.close_time

    def write(self, **changes: Any) -> None:
        self.kept = replace(self.book, **changes)

    def require_admin(self, caller: str) -> None:
        """The caller signed, there is an admin, and it is the caller."""
        self.require(caller, self.book.admin)

    def require(self, caller: str, holder: str | None) -> None:
        self.call.require_auth(caller)
        if holder is None:
            raise refuse(Refusal.NOT_INITIALIZED)
        if caller != holder:
            raise refuse(Refusal.UNAUTHORIZED)

    def require_thawed(self) -> None:
        if self.book.frozen:
            raise refuse(Refusal.CONFIG_FROZEN)

    def config_of(self, severity: str) -> Terms:
        terms = self.book.config.get(severity) or self.book.custom.get(severity)
        if terms is None:
            raise refuse(Refusal.CONFIG_NOT_FOUND)
        return terms

    def tell(self, name: str, context: bytes, *data: bytes) -> None:
        """Leave an event; one without data carries a void, any other a list."""
        topics = [xdr_codec.sc_symbol(name), VERSION, context]
        body = xdr_codec.sc_vec(list(data)) if data else xdr_codec.VOID
        self.call.events.append(xdr_codec.event(self.call.contract, topics, body))


# Arguments, each read as the type that the function declares -----------------------------------


def symbol(value: xdr.SCVal) -> str:
    if value.sym is None:
        raise _unexpected()
    raw = value.sym.sc_symbol
    if not _SYMBOL.fullmatch(raw):
        raise Trapped(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_INVALID_INPUT)
    return raw.decode()


def u32(value: xdr.SCVal) -> int:
    if value.u32 is None:
        raise _unexpected()
    return value.u32.uint32


def u64(value: xdr.SCVal) -> int:
    if value.u64 is None:
        raise _unexpected()
    return value.u64.uint64


def i128(value: xdr.SCVal) -> int:
    if value.i128 is None:
        raise _unexpected()
    return scval.from_int128(value)


def string(value: xdr.SCVal) -> bytes:
    if value.str is None:
        raise _unexpected()
    return value.str.sc_string


def address(value: xdr.SCVal) -> str:
    """An account or a contract; a muxed one is no address of Soroban's."""
    if value.address is None or value.address.muxed_account is not None:
        raise _unexpected()
    return address_of(value.address)


Reader = Callable[[xdr.SCVal], Any]


def _unexpected() -> Trapped:
    return Trapped(SCErrorType.SCE_VALUE, SCErrorCode.SCEC_UNEXPECTED_TYPE)
