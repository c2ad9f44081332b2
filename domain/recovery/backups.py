"""
A backup: one dump of the database of record, and the manifest that says what must be in it.

The manifest is read in the snapshot of the dump, so that what is restored can be compared with what was
there, table by table.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from domain.digests import canonicalize
from domain.errors import BackupUnusable

FORMAT = 1


@dataclass(frozen=True, slots=True)
class TableSummary:
    """How many rows a table has, and a sum over the hashes of them, whatever their order."""

    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class JournalTotals:
    """What the journal holds, amounts in stroops: of all debits, of all payments, and of those confirmed."""

    outages: int
    payments: int
    owed_stroops: int
    confirmed: int
    confirmed_stroops: int
    debited_stroops: int


@dataclass(frozen=True, slots=True)
class DatabaseContents:
    """
    What a database held at one instant: every table, the totals of its journal, the violated invariants,
    and the newest ledger of the chain that it had read (None before the first).

    `server_id` is the identity of the server's files, `transaction` the next transaction id it gives;
    `networks` are SHA-256 of passphrases, `known_hashes` the transactions of later ledgers by which
    confirmed payments were made. `treasuries` are the addresses that agreements pay from.
    """

    at: datetime
    server_major: int
    server_id: str
    revision: str
    transaction: int
    networks: Sequence[str]
    chain_ledger: int | None
    chain_closed_at: datetime | None
    known_hashes: Sequence[str]
    tables: Mapping[str, TableSummary]
    journal: JournalTotals
    violated: Sequence[str] = ()
    treasuries: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class BackupManifest:
    """What a backup says of itself; the dump is `dump_bytes` long."""

    version: str  # of this program
    contents: DatabaseContents
    dump_bytes: int
    dump_sha256: str
    format: int = field(default=FORMAT)

    def encode(self) -> bytes:
        """Return it as canonical JSON; totals as strings, which no reader rounds."""
        described = asdict(self)
        totals = described["contents"]["journal"]
        totals |= {name: str(each) for name, each in totals.items()}
        return canonicalize(described)


def parse_manifest(content: bytes) -> BackupManifest:
    """Parse what `encode` wrote; raises BackupUnusable for any other content, or a newer format."""
    try:
        read = json.loads(content)
        if read["format"] == FORMAT:
            return BackupManifest(**(read | {"contents": _parse_contents(read["contents"])}))
    except (ValueError, KeyError, TypeError) as error:
        raise BackupUnusable(
            f"the manifest of the backup cannot be read ({type(error).__name__}): take another backup"
        ) from None
    raise BackupUnusable(
        f"the backup has format {read['format']!r} and this program reads {FORMAT}: use the version "
        f"that made it, {read.get('version')!r}"
    )


def _parse_contents(read: dict[str, Any]) -> DatabaseContents:
    closed = read["chain_closed_at"]
    parsed = {
        "at": datetime.fromisoformat(read["at"]),
        "chain_closed_at": datetime.fromisoformat(closed) if closed else None,
        "tables": {name: TableSummary(**each) for name, each in read["tables"].items()},
        "journal": JournalTotals(**{name: int(each) for name, each in read["journal"].items()}),
    }
    return DatabaseContents(**(read | parsed))


def check_revision(manifest: BackupManifest, revision: str) -> None:
    """Refuse a backup of a database that another build made: this one could not use it."""
    found = manifest.contents.revision
    if found != revision:
        raise BackupUnusable(
            f"the backup was made at migration {found} by apexchainx {manifest.version}, and this build has "
            f"{revision}: restore it with the build that made it"
        )


def list_differences(wanted: DatabaseContents, found: DatabaseContents) -> list[str]:
    """Say in what a restored database is not the one that was backed up; nothing when it is."""
    differences = []
    for name in sorted({*wanted.tables, *found.tables}):
        there, here = wanted.tables.get(name), found.tables.get(name)
        if there is None or here is None:
            differences.append(f"table {name} is {'missing' if here is None else 'new'}")
        elif there.rows != here.rows:
            differences.append(f"table {name} has {here.rows} rows where {there.rows} were")
        elif there != here:
            differences.append(f"table {name} has other rows than before")
    if wanted.journal != found.journal:
        differences.append(f"the journal's totals are {found.journal}, and were {wanted.journal}")
    new = sorted({*found.violated} - {*wanted.violated})
    differences += [f"the invariant {name} is violated, and was kept before" for name in new]
    return differences
