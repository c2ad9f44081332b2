"""
Outside services/ nothing is written through a connection of its own: what can be told from the code of
the adapters is told, through every function that one calls.
"""

import ast
import re
from collections.abc import Iterator, Mapping

import pytest

from tests.testkit.source_tree import PRODUCTION, get_name, list_modules

WRITING = re.compile(
    r"\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE\s+\w+(\s+\w+)?\s+SET)\b", re.IGNORECASE
)
STATEMENTS = {"insert", "update", "delete"}

Function = tuple[str, str]


def list_functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def resolve_imports(tree: ast.Module) -> dict[str, str]:
    """Return the dotted name that each imported name stands for."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def resolve_call(call: ast.Call, module: str, imported: Mapping[str, str]) -> Function:
    """Return module and name of what is called; a name that is not imported is of the module itself."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=of), attr=name):
            return imported.get(of, of), name
        case ast.Name(id=name) if name in imported:
            of, _, name = imported[name].rpartition(".")
            return of, name
        case ast.Name(id=name):
            return module, name
    return "", ""


def writes_itself(node: ast.AST, constants: Mapping[str, str], imported: Mapping[str, str]) -> bool:
    """Whether a function holds a statement that writes, as SQL or as SQLAlchemy's."""
    for each in ast.walk(node):
        match each:
            case ast.Constant(value=str(text)) if WRITING.search(text):
                return True
            case ast.Name(id=name) if WRITING.search(constants.get(name, "")):
                return True
            case ast.Call(func=ast.Name(id=name)) if name in STATEMENTS:
                if "sqlalchemy" in imported.get(name, ""):
                    return True
            # Of a table, or of a machine of transitions.
            case ast.Call(func=ast.Attribute(attr=name)) if name in STATEMENTS:
                return True
    return False


def resolve_constants(constants: Mapping[str, str]) -> dict[str, str]:
    """Return the source of each constant, with that of the constants it is made of."""
    found = dict(constants)
    for name, source in constants.items():  # each stands below those it is made of
        parts = {each.id for each in ast.walk(ast.parse(source)) if isinstance(each, ast.Name)}
        found[name] = "\n".join([source, *(found[part] for part in sorted(parts & set(found)))])
    return found


def find_writing(sources: Mapping[str, str]) -> set[Function]:
    """Return the functions of modules, by dotted name, that write or call one that does."""
    calls: dict[Function, set[Function]] = {}
    writing: set[Function] = set()
    for module, source in sources.items():
        tree = ast.parse(source)
        imported = resolve_imports(tree)
        constants = {
            target.id: ast.unparse(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        constants = resolve_constants(constants)
        for function in list_functions(tree):
            called = (each for each in ast.walk(function) if isinstance(each, ast.Call))
            calls[module, function.name] = {resolve_call(each, module, imported) for each in called}
            if writes_itself(function, constants, imported):
                writing.add((module, function.name))
    while more := {each for each, called in calls.items() if called & writing} - writing:
        writing |= more
    return writing


def find_written(source: str, module: str, writing: set[Function]) -> set[str]:
    """Return the writing functions that a module calls inside a block of `autocommit()`."""
    tree = ast.parse(source)
    imported = resolve_imports(tree)
    return {
        called[1]
        for block in ast.walk(tree)
        if isinstance(block, ast.AsyncWith)
        if any("autocommit" in ast.unparse(item.context_expr) for item in block.items)
        for call in ast.walk(block)
        if isinstance(call, ast.Call)
        if (called := resolve_call(call, module, imported)) in writing
    }


def read_adapters() -> dict[str, str]:
    return {
        get_name(path).removesuffix(".py").replace("/", "."): path.read_text()
        for path in list_modules(["adapters/postgres"])
    }


ADAPTER = """
from sqlalchemy import insert, select, text
_SAVE = text("UPDATE payments SET ledger = 1")
async def add(connection): await connection.execute(insert(payments))
async def save(connection): await connection.execute(_SAVE)
async def save_all(connection): await save(connection)
async def get(connection): await connection.execute(text("SELECT 1 FROM payments FOR UPDATE"))
"""
CALLER = """
from adapters.postgres import payments as records
async def run(database):
    async with database.autocommit() as connection:
        await records.{}(connection)
"""


@pytest.mark.parametrize(
    ("called", "found"),
    [("add", {"add"}), ("save", {"save"}), ("save_all", {"save_all"}), ("get", set[str]())],
)
def test_a_write_is_recognised(called: str, found: set[str]) -> None:
    writing = find_writing({"adapters.postgres.payments": ADAPTER})
    assert find_written(CALLER.format(called), "api.x", writing) == found


def test_only_use_cases_write() -> None:
    writing = find_writing(read_adapters())
    # It sees through constants, upserts and the table of transitions.
    assert {
        ("adapters.postgres.events", "publish"),
        ("adapters.postgres.networks", "save_state"),
        ("adapters.postgres.settlement.payments", "confirm"),
    } <= writing
    found = {
        f"{get_name(path)}: {name}"
        for path in list_modules(PRODUCTION)
        if not get_name(path).startswith(("services/", "adapters/"))
        for name in find_written(path.read_text(), "", writing)
    }
    assert found == set()
