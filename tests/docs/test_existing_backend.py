"""
The tables of the existing backend's and the web frontend's calls are true: what they call served is served, what
they call tested is asked by that test, and the rest has a reason.
"""

import re
from pathlib import Path

import pytest

from tests.docs.test_docs import read_document
from tests.testkit.described_app import get_document

ROW = re.compile(
    r"^\| (GET|POST|PUT|PATCH|DELETE) \| `(/[^`]*)` \| (?:`(\w+) (/[^`]*)`)? ?\| ?(.*?) ?\|$",
    re.MULTILINE,
)
ROWS = ROW.findall(read_document("docs/existing-backend.md"))
SERVED = {
    (method.upper(), path.removeprefix("/api/v1"))
    for path, operations in get_document()["paths"].items()
    for method in operations
}


ROOT = Path(__file__).parents[2]
LIVE = re.findall(
    r"^\| [a-z ]+ \| `([A-Z]+) (/[^`]+)` \| `(tests/[^`]+)` \|$",
    read_document("docs/frontend.md"),
    re.MULTILINE,
)
# It uploads for all of them.
BROWSER = read_document("tests/testkit/frontend/browser.py")


def _normalize(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_the_table_has_every_call_once() -> None:
    calls = [(method, path) for method, path, *_ in ROWS]
    assert len(calls) == len(set(calls)) == 118


def test_what_is_served_there_is_counted_rightly() -> None:
    served, documented = (
        ROW.findall(part)
        for part in read_document("docs/existing-backend.md").split("## Documented there")
    )
    own = sum(bool(path) and not reason for *_, path, reason in served)
    elsewhere = sum(bool(path) and bool(reason) for *_, path, reason in served)
    assert (
        f"Of its {len(served)} calls {own} are served under their own path, {elsewhere} under another, and "
        f"{len(served) - own - elsewhere} are not; of the {len(documented)} that are only documented, "
        f"{sum(bool(path) for *_, path, _ in documented)} are served."
    ) in read_document("docs/existing-backend.md")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_call_is_served_where_the_table_says_or_has_a_reason(row: tuple[str, ...]) -> None:
    method, path, here_method, here_path, reason = row
    same = (method, _normalize(path)) in {(verb, _normalize(known)) for verb, known in SERVED}
    if here_path:
        assert (here_method, here_path) in SERVED, "the table says that this is served"
        differs = (method, _normalize(path)) != (here_method, _normalize(here_path))
        assert bool(reason) == differs, "what is served elsewhere has a reason, and nothing else"
    else:
        assert len(reason.split()) > 2, "what is not served has a reason"
    assert same == (bool(here_path) and not reason), "what is served under its own path says so"


def test_the_frontend_has_so_many_live_calls() -> None:
    assert len(LIVE) == len({row[:2] for row in LIVE}) == 43


@pytest.mark.parametrize("row", LIVE, ids=lambda row: f"{row[0]} {row[1]}")
def test_a_live_call_of_the_frontend_is_served_and_asked_by_the_test_that_is_named(
    row: tuple[str, str, str],
) -> None:
    method, path, test = row
    assert (method, path) in SERVED
    variable = r"(?:\\{[^}]+\\}|[\\w-]+)"
    called = re.sub(r"\{\w+\}", variable, path) + r"(?![\w/{])"
    text = (ROOT / test).read_text()
    assert re.search(called, text + BROWSER if "/bulk" in path else text), called
    assert f'"{method}"' in text or "browser.upload" in text or "browser.download" in text
