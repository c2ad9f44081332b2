"""What stands behind the question mark: a parameter that a route does not know is refused, not ignored."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant

from domain.errors import Invalid

# Probes append what they like to a path, and must be answered.
OPEN = ("/health", "/metrics")


async def refuse_unknown_parameters(request: Request) -> None:
    """Raise Invalid for a parameter that the route does not take, or that was given more than once."""
    route = request.scope["route"]
    path = route.path.removeprefix(request.app.state.prefix)
    if not request.query_params or path.startswith(OPEN):
        return
    known = list(dict.fromkeys(each.alias for each in list_parameters(route.dependant)))
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            raise Invalid(name, f"is not a parameter of this route: {_describe(known)}")
        if given.count(name) > 1:
            raise Invalid(name, "was given more than once: send it once")


def list_parameters(dependant: Dependant) -> Iterator[Any]:
    """Yield every query parameter that a route takes, through what it depends on too."""
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from list_parameters(each)


def _describe(known: list[str]) -> str:
    return f"send {', '.join(known)}, or none" if known else "send none"
