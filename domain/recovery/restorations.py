"""A restoration: the database was replaced by an older backup, so that the chain may know more than it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.errors import Conflict

# What the first start of the services writes into a new database; other rows are somebody's work.
FIRST_ROWS = frozenset(
    {"agreement_versions", "agreements", "alembic_version", "api_keys", "circuit_breakers"}
    | {"installation", "parties", "policies"}
)
# Transactions after a backup, of which readers of the event feed may keep a cursor.
TRANSACTIONS_MARGIN = 1_000_000
NAMED_MAX = 10


@dataclass(frozen=True, slots=True)
class Restoration:
    """
    One restoration: when, of which backup, and up to which ledger that had read the chain.

    Until the chain has been read up to a ledger closed after `restored_at`, the journal does not know
    what was paid since the backup.
    """

    restored_at: datetime
    backup_taken_at: datetime
    backup_sha256: str
    chain_ledger: int | None
    replaced_database: str | None

    def payload(self) -> dict[str, object]:
        """Return the evidence of its audit entry."""
        return {
            "restored_at": self.restored_at,
            "backup_taken_at": self.backup_taken_at,
            "backup_sha256": self.backup_sha256,
            "chain_ledger": self.chain_ledger,
            "replaced_database": self.replaced_database,
        }


@dataclass(frozen=True, slots=True)
class Losses:
    """What a database has that a backup of `since` has not; amounts in stroops, at most 10 ids."""

    since: datetime
    outages: int
    outage_ids: Sequence[str]
    payments: int
    payments_stroops: int
    confirmed: int
    confirmed_stroops: int


@dataclass(frozen=True, slots=True)
class RestoreTarget:
    """
    The database that a backup would replace; `rows` are those of its tables that have any.

    `losses` is None where it cannot be read, or was made by another build.
    """

    name: str
    exists: bool
    rows: Mapping[str, int]
    sessions: int
    losses: Losses | None
    latest: Restoration | None

    @property
    def is_empty(self) -> bool:
        """True when nothing is in it but what the first start of the services writes."""
        return not {*self.rows} - FIRST_ROWS


@dataclass(frozen=True, slots=True)
class TransfersSince:
    """How often our treasuries paid from a ledger on, without what a backup knows of it, and how much in stroops."""

    first_ledger: int
    last_ledger: int
    oldest_known_ledger: int
    count: int
    stroops: int

    @property
    def is_complete(self) -> bool:
        """False when the nodes have dropped ledgers that were closed since."""
        return self.oldest_known_ledger <= self.first_ledger


def check_replaceable(target: RestoreTarget, *, replaces: bool) -> None:
    """Refuse to move a database away that holds something, or that somebody uses."""
    if not target.is_empty and not replaces:
        contents = ", ".join(f"{name} {rows}" for name, rows in sorted(target.rows.items()))
        raise Conflict(
            f"the database {target.name!r} is not empty ({contents}): with --replace it is moved away, "
            "under another name, and nothing of it is deleted"
        )
    if target.sessions:
        raise Conflict(
            f"{target.sessions} sessions are open in the database {target.name!r}: stop the API, the "
            "workers and whatever else is connected to it, then restore"
        )
