"""What an operation needs while it is applied: its ledger transaction, its source, its envelope."""

from __future__ import annotations

from dataclasses import dataclass, field

from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.ledger.ledger_txn import LedgerTxn


@dataclass(slots=True)
class OperationContext:
    ltx: LedgerTxn
    envelope: TransactionFrame
    source: str
    index: int
    ledger: int
    close_time: int
    passphrase: str
    # Within this transaction: each sponsored account and its sponsor.
    sponsorships: dict[str, str] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    return_value: bytes | None = None
