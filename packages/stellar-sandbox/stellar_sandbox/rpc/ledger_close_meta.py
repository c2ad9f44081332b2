"""The record of a closed ledger, as LedgerCloseMeta, built only when somebody asks.

Fees are told in each transaction's events; the list of entry changes they caused is left empty.
"""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

import orjson
from stellar_sdk import xdr

from stellar_sandbox.ledger import fees, xdr_codec
from stellar_sandbox.ledger.ledger_header import Head
from stellar_sandbox.ledger.ledger_store import Record
from stellar_sandbox.network.ledger_manager import Ledger

MAX_TRANSACTIONS = 10_000


def header_entry(head: Head) -> bytes:
    """The LedgerHeaderHistoryEntry: the hash, then what it is the hash of."""
    return bytes.fromhex(head.hash) + base64.b64decode(head.header) + xdr_codec.ZERO


def metadata(ledger: Ledger, head: Head) -> str:
    records = ledger.store.page((head.sequence, 1), head.sequence, MAX_TRANSACTIONS)
    rows = [(row, orjson.loads(b"{" + row.body + b"}")) for row in records]
    raw = (
        pack(">ii", 2, 0)
        + header_entry(head)
        + _transaction_set(head, rows)
        + xdr_codec.array([_processing(record.hash, body) for record, body in rows])
        + xdr_codec.array([])  # upgrades
        + xdr_codec.array([])  # consensus messages
        + pack(">Q", 0)  # size of the live contract state
        + xdr_codec.array([])  # evicted keys
    )
    return base64.b64encode(raw).decode()


def _transaction_set(head: Head, rows: list[tuple[Record, dict[str, Any]]]) -> bytes:
    previous = xdr.LedgerHeader.from_xdr(head.header).previous_ledger_hash.hash
    calls = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if record.soroban]
    plain = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if not record.soroban]
    price = xdr_codec.ONE + pack(">q", fees.BASE_FEE)
    component = [xdr_codec.ZERO + price + xdr_codec.array(plain)] if plain else []
    stages = [xdr_codec.array([xdr_codec.array(calls)])] if calls else []
    phases = [
        xdr_codec.ZERO + xdr_codec.array(component),
        xdr_codec.ONE + price + xdr_codec.array(stages),
    ]
    return xdr_codec.ONE + previous + xdr_codec.array(phases)


def _processing(digest: bytes, body: dict[str, Any]) -> bytes:
    result, meta = base64.b64decode(body["resultXdr"]), base64.b64decode(body["resultMetaXdr"])
    return xdr_codec.ZERO + digest + result + xdr_codec.array([]) + meta + xdr_codec.array([])
