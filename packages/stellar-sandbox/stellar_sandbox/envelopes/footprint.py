"""The footprint of a contract call: the ledger keys that it declares to read and to write."""

from __future__ import annotations

from dataclasses import dataclass

from stellar_sdk import xdr

from stellar_sandbox.ledger.entries import LedgerKey
from stellar_sandbox.ledger.ledger_keys import parse_ledger_key


@dataclass(frozen=True, slots=True)
class Footprint:
    readable: frozenset[LedgerKey]
    writable: frozenset[LedgerKey]
    has_duplicates: bool  # the network refuses a key that is named twice

    @classmethod
    def read(cls, footprint: xdr.LedgerFootprint) -> Footprint:
        read_only = [key for item in footprint.read_only if (key := parse_ledger_key(item))]
        writable = [key for item in footprint.read_write if (key := parse_ledger_key(item))]
        every = frozenset(read_only + writable)
        has_duplicates = len(every) != len(read_only) + len(writable)
        return cls(every, frozenset(writable), has_duplicates)
