"""No name is of the old dialect, in the tests neither."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.testkit.source_tree import PRODUCTION, get_name, list_modules

# Words that name nothing anybody else would look for, as whole parts of a name; and what to say.
BANNED = {
    "adopt": "match",
    "adopted": "matched",
    "adopting": "matching",
    "book": "journal",
    "booked": "posted, or confirmed",
    "breaker": "circuit_breaker",
    "clockwork": "scheduled_workflow",
    "dossier": "context",
    "doubt": "unproven",
    "ejected": "removed",
    "errand": "request",
    "facts": "evidence",
    "gathering": "batching",
    "held": "on_hold, or reservation",
    "insist": "run_until_accepted",
    "inspected": "checked",
    "inspection": "integrity_check",
    "leader": "lead_payment",
    "leaf": "audit_entry",
    "lives": "workflows",
    "orphan": "unexpected_outflow",
    "parcel": "pending_delivery",
    "parked": "blocked",
    "parking": "blocking",
    "preparer": "maker",
    "promise": "invariant",
    "rider": "member",
    "rides": "in_attempt",
    "riding": "members",
    "ruling": "decision",
    "share": "allocation",
    "sides": "money_moved",
    "silence": "no_answer",
    "stories": "traces",
    "story": "trace",
    "strange": "unexplained",
    "survey": "monitor",
    "surveyed": "monitored",
    "surveys": "monitors",
    "told": "notified",
    "untold": "undispatched",
}
# "leaf" is the word of RFC 6962 for a hashed audit entry; a key is held by whoever can sign with it.
LEGITIMATE = {"hash_leaf", "leaf_hash", "KEY_NOT_HELD"}
# With the tests of the product and of its packages.
FILES = list_modules((*PRODUCTION, "packages", "tests"))


def list_identifiers(source: str) -> Iterator[str]:
    """Yield every function, class, argument, variable and attribute that a module defines."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def find_banned(identifier: str) -> list[str]:
    """Return the banned parts of a name, in snake_case or CamelCase."""
    if identifier in LEGITIMATE:
        return []
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower().split("_")
    return [
        part
        for before, part in pairwise(["", *parts])
        if part in BANNED and (before, part) != ("circuit", "breaker")
    ]


@pytest.mark.parametrize(
    ("identifier", "banned"),
    [
        ("untold_events", ["untold"]),
        ("ParkedPayment", ["parked"]),
        ("breaker_state", ["breaker"]),
        ("circuit_breaker_state", []),
        ("CircuitBreakerLimits", []),
        ("leaf_hash", []),
        ("HeldPayment", ["held"]),
        ("test_nothing_is_booked", ["booked"]),
    ],
)
def test_a_banned_word_would_be_found(identifier: str, banned: list[str]) -> None:
    assert find_banned(identifier) == banned


def test_no_identifier_is_of_the_old_dialect() -> None:
    found = {
        f"{get_name(path)}: {identifier}"
        for path in FILES
        for identifier in {path.stem, *list_identifiers(path.read_text())}
        if find_banned(identifier)
    }
    assert found == set()


def test_no_sentence_in_the_code_books() -> None:
    """In comments and messages as in names: what moves money is posted, and a payment is confirmed."""
    found = [
        f"{get_name(path)}:{number}: {line.strip()}"
        for path in list_modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"\b(?:books?|booked|booking)\b", line, re.IGNORECASE)
    ]
    assert found == []
