"""
Scopes: whose outages, payments, disputes and wallets a reader is shown.

Every reader in adapters/postgres that shows something of a party asks for one, so that none forgets to narrow.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """`party`: only what concerns it. None: everything. For a caller, api/access/scopes.py alone makes it."""

    party: str | None


EVERYTHING = Scope(None)
