"""Rows stay in the adapters: whoever calls them gets frozen models of the domain, and no type of SQLAlchemy."""

import ast
from collections.abc import Iterator

import pytest

from tests.testkit.source_tree import PRODUCTION, get_name, list_modules

ROWS = {"Row", "RowMapping", "Result", "CursorResult", "MappingResult", "ScalarResult"}
ABOVE = [each for each in PRODUCTION if each not in ("adapters", "migrations")]
# What use cases, and the relay which only reads, pass on to the adapters.
CONNECTION = "sqlalchemy.ext.asyncio.AsyncConnection"


def list_imports(source: str) -> Iterator[str]:
    """Yield the dotted name of everything of SQLAlchemy that a module imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), names=names):
                found = [f"{module}.{alias.name}" for alias in names]
            case _:
                continue
        yield from (name for name in found if name.split(".")[0] == "sqlalchemy")


def list_answering_rows(source: str) -> Iterator[str]:
    """Yield the public functions of a module that return rows."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.returns is None:
            continue
        named = {each.id for each in ast.walk(node.returns) if isinstance(each, ast.Name)}
        if not node.name.startswith("_") and named & ROWS:
            yield node.name


def test_only_adapters_know_sqlalchemy() -> None:
    found = {
        f"{get_name(path)}: {name}"
        for path in list_modules(ABOVE)
        for name in list_imports(path.read_text())
        if name != CONNECTION or not get_name(path).startswith(("services/", "worker/"))
    }
    assert found == set()


def test_no_adapter_answers_with_rows() -> None:
    found = {
        f"{get_name(path)}: {name}"
        for path in list_modules(["adapters"])
        # What reads pages for the adapters is not their edge.
        if not get_name(path).startswith("adapters/postgres/reading/")
        for name in list_answering_rows(path.read_text())
    }
    assert found == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import sqlalchemy as sa", ["sqlalchemy"]),
        ("def f():\n    from sqlalchemy import RowMapping", ["sqlalchemy.RowMapping"]),
        ("from sqlalchemy.ext.asyncio import AsyncConnection", [CONNECTION]),
        ("from sqlite3 import Row", []),
    ],
)
def test_an_import_would_be_found(source: str, found: list[str]) -> None:
    assert list(list_imports(source)) == found


@pytest.mark.parametrize(
    ("returns", "found"),
    [
        ("RowMapping", ["get"]),
        ("tuple[list[RowMapping], int]", ["get"]),
        ("CursorResult[Any] | None", ["get"]),
        ("PaymentRecord", []),
    ],
)
def test_a_row_would_be_found(returns: str, found: list[str]) -> None:
    source = f"async def get(connection) -> {returns}: ...\ndef _get() -> RowMapping: ..."
    assert list(list_answering_rows(source)) == found
