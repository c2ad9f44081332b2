"""One tongue: a noun stands in the glossary, a name stands for one thing, a function begins with a verb."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from tests.testkit.source_tree import ROOT, get_name, list_modules

FILES = list_modules()
VERBS = frozenset((ROOT / "tests/data/verbs.txt").read_text().split())
# What a framework calls by these names.
ENTRY_POINTS = {"main", "command", "lifespan"}


def spread(names_by_file: dict[str, str]) -> set[str]:
    """Return "file: name" of every name."""
    return {f"{file}: {name}" for file, names in names_by_file.items() for name in names.split()}


# Public functions that do not begin with a verb.
VERBS_LACKING = spread(
    {
        "adapters/stellar/codes/meanings.py": "page terminal",
        "packages/devstack/devstack/processes/parent_death.py": "prctl",
        "packages/stellar-sandbox/stellar_sandbox/calculator/state_views.py": "healthcheck",
        "packages/stellar-sandbox/stellar_sandbox/operations/account_operations.py": "changes_signers",
        "workflows/runtime.py": "exponential_backoff",
    }
)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def read_glossary() -> list[str]:
    rows = re.findall(r"^\| (.+?) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    return [word for word in rows if word != "word"]


def list_nouns() -> set[str]:
    """Modules of the domain, of the database and of workflows, and the sub-rooms of services."""
    files = {
        path
        for layer in ("domain", "adapters/postgres", "workflows")
        for path in (ROOT / layer).rglob("*.py")
        if path.stem != "__init__"
    }
    rooms = {path for path in (ROOT / "services").glob("*/*/") if path.name != "__pycache__"}
    return {path.stem for path in files | rooms}


def singularize(noun: str) -> str:
    for plural, singular in (("ies", "y"), ("ches", "ch"), ("s", "")):
        if noun.endswith(plural) and not noun.endswith("ss"):
            return noun.removesuffix(plural) + singular
    return noun


def test_every_noun_of_a_module_stands_in_the_glossary() -> None:
    known = {word.lower() for word in read_glossary()}
    nouns = {noun.replace("_", " ") for noun in list_nouns()}
    assert {noun for noun in nouns if not {noun, singularize(noun)} & known} == set()


def test_the_glossary_is_sorted_and_explains_a_word_once() -> None:
    words = [word.casefold() for word in read_glossary()]
    assert len(words) > 80
    assert [pair for pair in pairwise(words) if pair[0] >= pair[1]] == []


def test_a_public_class_has_a_name_of_its_own() -> None:
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(get_name(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def list_nameless(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions of a module that do not begin with a verb."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.name.startswith("_") or node.name in ENTRY_POINTS:
            continue
        if node.name.split("_")[0] not in VERBS:
            yield node.name


def test_a_function_begins_with_a_verb() -> None:
    found = {f"{get_name(path)}: {name}" for path in FILES for name in list_nameless(parse(path))}
    assert found - VERBS_LACKING == set()
    assert VERBS_LACKING - found == set(), "mended: take these off the list"


def test_the_verbs_are_sorted_and_all_used() -> None:
    verbs = (ROOT / "tests/data/verbs.txt").read_text().split()
    assert verbs == sorted(set(verbs))
    used = {
        node.name.split("_")[0]
        for path in FILES
        for node in parse(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert set(verbs) - used == set()
