"""
What a route asks of its caller. Each one either names a permission, `dependencies=[require(...)]`, or says
that anybody may call it, `dependencies=[PUBLIC]`; one that does neither is refused to everybody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from api.dependencies import Caller
from domain.access.permissions import Permission
from domain.access.principals import check_permission
from domain.errors import Forbidden


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """Lets pass whoever has one of the permissions."""

    permissions: tuple[Permission, ...]


class PlainRule(PermissionRule):
    """What they then see does not depend on who they are."""

    async def __call__(self, principal: Caller) -> None:
        check_permission(principal, *self.permissions)


async def allow_anyone() -> None:
    """Let everybody pass: the route says so itself."""


PUBLIC = Depends(allow_anyone)


def require(*permissions: Permission) -> Any:
    """Return what a route depends on, to be called only by those who have one of the permissions."""
    return Depends(PlainRule(permissions))


async def deny_unmarked(request: Request) -> None:
    """Refuse a route on which nobody has decided who may call it."""
    if not is_marked(request.scope["route"]):
        raise Forbidden("nobody may call this route: it names no permission")


def is_marked(route: Any) -> bool:
    return any(
        call is allow_anyone or isinstance(call, PermissionRule)
        for call in list_calls(route.dependant)
    )


def list_calls(dependant: Dependant) -> Iterator[Any]:
    """Yield every function that a route depends on, through others too."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from list_calls(each)
