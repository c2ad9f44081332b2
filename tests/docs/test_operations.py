"""The index of docs/operations.md by what an operator sees: each sentence is one that the code says, and none is left out."""

import ast
import re
from functools import cache

import pytest

from devstack.environment.temporal import SEARCH_ATTRIBUTES
from domain.accounting.troubles import TroubleCode
from domain.reasons import WAITS, ReasonCode, WaitsFor
from tests.docs.test_docs import read_document
from tests.testkit.source_tree import PRODUCTION, ROOT, list_modules
from workflows.visibility import search_attributes
from workflows.visibility.queries import QUERIES, make_url

GAP = "\0"
# A line of log whose words all come from elsewhere.
WORDS_MIN = 6


def _read_index() -> list[list[str]]:
    """Return the rows of the index, as cells."""
    text = read_document("docs/operations.md")
    assert text.splitlines()[4] == "## What do I do at 3 a.m.?", "operators look here first"
    index = text.split("## What do I do at 3 a.m.?")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in index.splitlines() if line.startswith("| `")]


SENTENCES = [sentence for row in _read_index() for sentence in re.findall(r"`(.+?)`", row[0])]
WELL = "**What says that all is well**"
# What a workflow shows in the Web UI goes through one of these.
SHOWING = frozenset(
    (
        *("note", "note_stuck", "note_ignored", "note_state", "set_current_details"),
        *("enter", "acknowledge", "on_status", "_put_off"),
    )
)


def _read_well() -> list[str]:
    """Return the sentences that need nobody."""
    paragraph = read_document("docs/operations.md").split(WELL)[1].split("\n\n")[0]
    return re.findall(r"`(.+?)`", paragraph)


def _join(node: ast.AST) -> str | None:
    """Return the text of a literal, with a gap for whatever is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_join(part) or GAP for part in node.values)
    return None


@cache
def _list_texts() -> list[str]:
    """Return every text of the product."""
    found = []
    for path in list_modules(PRODUCTION):
        tree = ast.parse(path.read_text())
        found += [text for node in ast.walk(tree) if (text := _join(node))]
    return found


def _says(text: str, sentence: str) -> bool:
    """Tell whether a text of the code has the fixed parts of a sentence, in their order."""
    parts = [part.strip() for part in sentence.split("...") if part.strip()]
    place = 0
    for part in parts:
        if (found := text.find(part, place)) < 0:
            return False
        place = found + len(part)
    return bool(parts)


def _list_literals(node: ast.AST) -> list[str]:
    """Return the texts that an expression may be, whole."""
    if (text := _join(node)) is not None:
        return [text]
    return [text for part in ast.iter_child_nodes(node) for text in _list_literals(part)]


def _list_assigned(function: ast.AST) -> dict[str, list[str]]:
    """Return the texts that the names of a function may stand for."""
    found = dict[str, list[str]]()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).extend(_list_literals(node.value))
        if isinstance(node, ast.NamedExpr):
            found.setdefault(node.target.id, []).extend(_list_literals(node.value))
    return found


def _list_shown_by(function: ast.AST, name: str) -> list[str]:
    """Return what a function may have a workflow show."""
    assigned, found = _list_assigned(function), list[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value and name.startswith("describe"):
            found += _list_literals(node.value)
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        for argument in node.args if called in SHOWING else ():
            found += _list_literals(argument)
            for part in ast.walk(argument):
                if isinstance(part, ast.Name):
                    found += assigned.get(part.id, [])
    return found


def _list_shown() -> set[str]:
    """Return every sentence that a workflow may show, or an activity of a delivery puts it off with."""
    paths = [*(ROOT / "workflows").rglob("*.py"), ROOT / "activities" / "webhooks.py"]
    functions = [
        node
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    shown = {text for each in functions for text in _list_shown_by(each, each.name)}
    # What is left without what is put in; shorter ones are parts of others.
    return {text for text in shown if " " in text.strip() and len(re.sub(r"\W", "", text)) > 5}


def test_every_sentence_that_a_workflow_shows_is_in_the_index() -> None:
    shown = _list_shown()
    assert len(shown) > 45
    known = [*SENTENCES, *_read_well()]
    assert {text for text in shown if not any(_says(text, each) for each in known)} == set()


@pytest.mark.parametrize("sentence", [*SENTENCES, *_read_well()])
def test_every_sentence_of_the_index_is_said_by_the_code(sentence: str) -> None:
    assert any(_says(text, sentence) for text in _list_texts()), "nothing says this"


def test_every_trouble_and_every_alarm_is_in_the_index() -> None:
    codes = {code for row in _read_index() for code in re.findall(r"`(\w+)`", row[1])}
    assert set(TroubleCode) - codes == set()
    alarms = {text.removeprefix("ALARM: ") for text in _list_texts() if text.startswith("ALARM: ")}
    assert len(alarms) > 8
    # What is left without what is put in.
    worded = {text for text in alarms if len(re.sub(r"%[sd]|\W", "", text)) >= WORDS_MIN}
    assert {text for text in worded if not any(_says(text, each) for each in SENTENCES)} == set()


def test_every_word_for_a_wait_is_explained_and_every_reason_has_one() -> None:
    look = read_document("docs/operations.md").split("\n## Look")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z]+)` \|", look, re.MULTILINE) == [str(each) for each in WaitsFor]
    assert set(WAITS) == set(ReasonCode)


def test_every_question_is_in_the_documents_with_its_query() -> None:
    text = read_document("docs/operations.md")
    for question, query in QUERIES.items():
        url = make_url("http://127.0.0.1:8233", "default", query)
        assert f"| [{question}]({url}) | `{query}` |" in text, question


def test_every_search_attribute_is_registered_wherever_a_server_is_made() -> None:
    written = {each.name: each.indexed_value_type.name.title() for each in search_attributes.KEYS}
    assert written == SEARCH_ATTRIBUTES
    compose = (ROOT / "docker-compose.yml").read_text()
    assert dict(re.findall(r"(\w+):(Keyword|Datetime|Double|Int)\b", compose)) == written
    look = read_document("docs/operations.md")
    assert [name for name in written if f"`{name}`" not in look] == []
