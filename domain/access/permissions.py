"""Permissions: what may be done, by name, and which role may do it. What is not listed is denied."""

from collections.abc import Collection
from enum import StrEnum

from domain.errors import Invalid


class Role(StrEnum):
    """What a person or a key is here for. An admin may do whatever the others may."""

    ADMIN = "admin"
    OPERATOR = "operator"  # declares, corrects and resolves outages
    FINANCE = "finance"  # approves payments
    VIEWER = "viewer"
    AUDITOR = "auditor"
    CLAIMANT = "claimant"  # of a party: what concerns it, and nothing else


class Permission(StrEnum):
    OUTAGES_READ = "outages:read"
    OUTAGES_DECLARE = "outages:declare"
    OUTAGES_RESOLVE = "outages:resolve"  # and correct, and cancel
    DISPUTES_READ = "disputes:read"
    DISPUTES_FILE = "disputes:file"
    DISPUTES_DECIDE = "disputes:decide"  # and take up
    POLICIES_READ = "policies:read"
    POLICIES_WRITE = "policies:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_APPROVE = "payments:approve"
    PAYMENTS_RETRY = "payments:retry"
    PAYMENTS_VOID = "payments:void"  # what is owed wrongly, before anything is signed
    PAYMENTS_MATCH = "payments:match"  # with a transfer that was made out of band
    SETTLEMENT_HALT = "settlement:halt"  # and go on
    WALLETS_READ = "wallets:read"
    WALLETS_WRITE = "wallets:write"
    PAYOUTS_WRITE = "payouts:write"
    SNAPSHOTS_TAKE = "snapshots:take"  # of the analytics
    JOURNAL_READ = "journal:read"  # and what it was compared with
    BREAKS_ASSIGN = "breaks:assign"
    BREAKS_CLOSE = "breaks:close"
    EVENTS_READ = "events:read"
    JOBS_READ = "jobs:read"
    JOBS_CANCEL = "jobs:cancel"  # and retry: those of a kind that one may ask for
    WEBHOOKS_MANAGE = "webhooks:manage"
    SOURCES_MANAGE = "sources:manage"  # of alerts and notices
    KEYS_MANAGE = "keys:manage"
    PEOPLE_MANAGE = "people:manage"
    AUDIT_READ = "audit:read"
    SELF_MANAGE = "self:manage"  # one's own session, password and preferences
    OWN_READ = "own:read"  # what concerns one's own party
    OWN_DISPUTE = "own:dispute"  # file, and withdraw what one's own party has filed
    OWN_WALLETS = "own:wallets"  # register and prove those of one's own party


# One of these sees what is everybody's.
SHOWN_ALL = (Permission.OUTAGES_READ, Permission.PAYMENTS_READ, Permission.JOURNAL_READ)
_READ = frozenset(
    {
        Permission.OUTAGES_READ,
        Permission.DISPUTES_READ,
        Permission.POLICIES_READ,
        Permission.PAYMENTS_READ,
        Permission.WALLETS_READ,
        Permission.JOURNAL_READ,
        Permission.EVENTS_READ,
        Permission.JOBS_READ,
        Permission.JOBS_CANCEL,
        Permission.SELF_MANAGE,
    }
)
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.OPERATOR: _READ
    | {
        Permission.OUTAGES_DECLARE,
        Permission.OUTAGES_RESOLVE,
        Permission.DISPUTES_FILE,
        Permission.DISPUTES_DECIDE,
        Permission.PAYMENTS_RETRY,
        Permission.WALLETS_WRITE,
        Permission.BREAKS_ASSIGN,
    },
    Role.FINANCE: _READ
    | {
        Permission.DISPUTES_DECIDE,
        Permission.SNAPSHOTS_TAKE,
        Permission.PAYMENTS_APPROVE,
        Permission.PAYMENTS_RETRY,
        Permission.BREAKS_ASSIGN,
    },
    Role.VIEWER: _READ,
    Role.AUDITOR: _READ | {Permission.AUDIT_READ, Permission.SNAPSHOTS_TAKE},
    # Only what a route narrows to the caller's own party.
    Role.CLAIMANT: frozenset(
        {
            Permission.SELF_MANAGE,
            Permission.OWN_READ,
            Permission.OWN_DISPUTE,
            Permission.OWN_WALLETS,
        }
    ),
}


def check_scopes(role: Role, scopes: Collection[Permission] | None) -> None:
    """Refuse scopes that the role does not have: a key with them could not do what it was made for."""
    beyond = sorted({*(scopes or ())} - PERMISSIONS[role])
    if beyond:
        raise Invalid(
            "scopes",
            f"{', '.join(beyond)} is beyond the role {role!s}, and scopes only narrow a role: choose among "
            f"{', '.join(sorted(PERMISSIONS[role]))}, or give the key another role",
        )
