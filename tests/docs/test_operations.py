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


SENTENCES = [row[0].strip("`") for row in _read_index()]


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
    parts = [re.escape(part.strip()) for part in sentence.split("...") if part.strip()]
    return bool(parts) and re.search(".*?".join(parts), text, re.DOTALL) is not None


@pytest.mark.parametrize("sentence", SENTENCES)
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
