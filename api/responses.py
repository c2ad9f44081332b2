"""
The errors of the OpenAPI document: each route lists those it can answer, all in one form.

What the shared dependencies of a route can raise is derived from them; the rest (no such thing, a
contradiction) is declared beside the route with `problems(404, 409)`.
"""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from api import dependencies
from api.access.permissions import PermissionRule, list_calls
from api.middleware import UNSAFE
from api.openapi.descriptions import describe
from api.openapi.request_headers import KEY_PARAMETER, declare_key
from api.openapi.shared_errors import SHARED, render_shared
from api.parsing.deprecations import declare_deprecations
from api.protocol.etags import get_if_match

HEALTH = "/health"


class FieldProblem(BaseModel):
    """One field that is wrong, named as the caller wrote it."""

    model_config = ConfigDict(extra="forbid")

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details. `type` ends in a code that docs/errors.md explains."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern=r"^/docs/errors#[a-z_]+$")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str
    correlation_id: str
    errors: list[FieldProblem] | None = None


def declare_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Declare, beside a route, errors that do not follow from what it depends on."""
    return {
        status: {"model": Problem, "description": SHARED[status].description} for status in statuses
    }


def declare_known(view: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """Declare, beside a route that makes something (201), what it answers where that is there already."""
    return {200: {"model": view, "description": "It was there already; nothing was changed."}}


def install(app: FastAPI, routers: Iterable[APIRouter], prefix: str) -> None:
    """Complete the document when it is first asked for."""
    build: Callable[[], dict[str, Any]] = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    completed: list[dict[str, Any]] = []

    def openapi() -> dict[str, Any]:
        if not completed:
            completed.append(_complete(build(), routes, prefix))
        return completed[0]

    app.openapi = openapi  # type: ignore[method-assign]


def derive_statuses(route: APIRoute) -> set[int]:
    """Return the errors that follow from what a route depends on and is sent."""
    found = {500}
    if route.path.startswith(HEALTH):
        return found  # it answers what does not answer
    found.add(422)  # for a query parameter that the route does not take
    calls = set(list_calls(route.dependant))
    if dependencies.get_principal in calls:
        found |= {401, 429, 503}
    if any(isinstance(call, PermissionRule) for call in calls):
        found.add(403)
    if calls & {dependencies.get_database, dependencies.get_engine, dependencies.get_temporal}:
        found.add(503)
    if route.body_field is not None:
        found |= {413, 415}
    if UNSAFE & (route.methods or set()):
        # While the same request is being carried out; and for a body that is compressed.
        found |= {409, 415}
    if get_if_match in calls:
        found.add(412)
    return found


def requires_caller(route: APIRoute) -> bool:
    """Whether a route answers nobody it does not know; some tell those they know more than others."""
    return dependencies.get_principal in set(list_calls(route.dependant))


def _complete(document: dict[str, Any], routes: Iterable[APIRoute], prefix: str) -> dict[str, Any]:
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][f"{prefix}{route.path}"][method.lower()]
            _declare(operation["responses"], derive_statuses(route))
            if "security" in operation and not requires_caller(route):
                operation["security"] = [{}, *operation["security"]]
            if method in UNSAFE:
                declare_key(operation)
            declare_deprecations(operation)
    components = document["components"]
    components["parameters"] = {"IdempotencyKey": KEY_PARAMETER}
    components["responses"] = {
        shared.name: render_shared(status) for status, shared in SHARED.items()
    }
    schemas = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for model in (FieldProblem, Problem):
        schemas[model.__name__] = model.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        schemas[model.__name__].pop("$defs", None)
    components["schemas"] = dict(sorted(schemas.items()))
    describe(document, prefix)
    return document


def _declare(responses: dict[str, Any], found: set[int]) -> None:
    """Let every error refer to the shared response of its status."""
    own = {int(status) for status, response in responses.items() if _is_problem(response)}
    for status in sorted(found | own):
        responses[str(status)] = {"$ref": f"#/components/responses/{SHARED[status].name}"}


def _is_problem(response: dict[str, Any]) -> bool:
    """Whether a response was declared by `problems`, and not in a form of the route's own."""
    shown: dict[str, Any] = response.get("content", {}).get("application/json", {})
    return shown.get("schema") == {"$ref": "#/components/schemas/Problem"}
