"""The ledger's entries in layers: a transaction writes on its own sheet, laid over the ledger.

A failing operation throws its sheet away; a good one copies it down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from stellar_sandbox.ledger.entries import (
    AccountEntry,
    ClaimableBalanceEntry,
    ContractDataEntry,
    LedgerEntry,
    LedgerKey,
    TrustLineEntry,
)


class LedgerTxn:
    def __init__(self, parent: LedgerTxn | None = None, ledger: int = 0) -> None:
        self.parent = parent
        self.ledger: int = ledger if parent is None else (ledger or parent.ledger)
        self.changes: dict[LedgerKey, LedgerEntry | None] = {}

    def get(self, key: LedgerKey) -> LedgerEntry | None:
        if key in self.changes:
            return self.changes[key]
        # Asked, not looked into: the sheet below may be a past one and know better.
        return None if self.parent is None else self.parent.get(key)

    def put(self, entry: LedgerEntry) -> None:
        self.changes[entry.key] = replace(entry, last_modified=self.ledger)

    def remove(self, key: LedgerKey) -> None:
        self.changes[key] = None

    def account(self, address: str) -> AccountEntry | None:
        return cast("AccountEntry | None", self.get(("account", address)))

    def trustline(self, owner: str, asset: str) -> TrustLineEntry | None:
        return cast("TrustLineEntry | None", self.get(("trustline", owner, asset)))

    def claimable(self, balance_id: str) -> ClaimableBalanceEntry | None:
        return cast("ClaimableBalanceEntry | None", self.get(("claimable", balance_id)))

    def data(self, contract: str, data_key: str, durability: int = 1) -> ContractDataEntry | None:
        return cast(
            "ContractDataEntry | None", self.get(("data", contract, data_key, str(durability)))
        )

    def commit(self) -> None:
        """Copy this sheet down onto the one below it."""
        assert self.parent is not None
        for key, entry in self.changes.items():
            if entry is None and self.parent.parent is None:
                self.parent.changes.pop(key, None)
            else:
                self.parent.changes[key] = entry
        self.changes = {}


def collect_changes(
    ltx: LedgerTxn,
) -> list[tuple[LedgerKey, LedgerEntry | None, LedgerEntry | None]]:
    """What a sheet would change: each key, as it was below and as it is here."""
    assert ltx.parent is not None
    return [(key, ltx.parent.get(key), entry) for key, entry in ltx.changes.items()]
