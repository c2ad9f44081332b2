"""A path that a route names exactly is of that route alone, though it looks like the id of something."""

from collections.abc import Iterable, Mapping

from fastapi import APIRouter, HTTPException, Request
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems

Methods = Mapping[str, frozenset[str]]


def list_exact_paths(routers: Iterable[APIRouter], prefix: str) -> Methods:
    """Return the paths that routes with an id in theirs would take as well, each with its own methods."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    exact: dict[str, frozenset[str]] = {}
    for route in routes:
        if any("{" in each.path and each.path_regex.match(route.path) for each in routes):
            path = f"{prefix}{route.path}"
            exact[path] = exact.get(path, frozenset()) | frozenset(route.methods or ())
    return {path: methods for path, methods in exact.items() if "{" not in path}


class ExactPaths:
    """Plain ASGI, because every request passes here: refuses a method that the exact path does not take."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        known: Methods = scope["app"].state.exact_paths
        method = scope["method"]
        if method in known.get(scope["path"], {method}):
            return await self.app(scope, receive, send)
        refusal = await problems.render_http_error(Request(scope), HTTPException(405))
        await refusal(scope, receive, send)
