"""The house stays in order: one noun one name, small files, no drawers for odds and ends."""

import ast
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from adapters.settings import AnalyticsSettings, ApiSettings, SettlementSettings, WorkerSettings
from devstack.environment.services import is_seed
from tests.testkit.source_tree import PRODUCTION, ROOT, get_name, list_modules

FILE_LINES_MAX, FUNCTION_LINES_MAX = 300, 40
FILE_LINES_P90 = 180
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "core", "misc"}
ROOMS = ("sla", "settlement", "accounting", "analytics")
MODULES_MAX = 12
# What a layer has besides the nouns of the domain.
FURNITURE = {
    "api": {
        *("__main__", "app", "bodies", "commands", "dependencies", "middleware", "payment_views"),
        *("problems", "responses", "sockets", "views", "wallet_commands"),
    },
    "api/routes": {
        *("amendments", "health", "metrics", "payouts", "receptions", "reversals"),
        "user_wallets",
    },
    "workflows": {
        "outage_starts",
        "outage_states",
        "reversals",
        "runtime",
        "scheduled_workflows",
        "settling",
    },
    "activities": {"direct_settlement"},
    "adapters/postgres": {
        *("closed_outages", "contract_calls", "database", "durability", "guard_digests", "guards"),
        *("installation", "metrics", "own_transfers", "unit_of_work", "checked_rows"),
        *("outage_rows", "judgements", "outage_contexts", "judgements"),
    },
}


def _stems(folder: str, pattern: str = "*.py") -> set[str]:
    return {path.stem for path in (ROOT / folder).glob(pattern)} - {"__init__"}


def _nouns(layer: str) -> dict[str, str]:
    """Every module of a layer, and the room it stands in; "" for the layer itself."""
    return dict.fromkeys(_stems(layer), "") | {
        noun: room for room in ROOMS for noun in _stems(f"{layer}/{room}", "**/*.py")
    }


NOUNS = _nouns("domain")
FILES = list_modules((*PRODUCTION, "packages", "tests"))


@pytest.mark.parametrize("layer", FURNITURE)
def test_a_noun_has_one_name_and_one_room_in_every_layer(layer: str) -> None:
    found = _nouns(layer)
    furniture = FURNITURE[layer]
    strangers = set(found) - furniture - set(NOUNS)
    assert strangers == set(), f"{layer} speaks of what domain/ does not know"
    assert furniture <= set(found), f"{layer} lists furniture it does not have"
    assert furniture & set(NOUNS) == set()
    moved = {
        noun: room
        for noun, room in found.items()
        if room and noun not in furniture and room != NOUNS[noun]
    }
    assert moved == {}, f"{layer} keeps these in another room than domain/"


@pytest.mark.parametrize("layer", FURNITURE)
def test_tests_mirror_the_tree(layer: str) -> None:
    known = _nouns(layer)
    # Recorded workflows are replayed, messages are read, activities repeat and overlap, a contract is called.
    extra = {"histories", "messages", "repeats", "overlaps", "calls"}
    for room in ("", *ROOMS):
        folder = ROOT / "tests" / layer / room
        tested = {path.stem.removeprefix("test_") for path in folder.glob("test_*.py")}
        strangers = {noun for noun in tested - extra if known.get(noun) != room}
        assert strangers == set(), f"tests/{layer}/{room} tests what {layer}/{room} does not have"


def test_no_folder_is_a_corridor() -> None:
    crowded: dict[str, int] = {}
    for path in FILES:
        folder = str(path.parent.relative_to(ROOT))
        if path.name != "__init__.py":
            crowded[folder] = crowded.get(folder, 0) + 1
    assert {folder: n for folder, n in crowded.items() if n > MODULES_MAX} == {}


def test_no_file_is_long() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert {path: n for path, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_nine_of_ten_files_are_short() -> None:
    """
    What ships in the wheel and in packages/, without tests, migrations, examples and empty files; of ten
    such files nine have at most so many lines.
    """
    lengths = sorted(
        n
        for path in list_modules()
        if (n := len(path.read_text().splitlines())) and "migrations" not in path.parts
    )
    long = [n for n in lengths if n > FILE_LINES_P90]
    assert len(long) <= len(lengths) // 10, f"{len(long)} of {len(lengths)}"


@dataclass(frozen=True)
class Outline:
    """What the tests here ask of a file: whether it says what it is for, and its functions."""

    is_explained: bool
    # Name, first line, number of lines, and whether a scope may be left out.
    functions: tuple[tuple[str, int, int, bool], ...]


@cache
def read_outline(path: Path) -> Outline:
    """Read a file once for all tests, and keep no more of it than they ask."""
    tree = ast.parse(path.read_text())
    functions = [
        (node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1, _is_forgiving(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return Outline(bool(ast.get_docstring(tree)), tuple(functions))


def test_no_function_is_long() -> None:
    long = [
        f"{get_name(path)}:{line} {name}"
        for path in FILES
        for name, line, lines, _ in read_outline(path).functions
        if lines > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_reader_has_a_scope_by_default() -> None:
    """A caller who forgets to say whose things are read must not be given everybody's."""
    forgiving = [
        f"{get_name(path)}:{line} {name}"
        for path in list_modules()
        for name, line, _, is_forgiving in read_outline(path).functions
        if is_forgiving
    ]
    assert forgiving == []


def _is_forgiving(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(map(_is_scope, _list_optional(node.args)))


def _list_optional(given: ast.arguments) -> list[ast.arg]:
    """Return the parameters that a caller may leave out."""
    placed = [*given.posonlyargs, *given.args]
    named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    optional = placed[len(placed) - len(given.defaults) :]
    return [*optional, *(each for each, default in named if default)]


def _is_scope(given: ast.arg) -> bool:
    return isinstance(given.annotation, ast.Name) and given.annotation.id == "Scope"


def test_no_drawer_for_odds_and_ends() -> None:
    names = {path.stem for path in FILES} | {part for path in FILES for part in path.parts}
    assert names & DRAWERS == set()


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        get_name(path)
        for path in FILES
        if path.name != "__init__.py" and not read_outline(path).is_explained
    ]
    assert silent == []


def test_there_is_no_package_among_the_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@cache
def list_modules_of_facade() -> set[str]:
    """Return what the API process has loaded before its first request."""
    code = "import sys, api.app, api.__main__; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    ended = subprocess.run(
        command, cwd=ROOT, timeout=120, check=True, capture_output=True, text=True
    )
    return set(ended.stdout.split())


def test_the_facade_never_loads_the_chain() -> None:
    """Whoever takes over the API process finds no code there that can sign."""
    assert "api.app" in list_modules_of_facade()
    assert "stellar_sdk" not in list_modules_of_facade()


def test_the_facade_loads_no_client_of_receivers() -> None:
    """It posts nothing, and has a limit for its memory."""
    assert "aiohttp" not in list_modules_of_facade()


def test_seeds_belong_to_one_process_alone() -> None:
    for settings in (ApiSettings, WorkerSettings, AnalyticsSettings):
        assert [name for name in settings.model_fields if is_seed(name.upper())] == []
    seeds = [name for name in SettlementSettings.model_fields if is_seed(name.upper())]
    assert len(seeds) == 6
