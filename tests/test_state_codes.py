"""A state is a code: no module finds it by the words of a sentence."""

import ast
import re

import pytest

from tests.testkit.source_tree import DEVSTACK, PRODUCTION, get_name, list_modules

# What holds a sentence for people, by the last part of its name.
SENTENCES = {
    *("answer", "detail", "error", "message", "obstacle", "problem", "reason", "sentence"),
    *("silence", "status_reason", "why"),
}
SEARCHES = {"startswith", "endswith", "contains", "icontains", "like", "ilike", "find", "index"}


def searched(source: str) -> list[str]:
    """Where a module looks for words in a sentence: a state is a code, and never that."""
    found = []
    for node in ast.walk(ast.parse(source)):
        among: list[ast.expr] = []
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant | ast.JoinedStr):
            among = [
                each
                for operator, each in zip(node.ops, node.comparators, strict=True)
                if isinstance(operator, ast.In | ast.NotIn)
            ]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            among = [node.func.value] if node.func.attr in SEARCHES else []
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += re.findall(
                r"\w*(?:reason|detail)\s+(?:NOT\s+)?I?LIKE\b", node.value, re.IGNORECASE
            )
        names = [getattr(each, "id", getattr(each, "attr", "")) for each in among]
        found += [f"{node.lineno}: {name}" for name in names if name in SENTENCES]
    return found


@pytest.mark.parametrize(
    "source",
    [
        '"INSUFFICIENT_FEE" in answer',
        '"limit" not in held.reason',
        'payments.c.status_reason.startswith("the circuit breaker")',
        "text(\"SELECT id FROM payments WHERE status_reason LIKE 'the circuit breaker is open: %'\")",
    ],
)
def test_a_search_for_words_would_be_found(source: str) -> None:
    assert len(searched(source)) == 1


def test_no_state_is_found_by_the_words_of_a_sentence() -> None:
    searching = {
        get_name(path): found
        for path in list_modules((*PRODUCTION, DEVSTACK))
        if (found := searched(path.read_text()))
    }
    assert searching == {}
