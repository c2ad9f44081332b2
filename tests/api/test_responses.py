"""The OpenAPI document lists every error of every route, in the one form they all have."""

from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from api.problems import OF_HTTP, STATUSES
from api.responses import Problem
from api.routes.health import UNAVAILABLE, ReadinessView
from tests.testkit.described_app import get_document
from tests.testkit.problem_checker import check_problem, find_declared_errors

DOCUMENT: dict[str, Any] = get_document()
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
SHARED: dict[str, Any] = DOCUMENT["components"]["responses"]


def _statuses(operation: dict[str, Any]) -> set[int]:
    return {int(status) for status in operation["responses"] if int(status) >= 400}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_the_document_asks_for_can_be_refused(operation: dict[str, Any]) -> None:
    """Judged by the document alone: whoever asks for a key answers 401, for a body 413 and 422."""
    found = _statuses(operation)
    assert 500 in found
    # Readiness says more to whom it knows, and answers everybody.
    if operation.get("security") and "readiness" not in operation["operationId"]:
        assert {401, 503} <= found
    if "requestBody" in operation:
        assert {413, 422} <= found
    if operation.get("parameters"):
        assert 422 in found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_the_shared_one(operation: dict[str, Any]) -> None:
    for status in _statuses(operation):
        response = operation["responses"][str(status)]
        if response.get("description") == "a part does not answer":
            continue  # of readiness, whose form probes read
        name = response["$ref"].removeprefix("#/components/responses/")
        content = SHARED[name]["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert content["examples"]
        for code, example in content["examples"].items():
            problem = Problem.model_validate(example["value"])
            assert (problem.status, problem.type) == (status, f"/docs/errors#{code}")
            for each in problem.errors or []:
                assert problem.detail == f"{each.field}: {each.message}"


def test_what_is_not_ready_has_a_form_and_an_example() -> None:
    response = DOCUMENT["paths"]["/api/v1/health/readiness"]["get"]["responses"]["503"]
    content = response["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/ReadinessView"}
    assert ReadinessView.model_validate(content["example"]).status == "unavailable"


def test_the_examples_are_the_errors_that_the_handlers_answer() -> None:
    """Each code with its status, no more and no less."""
    shown = {
        code: example["value"]["status"]
        for response in SHARED.values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }
    assert shown == STATUSES | {code: status for status, code in OF_HTTP.items()}
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])
    assert "Retry-After" in SHARED["Unavailable"]["headers"]


def test_whatever_asks_for_a_permission_answers_that_a_role_may_not() -> None:
    found = find_declared_errors("GET", "/api/v1/outages")
    assert found is not None
    assert 403 in found[1]
    public = find_declared_errors("GET", "/api/v1/health")
    assert public is not None
    assert not {401, 403} & public[1]


def test_an_amount_is_a_number_beside_its_exact_stroops() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    found = 0
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        for field in properties:
            exact = field.removesuffix("_amount") + "_stroops"
            if field != "amount" and not field.endswith("_amount") and exact not in properties:
                continue
            found += 1
            assert _list_types(properties[field]) <= {"integer", "number", "null"}, (name, field)
            stroops = properties.get(exact) or properties.get(f"{field}_stroops")
            assert "string" in _list_types(stroops or {"type": "none"}), (name, field)
    assert found >= 9


def _list_types(schema: dict[str, Any]) -> set[str]:
    return {each["type"] for each in schema.get("anyOf", [schema])}


PROBLEM = {
    "type": "/docs/errors#not_found",
    "title": "not found",
    "status": 404,
    "detail": "It does not exist.",
    "instance": "/api/v1/outages",
    "correlation_id": "corr",
}

WRONG = PROBLEM | {"status": 422, "detail": "sort: must be one of id, severity"}


async def _get(path: str, status: int, content: dict[str, Any]) -> None:
    """Ask a server that answers just this, through the check that all API tests pass."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "application/problem+json", "x-correlation-id": "corr"}
        return httpx.Response(status, json=content, headers=headers)

    transport = httpx.MockTransport(answer)
    hooks = {"response": [check_problem]}
    async with httpx.AsyncClient(transport=transport, event_hooks=hooks) as client:
        await client.get(f"http://x/api/v1{path}")


async def test_the_check_of_the_suites_client_lets_a_declared_error_pass() -> None:
    await _get("/outages/OUT-1", 404, PROBLEM)
    await _get("/nowhere", 404, PROBLEM)
    named = [{"field": "sort", "message": "must be one of id, severity"}]
    await _get("/outages", 422, WRONG | {"errors": named})
    await _get("/health/readiness", 503, UNAVAILABLE)


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/outages", 404, PROBLEM),  # a list is never missing
        ("/outages/OUT-1", 409, PROBLEM | {"status": 409}),
        ("/health/stack", 403, PROBLEM | {"status": 403}),
        ("/nowhere", 409, PROBLEM | {"status": 409}),
        ("/outages/OUT-1", 404, PROBLEM | {"status": 422}),
        ("/outages/OUT-1", 404, {"detail": "Not Found"}),
        ("/health/readiness", 503, {"detail": "Not Found"}),
        # The message beside a field repeats its name.
        ("/outages", 422, WRONG | {"errors": [{"field": "sort", "message": WRONG["detail"]}]}),
        ("/outages/OUT-1", 404, PROBLEM | {"more": "than declared"}),
        ("/outages/OUT-1", 404, PROBLEM | {"correlation_id": "of another"}),
    ],
)
async def test_the_check_of_the_suites_client_finds_what_is_not_declared(
    path: str, status: int, content: dict[str, Any]
) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        await _get(path, status, content)
