"""Ledger headers, chained by their hashes."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import sha256

from stellar_sdk import xdr

from stellar_sandbox.ledger import fees
from stellar_sandbox.ledger.entries import BASE_RESERVE

TOTAL_COINS = 50_001_806_812 * 10_000_000
PROTOCOL_VERSION = 27


@dataclass(frozen=True, slots=True)
class LedgerHeader:
    """A closed ledger: its sequence, its close time, its hash and its header."""

    sequence: int
    close_time: int
    hash: str
    header: str  # base64 of the XDR

    @property
    def protocol(self) -> int:
        """The protocol version under which the ledger was closed."""
        return xdr.LedgerHeader.from_xdr(self.header).ledger_version.uint32


def build_ledger_header(
    previous: LedgerHeader | None, close_time: int, results: bytes, changes: bytes, protocol: int
) -> LedgerHeader:
    sequence = 1 if previous is None else previous.sequence + 1
    before = bytes(32) if previous is None else bytes.fromhex(previous.hash)
    header = xdr.LedgerHeader(
        ledger_version=xdr.Uint32(protocol),
        previous_ledger_hash=xdr.Hash(before),
        scp_value=xdr.StellarValue(
            tx_set_hash=xdr.Hash(sha256(before + results).digest()),
            close_time=xdr.TimePoint(xdr.Uint64(close_time)),
            upgrades=[],
            ext=xdr.StellarValueExt(xdr.StellarValueType.STELLAR_VALUE_BASIC),
        ),
        tx_set_result_hash=xdr.Hash(sha256(results).digest()),
        bucket_list_hash=xdr.Hash(sha256(before + changes).digest()),
        ledger_seq=xdr.Uint32(sequence),
        total_coins=xdr.Int64(TOTAL_COINS),
        fee_pool=xdr.Int64(0),
        inflation_seq=xdr.Uint32(0),
        id_pool=xdr.Uint64(0),
        base_fee=xdr.Uint32(fees.BASE_FEE),
        base_reserve=xdr.Uint32(BASE_RESERVE),
        max_tx_set_size=xdr.Uint32(1_000),
        skip_list=[xdr.Hash(bytes(32))] * 4,
        ext=xdr.LedgerHeaderExt(0),
    )
    raw = header.to_xdr_bytes()
    return LedgerHeader(
        sequence, close_time, sha256(raw).hexdigest(), base64.b64encode(raw).decode()
    )
