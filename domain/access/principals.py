"""Principals: who calls, with which role, and how a key's scopes narrow it."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever is known to call. `scopes` are what a key was made for; None: all that its role may."""

    name: str
    role: Role
    scopes: frozenset[Permission] | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the caller may do; scopes never add to a role."""
        granted = PERMISSIONS[self.role]
        return granted if self.scopes is None else granted & self.scopes

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


def check_permission(principal: Principal, *permissions: Permission) -> None:
    """Refuse whoever has none of the permissions."""
    if not principal.permissions.intersection(permissions):
        raise Forbidden(
            f"this request needs the permission {describe_permissions(permissions)}, "
            f"which {_describe(principal, permissions)}"
        )


def describe_permissions(permissions: Iterable[Permission]) -> str:
    return " or ".join(permissions)


def _describe(principal: Principal, permissions: Iterable[Permission]) -> str:
    if PERMISSIONS[principal.role].intersection(permissions):
        return "is not among the scopes of your API key"
    return f"the role {principal.role} does not have"
