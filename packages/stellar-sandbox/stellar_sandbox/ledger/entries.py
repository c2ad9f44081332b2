"""What the ledger holds: accounts, trustlines, claimable balances and contract data.

Entries never change in place: a change is a new entry under the same key. That is what makes a
rollback, a lagging node and a restart cheap and plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

BASE_RESERVE = 5_000_000
INT64_MAX = 2**63 - 1

AUTH_REQUIRED, AUTH_REVOCABLE, AUTH_IMMUTABLE, AUTH_CLAWBACK = 1, 2, 4, 8
AUTHORIZED, MAINTAIN_LIABILITIES, TRUSTLINE_CLAWBACK = 1, 2, 4

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Account:
    address: str
    balance: int
    sequence: int
    sub_entries: int = 0
    flags: int = 0
    home_domain: str = ""
    thresholds: tuple[int, int, int, int] = (1, 0, 0, 0)  # master's weight, low, medium, high
    signers: tuple[tuple[str, int], ...] = ()
    sponsoring: int = 0  # reserves it pays for others
    sponsored: int = 0  # reserves of its own that another pays
    sponsor: str = ""  # who pays for the account itself
    sequence_ledger: int = 0
    sequence_time: int = 0
    changed: int = 0

    @property
    def key(self) -> Key:
        return ("account", self.address)

    @property
    def spendable(self) -> int:
        reserves = 2 + self.sub_entries + self.sponsoring - self.sponsored
        return self.balance - reserves * BASE_RESERVE


@dataclass(frozen=True, slots=True)
class Trustline:
    owner: str
    asset: str
    balance: int
    limit: int = INT64_MAX
    flags: int = AUTHORIZED
    changed: int = 0

    @property
    def key(self) -> Key:
        return ("trustline", self.owner, self.asset)

    @property
    def authorized(self) -> bool:
        return bool(self.flags & AUTHORIZED)


@dataclass(frozen=True, slots=True)
class ClaimableBalance:
    id: str
    asset: str
    amount: int
    sponsor: str
    claimants: tuple[tuple[str, str], ...]  # address, predicate as hex of its XDR
    clawback: bool = False
    changed: int = 0

    @property
    def key(self) -> Key:
        return ("claimable", self.id)


@dataclass(frozen=True, slots=True)
class ContractData:
    """One value of a contract, both key and value as hex of the XDR the wire carries."""

    contract: str
    slot: str
    value: str
    durability: int = 1
    live_until: int = 0
    changed: int = 0

    @property
    def key(self) -> Key:
        return ("data", self.contract, self.slot, str(self.durability))


Entry = Account | Trustline | ClaimableBalance | ContractData
KINDS: dict[str, type[Any]] = {
    "account": Account,
    "trustline": Trustline,
    "claimable": ClaimableBalance,
    "data": ContractData,
}


def dump_key(key: Key) -> str:
    return "|".join(key)


def dump_entry(entry: Entry) -> bytes:
    return orjson.dumps(entry)


def load_entry(key: str, body: bytes) -> Entry:
    fields = orjson.loads(body)
    for name in ("thresholds", "signers", "claimants"):
        if name in fields:
            fields[name] = tuple(
                tuple(item) if isinstance(item, list) else item for item in fields[name]
            )
    entry: Entry = KINDS[key.partition("|")[0]](**fields)
    return entry
