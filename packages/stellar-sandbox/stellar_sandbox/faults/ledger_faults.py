"""Faults that change ledger entries: what each changes, and how it is reverted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import orjson

from stellar_sandbox.ledger.entries import (
    AUTHORIZED,
    MAINTAIN_LIABILITIES,
    LedgerEntry,
    LedgerKey,
    TrustLineEntry,
)
from stellar_sandbox.ledger.ledger_txn import LedgerTxn

STATE_KEY = "active_ledger_faults"

LedgerFault = tuple[str, str]  # kind of fault, address
Change = tuple[list[LedgerEntry], list[LedgerKey]]


def begin_fault(fault: LedgerFault, asset: str, ltx: LedgerTxn) -> Change:
    """Return the changes that freeze or remove the trustline of an account."""
    kind, address = fault
    line, account = ltx.load_trustline(address, asset), ltx.load_account(address)
    if line is None or account is None:
        return [], []
    if kind == "frozen_trustline":
        return [replace(line, flags=MAINTAIN_LIABILITIES)], []
    return [replace(account, num_sub_entries=account.num_sub_entries - 1)], [line.key]


def end_fault(fault: LedgerFault, asset: str, ltx: LedgerTxn) -> Change:
    """Return the changes that authorize the trustline again, or open it with an empty balance."""
    kind, address = fault
    line, account = ltx.load_trustline(address, asset), ltx.load_account(address)
    if account is None:
        return [], []
    if kind == "frozen_trustline":
        return [replace(line, flags=AUTHORIZED)] if line else [], []
    if line is not None:
        return [], []
    account_with_line = replace(account, num_sub_entries=account.num_sub_entries + 1)
    return [account_with_line, TrustLineEntry(address, asset, 0)], []


def encode_active_faults(active: Iterable[LedgerFault]) -> tuple[str, str]:
    """Return the row of the store from which a restart reverts every fault."""
    return STATE_KEY, orjson.dumps(list(active)).decode()


def decode_active_faults(text: str | None) -> list[LedgerFault]:
    return [(kind, address) for kind, address in orjson.loads(text or "[]")]
