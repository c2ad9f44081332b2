"""What a call of a contract returned, with the names of accounts in the place of their addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from stellar_sdk import (
    Address,
    TransactionEnvelope,
    scval,
    xdr,
)

from stellar_sandbox.testing.accounts import derive_keypair

_CODE = re.compile(r"Error\(Contract, #([0-9]+)\)")


PEOPLE = {name: derive_keypair(name) for name in ("admin", "operator", "stranger", "other")}


NAMES = {pair.public_key: name for name, pair in PEOPLE.items()}


class ContractCallFailed(Exception):
    """A call that failed; `code` is the contract's error number, or None for a host error."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        found = _CODE.search(text)
        self.code = int(found[1]) if found else None
        self.text = text


@dataclass(frozen=True)
class ContractCallResult:
    """The return value and the events of an applied call."""

    value: Any
    events: list[tuple[list[Any], Any]]
    envelope: TransactionEnvelope
    return_xdr: str


def decode_event(text: str) -> tuple[list[Any], Any]:
    event = xdr.ContractEvent.from_xdr(text)
    assert event.body.v0 is not None
    return [to_native(topic) for topic in event.body.v0.topics], to_native(event.body.v0.data)


def to_native(value: xdr.SCVal) -> Any:
    return _replace_addresses(scval.to_native(value))


def _replace_addresses(value: Any) -> Any:
    """Replace addresses by the names of their accounts."""
    if isinstance(value, Address):
        return NAMES.get(value.address, value.address)
    if isinstance(value, list):
        return [_replace_addresses(item) for item in value]
    if isinstance(value, dict):
        return {name: _replace_addresses(item) for name, item in value.items()}
    return value
