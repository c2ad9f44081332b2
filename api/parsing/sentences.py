"""
What a caller is told of a request that the framework refuses, in sentences that say what to do.

The framework's own begin with "Input should be", "Field required" and the like. One that has a sentence of
ours is in the table by its type; the others are put into the same form.
"""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.routing import Match

from domain.access.api_keys import NAME as KEY_NAME
from domain.sla.intake.sources import NAME as SOURCE_NAME

WHOLE = "must be a whole number, without quotes or a fraction"
NUMBER = "must be a number, without quotes"
# By the type of pydantic's error; the braces are filled from its context.
SENTENCES = {
    "missing": "is missing: send it",
    "extra_forbidden": "is not a field of this request: leave it out, or mend its spelling",
    "json_invalid": "is not JSON: {error}",
    "int_type": WHOLE,
    "int_from_float": WHOLE,
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "must be a finite number",
    "string_type": "must be text, in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "too_long": "must have at most {max_length} entries, and has {actual_length}",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be a JSON object, sent with Content-Type: application/json",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "too_short": "lacks entries: send at least {min_length}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "greater_than": "must be more than {gt}",
    "date_from_datetime_parsing": "must be a date, written like 2026-01-31",
    "date_parsing": "must be a date, written like 2026-01-31",
    "date_from_datetime_inexact": "must be a date, written like 2026-01-31",
}
# What the patterns of texts ask for; a caller need not read regular expressions.
FORMS = {
    r"^[a-z0-9][a-z0-9-]*$": "small letters, digits and hyphens, the first one no hyphen",
    f"^{KEY_NAME.pattern}$": "up to 100 small letters, digits and . _ - and begin with a letter or a digit",
    f"^{SOURCE_NAME.pattern}$": "up to 64 small letters, digits and . _ - and begin with a letter or a digit",
    "^[0-9a-f]{64}$": "64 digits or letters from a to f",
    "^[0-9]{4}-(0[1-9]|1[0-2])$": "a month like 2026-01",
}
_PREFIX = re.compile(
    r"^(?:Value error, |(?:Input|String|List|Value|Dictionary) should (?=be |have |match ))"
)


def render_error(found: Mapping[str, Any]) -> str:
    """Return what to do about one of pydantic's errors, without the name of its field."""
    if found["type"] == "string_pattern_mismatch":
        pattern = found["ctx"]["pattern"]
        return f"must be {FORMS.get(pattern, f'of the form {pattern}')}"
    sentence = SENTENCES.get(found["type"])
    if found["type"] == "too_long" and isinstance(found["input"], str):
        sentence = "must have at most {max_length} characters, and has {actual_length}"
    if sentence is not None:
        return sentence.format_map(found.get("ctx", {}))
    if found["type"] == "value_error":
        return str(found["msg"]).removeprefix("Value error, ")
    return _PREFIX.sub("must ", str(found["msg"]))


def render_refusal(request: Request, error: HTTPException) -> tuple[str, dict[str, str] | None]:
    """Return the sentence and the headers of what no route answers: an unknown path, or another method."""
    headers = dict(error.headers) if error.headers else None
    if error.status_code == 404:
        prefix = request.app.state.prefix
        return (
            f"no route has this path: /openapi.json lists all, and each begins with {prefix}",
            headers,
        )
    if error.status_code == 405:
        allowed = ", ".join(list_methods(request))
        method = request.state.method
        return f"this path does not take {method}: send {allowed.replace(', ', ' or ')}", {
            "Allow": allowed
        }
    return str(error.detail), headers


def list_methods(request: Request) -> list[str]:
    """Return the methods of every route with this path; the framework names those of the first alone."""
    routes = request.app.router.routes
    exact = request.app.state.exact_paths.get(request.scope["path"])
    found = [
        method
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        if (exact is None or method in exact)
        and any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    ]
    return [*found[:1], "HEAD", *found[1:]] if "GET" in found else found
