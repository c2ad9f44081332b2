"""
Write the baseline anew: `make baseline`.

Tables come from adapters/postgres/tables, functions, triggers and first rows from migrations/sql. Two
files are written from them: the migration itself, and what an integrity check expects to find in a
database (adapters/postgres/accounting/guard_digests.py). The same sources always give the same bytes.

The revision is named after the contents: a database that another baseline made is never taken for one
of this one.
"""

import hashlib
import re
import subprocess
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

from alembic.autogenerate import render_python_code
from alembic.migration import MigrationContext
from alembic.operations import ops

from adapters.postgres.tables import metadata
from migrations.statements import SQL, list_sql_files

ROOT = Path(__file__).parents[2]
MIGRATION = ROOT / "migrations/versions/0001_baseline.py"
DIGESTS = ROOT / "adapters/postgres/accounting/guard_digests.py"

_MIGRATION = '''\
"""
The baseline: every table, function, trigger and first row, made at once.

Written by `make baseline` from adapters/postgres/tables and migrations/sql. Until 1.0.0 it is made
anew when one of those changes; change them and not this file.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from adapters.postgres.tables import Xid8
from migrations.statements import read_sql_files

revision = "{revision}"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    {tables}
    # Functions keep this path: temporary tables would come first unless they are named last, and
    # anybody may make one named postings.
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    op.execute(f"SET LOCAL search_path = {{schema}}, pg_temp")
    for statements in read_sql_files():
        op.execute(statements)


def downgrade() -> None:
    raise NotImplementedError("There is nothing before the baseline; restore a backup instead.")
'''

_DIGESTS = '''\
"""
The guards that the baseline creates, with which an integrity check compares a database.

Written by `make baseline` from migrations/sql; change those files and not this one.
"""

# The migration that creates them.
REVISION = "{revision}"

# Table, name and function of each trigger; pg_trigger.tgtype (1 for each row, 2 before, 4 insert,
# 8 delete, 16 update, 32 truncate); whether it is deferred to the end of the transaction; whether it
# has a condition.
GUARDS = {guards}

# SHA-256 of the body of each function, because a changed function keeps its name.
BODIES = {bodies}
'''

_FUNCTION = re.compile(
    r"CREATE FUNCTION (?P<name>\w+)\((?P<arguments>[^)]*)\)(?P<options>.*?)\$\$(?P<body>.*?)\$\$;",
    re.DOTALL,
)
_TRIGGER = re.compile(
    r"CREATE (?P<constraint>CONSTRAINT )?TRIGGER (?P<name>\w+) (?P<time>BEFORE|AFTER)"
    r" (?P<events>\w+(?: OR \w+)*) ON (?P<table>\w+)"
    r"(?P<deferred> DEFERRABLE INITIALLY DEFERRED)? FOR EACH (?P<level>ROW|STATEMENT)"
    r"(?P<condition> WHEN \(.*\))? EXECUTE FUNCTION (?P<function>\w+)\(\)"
)
_BITS = {"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}


@dataclass(frozen=True)
class Guard:
    """A trigger, as an integrity check looks for it."""

    table: str
    name: str
    function: str
    occasion: int
    deferred: bool
    conditional: bool


def read_functions() -> dict[str, str]:
    """What each function says, by name: the text between its dollar signs, byte for byte."""
    functions: dict[str, str] = {}
    for path in sorted((SQL / "functions").glob("*.sql")):
        found = _FUNCTION.search(path.read_text(encoding="utf-8"))
        if found is None or found["name"] != path.stem:
            raise SystemExit(f"{path} must create one function, {path.stem}, with its body in $$")
        functions[path.stem] = found["body"]
    return functions


def read_triggers() -> list[str]:
    """Each statement of triggers.sql, on one line and without its semicolon."""
    text = re.sub(
        r"^--.*$", "", (SQL / "triggers.sql").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return [" ".join(statement.split()) for statement in text.split(";") if statement.strip()]


def read_guards() -> list[Guard]:
    return [_parse_trigger(statement) for statement in read_triggers()]


def _parse_trigger(statement: str) -> Guard:
    found = _TRIGGER.fullmatch(statement)
    if found is None:
        raise SystemExit(f"migrations/sql/triggers.sql: not the form of the others: {statement}")
    words = [found["time"], found["level"], *found["events"].split(" OR ")]
    return Guard(
        *(found["table"], found["name"], found["function"]),
        occasion=sum(_BITS.get(word, 0) for word in words),
        deferred=found["deferred"] is not None,
        conditional=found["condition"] is not None,
    )


def render_tables() -> str:
    """The calls of Alembic that make the tables and their indexes, those they refer to first."""
    made: list[ops.MigrateOperation] = []
    for table in metadata.sorted_tables:
        made.append(ops.CreateTableOp.from_table(table))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [ops.CreateIndexOp.from_index(index) for index in indexes]
    rendered = render_python_code(
        ops.UpgradeOps(made),
        migration_context=MigrationContext.configure(dialect_name="postgresql"),
        user_module_prefix="",
    )
    # Alembic's own remarks ("please adjust") are about a file that is edited by hand.
    return "\n".join(line for line in rendered.splitlines() if "# ###" not in line).strip()


def hash_contents(tables: str) -> str:
    digest = hashlib.sha256(tables.encode())
    for path in list_sql_files():
        digest.update(b"\0" + path.relative_to(SQL).as_posix().encode() + b"\0")
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def render() -> dict[Path, str]:
    """Every file that is written, and what is written to it."""
    tables = render_tables()
    revision = f"0001_{hash_contents(tables)}"
    guards = [astuple(guard) for guard in read_guards()]
    called = {guard.function for guard in read_guards()}
    bodies = {
        name: hashlib.sha256(body.encode()).hexdigest()
        for name, body in read_functions().items()
        if name in called
    }
    written = {
        MIGRATION: _MIGRATION.format(revision=revision, tables=tables),
        DIGESTS: _DIGESTS.format(revision=revision, guards=tuple(guards), bodies=bodies),
    }
    return {path: _tidy(path, text) for path, text in written.items()}


def _tidy(path: Path, text: str) -> str:
    """As `ruff format` leaves it, so that `make check` has nothing to say."""
    ruff = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(path), "-"]
    done = subprocess.run(ruff, input=text, capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout


if __name__ == "__main__":
    for target, contents in render().items():
        target.write_text(contents, encoding="utf-8")
        print(f"written: {target.relative_to(ROOT)}")
