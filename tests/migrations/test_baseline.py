"""The committed baseline is what `make baseline` writes, whoever writes it and whenever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from adapters.postgres.accounting import guards
from adapters.postgres.tables import metadata
from migrations.run import make_config
from tests.migrations import write_baseline
from tests.migrations.write_baseline import ROOT, Guard

VERSIONS = ROOT / "migrations/versions"


@pytest.fixture(scope="module")
def written() -> dict[Path, str]:
    return write_baseline.render()


def test_the_committed_baseline_is_up_to_date(written: dict[Path, str]) -> None:
    stale = [path.name for path, text in written.items() if path.read_text() != text]
    assert stale == [], (
        "A table or an .sql file was changed: run `make baseline` and commit what it writes"
    )


def test_there_is_one_migration() -> None:
    """Until 1.0.0, another migration would be history of a version that nobody runs."""
    assert [path.name for path in VERSIONS.glob("0*.py")] == ["0001_baseline.py"], (
        "Delete the new migration, change the tables or migrations/sql, and run `make baseline`"
    )


def test_the_same_sources_always_give_the_same_bytes(written: dict[Path, str]) -> None:
    code = (
        "import sys; from tests.migrations import write_baseline as w;"
        "sys.stdout.write(w.render()[w.MIGRATION])"
    )
    # Sets are walked in another order there.
    again = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert again.stdout == written[write_baseline.MIGRATION]


def test_the_baseline_contains_every_table(written: dict[Path, str]) -> None:
    made = written[write_baseline.MIGRATION].count("op.create_table(")
    assert made == len(metadata.tables)


def test_a_changed_guard_changes_the_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A database is known by what made it: no two baselines share a revision."""
    before = write_baseline.hash_contents("tables")
    assert write_baseline.hash_contents("other tables") != before
    changed = tmp_path / "check_floor.sql"
    changed.write_text("-- weaker")
    monkeypatch.setattr(write_baseline, "SQL", tmp_path)
    monkeypatch.setattr(write_baseline, "list_sql_files", lambda: [changed])
    assert write_baseline.hash_contents("tables") != before


def test_every_malformed_trigger_is_named() -> None:
    guard = write_baseline._parse_trigger(
        "CREATE TRIGGER t BEFORE DELETE OR TRUNCATE ON x FOR EACH STATEMENT EXECUTE FUNCTION f()"
    )
    assert guard == Guard("x", "t", "f", 2 | 8 | 32, deferred=False, conditional=False)
    with pytest.raises(SystemExit, match="not the form of the others: CREATE TRIGGER t INSTEAD OF"):
        write_baseline._parse_trigger(
            "CREATE TRIGGER t INSTEAD OF INSERT ON x EXECUTE FUNCTION f()"
        )


def test_the_integrity_check_knows_every_trigger_and_its_function() -> None:
    declared = {guard.name for guard in write_baseline.read_guards()}
    assert {name for _, name, *_ in guards.GUARDS} == declared
    assert set(guards.BODIES) == {guard.function for guard in write_baseline.read_guards()}
    unused = set(write_baseline.read_functions()) - set(guards.BODIES)
    assert unused == set(), "a function that no trigger calls"


def test_the_baseline_cannot_be_downgraded() -> None:
    baseline = ScriptDirectory.from_config(make_config("")).get_revision(guards.REVISION)
    with pytest.raises(NotImplementedError, match="nothing before the baseline; restore a backup"):
        baseline.module.downgrade()
