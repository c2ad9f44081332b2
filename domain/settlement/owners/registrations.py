"""
Registrations: who says that an account is theirs. Anybody may say so, several side by side; the first one
stands until somebody proves to hold the account, and then that one alone does.
"""

from dataclasses import dataclass

from domain.access.scopes import Scope
from domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Registration:
    """`party`: whose wallet it is, where the owner is a party of ours, or a person of one."""

    address: str
    owner: str
    party: str | None


@dataclass(frozen=True, slots=True)
class ChallengeWalletInput:
    """The challenge is for this owner alone: nobody else's registration is proven by it."""

    address: str
    owner: str


def choose_party(scope: Scope, actor: str, owner: str, owner_party: str | None) -> str | None:
    """Return whose a wallet becomes; a claimant registers their own party's alone. Raises Invalid."""
    if scope.party is None:
        return owner_party
    if owner_party == scope.party or (owner_party is None and owner == actor):
        return scope.party
    raise Invalid("owner", "must be yourself, your party, or a person of your party")
