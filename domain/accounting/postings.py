"""A posting: an account, and the amount that is moved on it, in whole units of its currency."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

CURRENCY = "USDC"


# Every settlement touches the same few accounts. Their balances are kept in as many parts, and a
# payment always uses the same one, so that what it reserves and pays is what it accrued there.
SLOTS = 16


class AccountKind(StrEnum):
    ASSET = "asset"
    LIABILITY = "liability"
    EXPENSE = "expense"


KINDS = {
    "expense": AccountKind.EXPENSE,
    "payable": AccountKind.LIABILITY,
    "reserved": AccountKind.LIABILITY,
    "treasury": AccountKind.ASSET,
    "suspense": AccountKind.ASSET,
}


@dataclass(frozen=True, slots=True)
class Account:
    """
    A place in the journal. `floor_stroops` is the least it may hold in its own sense, where a
    liability is what we owe. Treasuries have none: what was put into them is not in this journal,
    and the chain itself lets nobody pay what is not there.
    """

    name: str
    currency: str
    kind: AccountKind
    floor_stroops: int | None


def make_account(name: str, currency: str = CURRENCY) -> Account:
    kind = KINDS[name.partition(":")[0]]
    return Account(name, currency, kind, None if kind is AccountKind.ASSET else 0)


@dataclass(frozen=True, slots=True)
class Posting:
    account: str
    amount_stroops: int


@dataclass(frozen=True, slots=True)
class Balance:
    """An account of the journal; a debit balance is positive."""

    account: str
    balance_stroops: int


@dataclass(frozen=True, slots=True)
class RecordedPosting:
    """A posting on record, with the entry that it is a line of."""

    entry_id: str
    kind: str
    corrects: str | None
    posted_at: datetime
    account: str
    amount_stroops: int
