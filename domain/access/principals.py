"""Principals: who calls, with which role, and how a key's scopes narrow it."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Whoever is known to call. `scopes` are what a key was made for; None: all that its role may. A key has no
    session, and nothing of its own to manage.
    """

    name: str
    role: Role
    scopes: frozenset[Permission] | None = None
    session_id: str | None = None
    person_id: str | None = None
    # The party in whose name they come; a claimant without one sees nothing.
    party: str | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the caller may do; scopes never add to a role."""
        granted = PERMISSIONS[self.role]
        if self.session_id is None:
            granted -= {Permission.SELF_MANAGE}
        return granted if self.scopes is None else granted & self.scopes

    @property
    def identity(self) -> str:
        """Whose a kept answer is: the same name in the name of another party is somebody else."""
        return self.name if self.party is None else f"{self.name} of {self.party}"

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
    if principal.session_id is None and Permission.SELF_MANAGE in permissions:
        return "an API key does not have: log in"
    if PERMISSIONS[principal.role].intersection(permissions):
        return "is not among the scopes of your API key"
    return f"the role {principal.role} does not have"
