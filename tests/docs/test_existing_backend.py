"""The table of the existing backend's calls is true: what it calls served is served, and the rest has a reason."""

import re

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


def _normalize(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_the_table_has_every_call_once() -> None:
    calls = [(method, path) for method, path, *_ in ROWS]
    assert len(calls) == len(set(calls)) == 118


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
