"""Only use cases open transactions and write the audit trail, one use case a file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.testkit.source_tree import PRODUCTION, ROOT, get_name, list_modules

MODULES_MAX = 12


def _opens_transaction(source: str) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (
            ast.unparse(node.func).endswith(".transaction")
            or ast.unparse(node.func).endswith("engine.begin")
        )
        for node in ast.walk(ast.parse(source))
    )


def _find_imports(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def test_only_use_cases_open_transactions() -> None:
    opening = {
        get_name(path)
        for path in list_modules(PRODUCTION)
        if path.parts[len(ROOT.parts)] != "services" and _opens_transaction(path.read_text())
    }
    # The module that defines transactions.
    assert opening - {"adapters/postgres/database.py"} == set()


@pytest.mark.parametrize(
    "source",
    [
        "async with database.transaction() as connection: pass",
        "async with engine.database.transaction() as connection: pass",
        "connection = self.database.transaction()",
        "async with database.engine.begin() as connection: pass",
    ],
)
def test_an_opened_transaction_is_recognised(source: str) -> None:
    wrapped = f"async def run():\n    {source}\n"
    assert _opens_transaction(wrapped)
    assert not _opens_transaction(
        wrapped.replace("transaction", "autocommit").replace("begin", "x")
    )


# Which entries are read: an export of the trail names its filter, and nothing that writes.
READS = {"adapters.postgres.audit", "adapters.postgres.audit.AuditFilter"}


def _leave_out_reads(imports: set[str]) -> set[str]:
    """The module itself stands among the imports of whoever imports something of it."""
    return imports - READS if imports >= READS else imports


def test_no_adapter_publishes_events_or_audit_entries() -> None:
    """Only a use case decides what is written to the audit trail."""
    publishing = {
        get_name(path)
        for path in list_modules(["adapters"])
        if any(
            name.startswith(("domain.audit", "adapters.postgres.events", "adapters.postgres.audit"))
            for name in _leave_out_reads(_find_imports(path.read_text()))
        )
    }
    assert publishing == {"adapters/postgres/events.py"}


def _list_use_cases() -> Iterator[tuple[Path, list[ast.AsyncFunctionDef]]]:
    for path in list_modules(["services"]):
        if path.name != "__init__.py":
            body = ast.parse(path.read_text()).body
            yield (
                path,
                [
                    node
                    for node in body
                    if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_")
                ],
            )


def test_a_file_holds_one_use_case() -> None:
    """The use case has the file's name and takes the database; a shared part takes a connection."""
    wrong = []
    for path, functions in _list_use_cases():
        shared = [each for each in functions if each.name.endswith("_within")]
        public = [each for each in functions if each not in shared]
        if any(each.args.args[0].arg != "connection" for each in shared):
            wrong.append(f"{get_name(path)}: a part that is shared takes the connection first")
        if any(each.args.args[0].arg != "database" for each in public):
            wrong.append(f"{get_name(path)}: a use case takes the database first")
        if not path.stem.startswith("read_") and [each.name for each in public] not in (
            [path.stem],
            [],
        ):
            wrong.append(f"{get_name(path)}: one use case of the file's name, not {public}")
    assert wrong == []


def test_a_use_case_opens_at_most_one_transaction() -> None:
    opened = {
        f"{get_name(path)} {function.name}": count
        for path, functions in _list_use_cases()
        for function in functions
        if (count := _count_transactions(function)) > 1
    }
    assert opened == {}


def _count_transactions(function: ast.AsyncFunctionDef) -> int:
    return sum(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("transaction", "autocommit")
        for node in ast.walk(function)
    )


def test_a_room_has_few_modules() -> None:
    crowded = {
        get_name(folder): count
        for folder in {path.parent for path in list_modules(["services"])}
        if (count := len([path for path in folder.glob("*.py") if path.name != "__init__.py"]))
        > MODULES_MAX
    }
    assert crowded == {}
