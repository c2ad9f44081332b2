"""The record of a closed ledger, as LedgerCloseMeta, built only when somebody asks.

Fees are told in each transaction's events; the list of entry changes they caused is left empty.
"""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

import orjson
from stellar_sdk import xdr

from sandbox.stellar import fees, wire
from sandbox.stellar.headers import Head
from sandbox.stellar.ledger import Ledger
from sandbox.stellar.store import Record

MAX_TRANSACTIONS = 10_000


def header_entry(head: Head) -> bytes:
    """The LedgerHeaderHistoryEntry: the hash, then what it is the hash of."""
    return bytes.fromhex(head.hash) + base64.b64decode(head.header) + wire.ZERO


def metadata(ledger: Ledger, head: Head) -> str:
    records = ledger.store.page((head.sequence, 1), head.sequence, MAX_TRANSACTIONS)
    rows = [(row, orjson.loads(b"{" + row.body + b"}")) for row in records]
    raw = (
        pack(">ii", 2, 0)
        + header_entry(head)
        + _transaction_set(head, rows)
        + wire.array([_processing(record.hash, body) for record, body in rows])
        + wire.array([])  # upgrades
        + wire.array([])  # consensus messages
        + pack(">Q", 0)  # size of the live contract state
        + wire.array([])  # evicted keys
    )
    return base64.b64encode(raw).decode()


def _transaction_set(head: Head, rows: list[tuple[Record, dict[str, Any]]]) -> bytes:
    previous = xdr.LedgerHeader.from_xdr(head.header).previous_ledger_hash.hash
    calls = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if record.soroban]
    plain = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if not record.soroban]
    price = wire.ONE + pack(">q", fees.BASE_FEE)
    component = [wire.ZERO + price + wire.array(plain)] if plain else []
    stages = [wire.array([wire.array(calls)])] if calls else []
    phases = [wire.ZERO + wire.array(component), wire.ONE + price + wire.array(stages)]
    return wire.ONE + previous + wire.array(phases)


def _processing(digest: bytes, body: dict[str, Any]) -> bytes:
    result, meta = base64.b64decode(body["resultXdr"]), base64.b64decode(body["resultMetaXdr"])
    return wire.ZERO + digest + result + wire.array([]) + meta + wire.array([])
