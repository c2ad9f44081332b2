"""LedgerCloseMeta (V2) of a closed ledger, built when it is asked for.

Fees are in each transaction's events; the list of entry changes for fees is empty.
"""

from __future__ import annotations

import base64
from struct import pack
from typing import Any

import orjson
from stellar_sdk import xdr

from stellar_sandbox.ledger import fees, xdr_codec
from stellar_sandbox.ledger.ledger_header import LedgerHeader
from stellar_sandbox.ledger.ledger_store import TransactionRecord
from stellar_sandbox.network.ledger_manager import Ledger

MAX_TRANSACTIONS = 10_000


def encode_header_entry(header: LedgerHeader) -> bytes:
    """Encode the LedgerHeaderHistoryEntry: the hash, then the header."""
    return bytes.fromhex(header.hash) + base64.b64decode(header.header) + xdr_codec.ZERO


def build_close_meta(ledger: Ledger, header: LedgerHeader) -> str:
    records = ledger.store.read_transactions(
        (header.sequence, 1), header.sequence, MAX_TRANSACTIONS
    )
    rows = [(row, orjson.loads(b"{" + row.body + b"}")) for row in records]
    raw = (
        pack(">ii", 2, 0)
        + encode_header_entry(header)
        + _encode_transaction_set(header, rows)
        + xdr_codec.encode_array([_encode_result_meta(record.hash, body) for record, body in rows])
        + xdr_codec.encode_array([])  # upgrades
        + xdr_codec.encode_array([])  # consensus messages
        + pack(">Q", 0)  # size of the live contract state
        + xdr_codec.encode_array([])  # evicted keys
    )
    return base64.b64encode(raw).decode()


def _encode_transaction_set(
    header: LedgerHeader, rows: list[tuple[TransactionRecord, dict[str, Any]]]
) -> bytes:
    previous = xdr.LedgerHeader.from_xdr(header.header).previous_ledger_hash.hash
    calls = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if record.soroban]
    plain = [base64.b64decode(body["envelopeXdr"]) for record, body in rows if not record.soroban]
    price = xdr_codec.ONE + pack(">q", fees.BASE_FEE)
    component = [xdr_codec.ZERO + price + xdr_codec.encode_array(plain)] if plain else []
    stages = [xdr_codec.encode_array([xdr_codec.encode_array(calls)])] if calls else []
    phases = [
        xdr_codec.ZERO + xdr_codec.encode_array(component),
        xdr_codec.ONE + price + xdr_codec.encode_array(stages),
    ]
    return xdr_codec.ONE + previous + xdr_codec.encode_array(phases)


def _encode_result_meta(digest: bytes, body: dict[str, Any]) -> bytes:
    result, meta = base64.b64decode(body["resultXdr"]), base64.b64decode(body["resultMetaXdr"])
    return (
        xdr_codec.ZERO
        + digest
        + result
        + xdr_codec.encode_array([])
        + meta
        + xdr_codec.encode_array([])
    )
