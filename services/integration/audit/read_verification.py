"""Verify the audit trail: every entry is what was hashed, and its columns say what it says."""

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from adapters.postgres import audit
from adapters.postgres.database import Database
from domain.audit import hash_leaf
from domain.digests import format_instant

VERIFIED_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class AuditMismatch:
    """An entry that is not as it was written, and what of it is not."""

    sequence: int
    entry_id: str
    problem: str


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """`last_sequence` is where to go on; there is nothing after it when `complete`."""

    verified: int
    last_sequence: int
    complete: bool
    mismatches: list[AuditMismatch]


async def read_verification(database: Database, after: int, limit: int) -> AuditVerification:
    """Read up to `limit` entries after a sequence, in pages, and hash each anew."""
    verified, last, mismatches = 0, after, list[AuditMismatch]()
    while verified < limit:
        size = min(VERIFIED_AT_ONCE, limit - verified)
        async with database.autocommit() as connection:
            page = await audit.list_stored(connection, last, size)
        for row in page:
            mismatches += (AuditMismatch(row.sequence, row.id, each) for each in _check(row))
        verified += len(page)
        last = page[-1].sequence if page else last
        if len(page) < size:
            return AuditVerification(verified, last, True, mismatches)
    return AuditVerification(verified, last, False, mismatches)


def _check(row: audit.StoredEntry) -> Iterator[str]:
    if hash_leaf(row.content) != row.hash:
        yield "its content does not have its hash"
    try:
        content = orjson.loads(row.content)
    except orjson.JSONDecodeError:
        yield "its content is not JSON"
        return
    said = {
        name: getattr(row, name) for name in ("id", "subject", "action", "actor", "correlation_id")
    }
    said["at"] = format_instant(row.recorded_at)
    for name, value in said.items():
        if content.get(name) != value:
            yield f"its column {name} is not what its content says"
