"""Nested ledger transactions over the ledger's entries, as LedgerTxn in stellar-core.

A failed operation drops its changes; a successful one commits them to its parent.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from stellar_sandbox.ledger.entries import (
    AccountEntry,
    ClaimableBalanceEntry,
    ContractDataEntry,
    DataEntry,
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
        # By its method: the parent may be a HistoricalLedgerTxn.
        return None if self.parent is None else self.parent.get(key)

    def put(self, entry: LedgerEntry) -> None:
        self.changes[entry.key] = replace(entry, last_modified=self.ledger)

    def remove(self, key: LedgerKey) -> None:
        self.changes[key] = None

    def load_account(self, address: str) -> AccountEntry | None:
        return cast("AccountEntry | None", self.get(("account", address)))

    def load_trustline(self, owner: str, asset: str) -> TrustLineEntry | None:
        return cast("TrustLineEntry | None", self.get(("trustline", owner, asset)))

    def load_data(self, owner: str, name: str) -> DataEntry | None:
        return cast("DataEntry | None", self.get(("account-data", owner, name)))

    def load_claimable_balance(self, balance_id: str) -> ClaimableBalanceEntry | None:
        return cast("ClaimableBalanceEntry | None", self.get(("claimable", balance_id)))

    def load_contract_data(
        self, contract: str, data_key: str, durability: int = 1
    ) -> ContractDataEntry | None:
        return cast(
            "ContractDataEntry | None", self.get(("data", contract, data_key, str(durability)))
        )

    def commit(self) -> None:
        """Copy the changes to the parent."""
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
    """Return each changed entry: its key, the entry in the parent and the entry here."""
    assert ltx.parent is not None
    return [(key, ltx.parent.get(key), entry) for key, entry in ltx.changes.items()]
