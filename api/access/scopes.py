"""
How far a caller sees: the one place where a principal becomes a scope.

A route that claimants may call takes a scope instead of `require(...)`: who has the permission sees
everything; who has only its narrow sister sees, or touches, what concerns their own party.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.access.permissions import PermissionRule
from api.dependencies import Caller
from domain.access.permissions import Permission
from domain.access.principals import Principal, check_permission
from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Forbidden


@dataclass(frozen=True, slots=True)
class ScopeRule(PermissionRule):
    """Lets pass whoever has one of the two permissions, the whole one or the narrow one, and says which."""

    async def __call__(self, principal: Caller) -> Scope:
        return find_scope(principal, *self.permissions)


def find_scope(
    principal: Principal, whole: Permission, own: Permission = Permission.OWN_READ
) -> Scope:
    """Return how far a caller sees who has one of two permissions; raises Forbidden for one who has neither."""
    check_permission(principal, whole, own)
    if principal.may(whole):
        return EVERYTHING
    if principal.party is None:
        raise Forbidden("you belong to no party: ask an admin to enter you for yours")
    return Scope(principal.party)


def _narrow(whole: Permission, own: Permission = Permission.OWN_READ) -> ScopeRule:
    return ScopeRule((whole, own))


OutageScope = Annotated[Scope, Depends(_narrow(Permission.OUTAGES_READ))]
DisputeScope = Annotated[Scope, Depends(_narrow(Permission.DISPUTES_READ))]
FilingScope = Annotated[Scope, Depends(_narrow(Permission.DISPUTES_FILE, Permission.OWN_DISPUTE))]
TermsScope = Annotated[Scope, Depends(_narrow(Permission.POLICIES_READ))]
PaymentScope = Annotated[Scope, Depends(_narrow(Permission.PAYMENTS_READ))]
JournalScope = Annotated[Scope, Depends(_narrow(Permission.JOURNAL_READ))]
EventScope = Annotated[Scope, Depends(_narrow(Permission.EVENTS_READ))]
WalletScope = Annotated[Scope, Depends(_narrow(Permission.WALLETS_READ))]
OwningScope = Annotated[Scope, Depends(_narrow(Permission.WALLETS_WRITE, Permission.OWN_WALLETS))]
