"""What is wrong with a request is said in sentences that say what to do."""

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from api.bodies import Body, Instant, OutageBody, Text
from api.parsing.sentences import FORMS, KEY_NAME, SENTENCES, SOURCE_NAME, render_error
from domain.sla.verdicts import Severity

WHOLE = Annotated[int, Field(strict=True)]
ROOT = Path(__file__).parents[3]
# The framework's own words, which say what is expected and not what to do.
BARE = re.compile(r"Input|Field required|Extra inputs|should|Value error")


def find_sentence(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return render_error(refused.value.errors()[0])


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        (WHOLE, "1", "must be a whole number, without quotes or a fraction"),
        (WHOLE, 1.5, "must be a whole number, without quotes or a fraction"),
        (int, "x", "must be a whole number"),
        (Annotated[int, Field(le=200)], 201, "must be at most 200"),
        (Annotated[int, Field(ge=1)], 0, "must be at least 1"),
        (Annotated[float, Field(strict=True)], "1", "must be a number, without quotes"),
        (str, 1, "must be text, in quotes"),
        (Annotated[str, Field(max_length=3)], "long", "must have at most 3 characters"),
        (
            Annotated[list[str], Field(max_length=1)],
            ["a", "b"],
            "must have at most 1 entries, and has 2",
        ),
        (Annotated[Text, Field(max_length=3)], "long", "must have at most 3 characters, and has 4"),
        (Annotated[list[str], Field(min_length=1)], [], "lacks entries: send at least 1"),
        (
            Annotated[str, Field(pattern="^[0-9a-f]{64}$")],
            "x",
            "must be 64 digits or letters from a to f",
        ),
        (Severity, "odd", "must be 'critical', 'high', 'medium' or 'low'"),
        (Literal["open"], "shut", "must be 'open'"),
        (date, "no", "must be a date, written like 2026-01-31"),
        (bool, "perhaps", "must be true or false"),
        (Instant, 5, "must be written like 2026-01-31T12:00:00Z"),
    ],
)
def test_a_wrong_value_is_said_to_be_wrong(kind: Any, value: Any, sentence: str) -> None:
    assert find_sentence(kind, value) == sentence


class _Small(Body):
    count: int


def test_what_is_missing_and_what_is_too_much_is_named() -> None:
    assert find_sentence(_Small, {}) == "is missing: send it"
    too_much = {"count": 1, "cuont": 1}
    assert find_sentence(_Small, too_much).startswith(
        "is not a field of this request: leave it out"
    )


def test_nothing_of_the_frameworks_words_is_left() -> None:
    wrong: list[tuple[type[BaseModel], Any]] = [
        (OutageBody, dict.fromkeys(OutageBody.model_fields, value))
        for value in (None, 5, -1, 1e99, "x" * 9000, ["x"] * 9000, {}, True, float("nan"))
    ]
    for model, body in [*wrong, (OutageBody, {}), (OutageBody, [])]:
        with pytest.raises(ValidationError) as refused:
            model.model_validate(body)
        for found in refused.value.errors():
            assert not BARE.search(render_error(found)), found


def test_every_sentence_is_of_an_error_that_exists() -> None:
    assert set(SENTENCES) - set(get_args(ErrorType)) == set()


def test_every_pattern_that_a_field_must_match_is_said_in_words() -> None:
    """A pattern without words would be a defect (500); those that only the document has are the domain's."""
    known = {
        pattern
        for path in (ROOT / "api").rglob("*.py")
        for pattern in re.findall(r"pattern=(?:r|f)?\"(\^[^\"]+)\"", path.read_text())
        if "errors#" not in pattern
    }
    named = {"^{NAME.pattern}$": {f"^{KEY_NAME.pattern}$", f"^{SOURCE_NAME.pattern}$"}}
    assert set().union(*(named.get(each, {each}) for each in known)) == set(FORMS)
