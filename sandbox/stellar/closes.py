"""The record of a closed ledger, as LedgerCloseMeta, built only when somebody asks."""

from __future__ import annotations

import base64

from stellar_sdk import xdr

from sandbox.stellar.headers import Head
from sandbox.stellar.ledger import Ledger


def header_entry(head: Head) -> xdr.LedgerHeaderHistoryEntry:
    return xdr.LedgerHeaderHistoryEntry(
        hash=xdr.Hash(bytes.fromhex(head.hash)),
        header=xdr.LedgerHeader.from_xdr(head.header),
        ext=xdr.LedgerHeaderHistoryEntryExt(0),
    )


def metadata(ledger: Ledger, head: Head) -> str:
    # LedgerCloseMetaV2: ext v0, header, an empty generalized set, no upgrades, no SCP, no eviction
    previous = header_entry(head).header.previous_ledger_hash.to_xdr_bytes()
    return base64.b64encode(
        bytes.fromhex("0000000200000000")
        + header_entry(head).to_xdr_bytes()
        + bytes.fromhex("00000001")
        + previous
        + bytes(4)
        + bytes(4) * 3
        + bytes(8)
        + bytes(4)
    ).decode()
