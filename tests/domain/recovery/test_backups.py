"""A manifest says the same after it was read; what cannot be understood is refused with a sentence."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from domain.errors import BackupUnusable, Conflict
from domain.recovery.backups import (
    BackupManifest,
    DatabaseContents,
    JournalTotals,
    TableSummary,
    check_revision,
    list_differences,
    parse_manifest,
)
from domain.recovery.restorations import RestoreTarget, check_replaceable

AT = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
CONTENTS = DatabaseContents(
    at=AT,
    server_major=18,
    server_id="7580000000000000001",
    revision="0001_abc",
    transaction=4711,
    networks=["ab" * 32],
    chain_ledger=7,
    chain_closed_at=AT,
    known_hashes=[],
    tables={"payments": TableSummary(2, "123456789012345678901")},
    # More than a double holds exactly.
    journal=JournalTotals(1, 2, 2**60 + 1, 1, 5, 2**60 + 1),
    violated=["entries_balance"],
    treasuries=["GBOND"],
)
MANIFEST = BackupManifest("0.5.0", CONTENTS, 10, "cd" * 32)
TARGET = RestoreTarget("engine", True, {}, 0, None, None)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert parse_manifest(MANIFEST.encode()) == MANIFEST
    unread = replace(MANIFEST, contents=replace(CONTENTS, chain_ledger=None, chain_closed_at=None))
    assert parse_manifest(unread.encode()) == unread


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": 1}', b"\xff"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(BackupUnusable, match="take another backup"):
        parse_manifest(content)


def test_a_newer_format_names_the_version_that_reads_it() -> None:
    with pytest.raises(BackupUnusable, match=r"has format 2 and this program reads 1.*'0\.5\.0'"):
        parse_manifest(replace(MANIFEST, format=2).encode())


def test_a_backup_of_another_build_is_refused() -> None:
    check_revision(MANIFEST, "0001_abc")
    with pytest.raises(BackupUnusable, match=r"migration 0001_abc by apexchainx 0\.5\.0"):
        check_revision(MANIFEST, "0002_def")


def test_every_difference_is_named() -> None:
    assert list_differences(CONTENTS, CONTENTS) == []
    found = replace(
        CONTENTS,
        tables={"payments": TableSummary(2, "1"), "strangers": TableSummary(1, "1")},
        journal=replace(CONTENTS.journal, confirmed=0),
        violated=["entries_balance", "no_overdraft"],
    )
    rows, new, totals, violated = list_differences(CONTENTS, found)
    assert rows == "table payments has other rows than before"
    assert new == "table strangers is new"
    assert "confirmed=0" in totals
    assert violated == "the invariant no_overdraft is violated, and was kept before"
    assert list_differences(CONTENTS, replace(CONTENTS, tables={})) == ["table payments is missing"]


def test_what_the_first_start_writes_is_nothing_to_lose() -> None:
    check_replaceable(replace(TARGET, rows={"agreements": 1, "api_keys": 1}), replaces=False)
    occupied = replace(TARGET, rows={"agreements": 1, "outages": 2})
    with pytest.raises(Conflict, match=r"not empty \(agreements 1, outages 2\): with --replace"):
        check_replaceable(occupied, replaces=False)
    check_replaceable(occupied, replaces=True)
    with pytest.raises(Conflict, match="3 sessions are open"):
        check_replaceable(replace(occupied, sessions=3), replaces=True)
