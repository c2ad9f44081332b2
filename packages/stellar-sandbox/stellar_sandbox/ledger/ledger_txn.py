"""The ledger's entries in layers: a transaction writes on its own sheet, laid over the ledger.

A failing operation throws its sheet away; a good one copies it down.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from stellar_sandbox.ledger.entries import (
    Account,
    ClaimableBalance,
    ContractData,
    Entry,
    Key,
    Trustline,
)


class State:
    def __init__(self, below: State | None = None, ledger: int = 0) -> None:
        self.below = below
        self.ledger: int = ledger if below is None else (ledger or below.ledger)
        self.changes: dict[Key, Entry | None] = {}

    def get(self, key: Key) -> Entry | None:
        if key in self.changes:
            return self.changes[key]
        # Asked, not looked into: the sheet below may be a past one and know better.
        return None if self.below is None else self.below.get(key)

    def put(self, entry: Entry) -> None:
        self.changes[entry.key] = replace(entry, changed=self.ledger)

    def remove(self, key: Key) -> None:
        self.changes[key] = None

    def account(self, address: str) -> Account | None:
        return cast("Account | None", self.get(("account", address)))

    def trustline(self, owner: str, asset: str) -> Trustline | None:
        return cast("Trustline | None", self.get(("trustline", owner, asset)))

    def claimable(self, balance_id: str) -> ClaimableBalance | None:
        return cast("ClaimableBalance | None", self.get(("claimable", balance_id)))

    def data(self, contract: str, slot: str, durability: int = 1) -> ContractData | None:
        return cast("ContractData | None", self.get(("data", contract, slot, str(durability))))

    def commit(self) -> None:
        """Copy this sheet down onto the one below it."""
        assert self.below is not None
        for key, entry in self.changes.items():
            if entry is None and self.below.below is None:
                self.below.changes.pop(key, None)
            else:
                self.below.changes[key] = entry
        self.changes = {}


def changes_of(sheet: State) -> list[tuple[Key, Entry | None, Entry | None]]:
    """What a sheet would change: each key, as it was below and as it is here."""
    assert sheet.below is not None
    return [(key, sheet.below.get(key), entry) for key, entry in sheet.changes.items()]
