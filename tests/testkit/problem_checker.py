"""A client's hook: an error that its route does not declare, or in another form, fails the test."""

import re
from functools import cache
from typing import Any

import httpx

from api.responses import Problem
from api.routes.health import ReadinessView
from tests.testkit.described_app import get_document

# Answered before a route is found, or for a path that none has.
OF_NO_ROUTE = {404, 405}


@cache
def _list_routes() -> list[tuple[str, re.Pattern[str], str, frozenset[int]]]:
    """Method, path, template and declared errors of each operation; plain paths before templates."""
    document = get_document()
    found = [
        (method.upper(), _compile_pattern(path), path, _list_errors(operation))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return sorted(found, key=lambda each: each[2].count("{"))


def _compile_pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", path))


def _list_errors(operation: dict[str, Any]) -> frozenset[int]:
    return frozenset(int(status) for status in operation["responses"] if int(status) >= 400)


def find_declared_errors(method: str, path: str) -> tuple[str, frozenset[int]] | None:
    """Return the template and the declared errors of the route that serves a request."""
    for verb, pattern, template, errors in _list_routes():
        if verb == method and pattern.fullmatch(path):
            return template, errors
    return None


async def check_problem(response: httpx.Response) -> None:
    """Fail unless an error response is one that the OpenAPI document declares; other responses pass."""
    status, request = response.status_code, response.request
    if status < 400:
        return
    if request.url.path.startswith("/console"):
        # Pages for people are no part of the document: tests/testkit/console reads them.
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        return
    found = find_declared_errors(request.method, request.url.path)
    if found is None:
        assert status in OF_NO_ROUTE, f"{status} by no route: {request.method} {request.url.path}"
    else:
        template, errors = found
        assert status in errors, f"{request.method} {template} does not declare {status}"
        if template.endswith("/health/readiness"):
            # It lists its parts in a form of its own, which probes read.
            await response.aread()
            assert ReadinessView.model_validate_json(response.content).status == "unavailable"
            return
    await response.aread()
    assert response.headers["content-type"] == "application/problem+json"
    if request.method == "HEAD":
        return
    problem = Problem.model_validate_json(response.content)
    assert problem.status == status
    assert problem.correlation_id == response.headers["x-correlation-id"]
    if problem.errors:
        # The sentence for people names each field; the message beside a field does not repeat it.
        each = [f"{error.field}: {error.message}" for error in problem.errors]
        assert problem.detail == "; ".join(each)
