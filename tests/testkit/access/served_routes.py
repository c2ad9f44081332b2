"""The routes of an application as it serves them, and a request to each that changes nothing."""

import re
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.access.permissions import PermissionRule, is_marked, list_calls
from domain.access.permissions import PERMISSIONS, Permission, Role

NOT_THERE = "not-there-0"


@dataclass(frozen=True)
class ServedRoute:
    method: str
    path: str
    marked: bool
    permissions: frozenset[Permission]  # of which one is enough; none: it is public

    @property
    def example(self) -> str:
        """Its path, of things that are not there."""
        return re.sub(r"\{[^}]+\}", NOT_THERE, self.path)

    def allows(self, role: Role, *, by_key: bool) -> bool:
        granted = PERMISSIONS[role] - ({Permission.SELF_MANAGE} if by_key else set())
        return not self.permissions or bool(self.permissions & granted)


def list_routes(app: FastAPI) -> list[ServedRoute]:
    """Return every route, however it was included; one of a kind that is not known fails."""
    found: list[ServedRoute] = []
    for included in app.routes:
        path = getattr(included, "path", None)
        served = path is None or isinstance(included, APIRoute)
        assert served, f"{path} is served without a rule of access"
        router: Any = getattr(included, "original_router", None)
        for route in [included] if router is None else router.routes:
            assert isinstance(route, APIRoute), f"{route} is of a kind that has no rule of access"
            full = path or included.include_context.path_for(route)  # type: ignore[attr-defined]
            found += [_describe(route, full, method) for method in sorted(route.methods)]
    return found


def _describe(route: APIRoute, path: str, method: str) -> ServedRoute:
    rules = [call for call in list_calls(route.dependant) if isinstance(call, PermissionRule)]
    permissions = frozenset(each for rule in rules for each in rule.permissions)
    return ServedRoute(method, path, is_marked(route), permissions)
