"""Ledger entries: accounts, trustlines, data entries, claimable balances and contract data.

Entries are immutable: a change is a new entry under the same key. That makes a rollback, a
lagging node and a restart cheap and simple.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

BASE_RESERVE = 5_000_000
INT64_MAX = 2**63 - 1

AUTH_REQUIRED, AUTH_REVOCABLE, AUTH_IMMUTABLE, AUTH_CLAWBACK = 1, 2, 4, 8
AUTHORIZED, MAINTAIN_LIABILITIES, TRUSTLINE_CLAWBACK = 1, 2, 4

LedgerKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountEntry:
    address: str
    balance: int
    sequence: int
    num_sub_entries: int = 0
    flags: int = 0
    home_domain: str = ""
    thresholds: tuple[int, int, int, int] = (1, 0, 0, 0)  # master weight, low, medium, high
    signers: tuple[tuple[str, int], ...] = ()
    num_sponsoring: int = 0  # reserves that it pays for others
    num_sponsored: int = 0  # its own reserves that another account pays
    sponsor: str = ""  # the account that pays its reserves
    sequence_ledger: int = 0
    sequence_time: int = 0
    last_modified: int = 0

    @property
    def key(self) -> LedgerKey:
        return ("account", self.address)

    @property
    def available_balance(self) -> int:
        reserves = 2 + self.num_sub_entries + self.num_sponsoring - self.num_sponsored
        return self.balance - reserves * BASE_RESERVE


@dataclass(frozen=True, slots=True)
class TrustLineEntry:
    owner: str
    asset: str
    balance: int
    limit: int = INT64_MAX
    flags: int = AUTHORIZED
    last_modified: int = 0

    @property
    def key(self) -> LedgerKey:
        return ("trustline", self.owner, self.asset)

    @property
    def authorized(self) -> bool:
        return bool(self.flags & AUTHORIZED)


@dataclass(frozen=True, slots=True)
class DataEntry:
    """A named value of an account; the value is hexadecimal."""

    owner: str
    name: str
    value: str
    last_modified: int = 0

    @property
    def key(self) -> LedgerKey:
        return ("account-data", self.owner, self.name)


@dataclass(frozen=True, slots=True)
class ClaimableBalanceEntry:
    id: str
    asset: str
    amount: int
    sponsor: str
    claimants: tuple[tuple[str, str], ...]  # address, predicate as hexadecimal XDR
    clawback: bool = False
    last_modified: int = 0

    @property
    def key(self) -> LedgerKey:
        return ("claimable", self.id)


@dataclass(frozen=True, slots=True)
class ContractDataEntry:
    """One value of a contract; key and value are hexadecimal XDR."""

    contract: str
    data_key: str
    value: str
    durability: int = 1
    live_until: int = 0
    last_modified: int = 0

    @property
    def key(self) -> LedgerKey:
        return ("data", self.contract, self.data_key, str(self.durability))


LedgerEntry = AccountEntry | TrustLineEntry | DataEntry | ClaimableBalanceEntry | ContractDataEntry
ENTRY_TYPES: dict[str, type[Any]] = {
    "account": AccountEntry,
    "trustline": TrustLineEntry,
    "account-data": DataEntry,
    "claimable": ClaimableBalanceEntry,
    "data": ContractDataEntry,
}


def dump_key(key: LedgerKey) -> str:
    return "|".join(key)


def dump_entry(entry: LedgerEntry) -> bytes:
    return orjson.dumps(entry)


def load_entry(key: str, body: bytes) -> LedgerEntry:
    fields = orjson.loads(body)
    for name in ("thresholds", "signers", "claimants"):
        if name in fields:
            fields[name] = tuple(
                tuple(item) if isinstance(item, list) else item for item in fields[name]
            )
    entry: LedgerEntry = ENTRY_TYPES[key.partition("|")[0]](**fields)
    return entry
