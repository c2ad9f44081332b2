"""What a contract call declares it will touch: read once with the envelope, asked many times."""

from __future__ import annotations

from dataclasses import dataclass

from stellar_sdk import xdr

from stellar_sandbox.ledger.entries import Key
from stellar_sandbox.ledger.ledger_keys import key_of


@dataclass(frozen=True, slots=True)
class Footprint:
    readable: frozenset[Key]
    writable: frozenset[Key]
    repeats: bool  # the same key twice, which the network refuses

    @classmethod
    def read(cls, footprint: xdr.LedgerFootprint) -> Footprint:
        read_only = [key for item in footprint.read_only if (key := key_of(item))]
        writable = [key for item in footprint.read_write if (key := key_of(item))]
        every = frozenset(read_only + writable)
        repeats = len(every) != len(read_only) + len(writable)
        return cls(every, frozenset(writable), repeats)
