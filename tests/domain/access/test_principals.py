"""What a caller may do: what the role may, narrowed by the scopes of a key, and nothing else."""

import pytest

from domain.access.permissions import PERMISSIONS, Permission, Role
from domain.access.principals import Principal, check_permission
from domain.errors import Forbidden

READ_ONLY = {Role.VIEWER, Role.AUDITOR}


def test_an_admin_may_do_whatever_the_others_may() -> None:
    for role in Role:
        assert PERMISSIONS[role] <= PERMISSIONS[Role.ADMIN]
    assert PERMISSIONS[Role.ADMIN] == set(Permission)


def test_who_only_reads_changes_nothing_but_what_is_their_own() -> None:
    for role in READ_ONLY:
        # Jobs of the kinds that one may ask for: whoever reads may export what they read. An auditor
        # has the figures of an instant written down.
        own = {Permission.SELF_MANAGE, Permission.JOBS_CANCEL}
        if role is Role.AUDITOR:
            own.add(Permission.SNAPSHOTS_TAKE)
        assert {each for each in PERMISSIONS[role] if not each.endswith(":read")} == own


def test_no_role_both_makes_a_debt_and_approves_its_payment() -> None:
    for role in set(Role) - {Role.ADMIN}:
        makes = {Permission.OUTAGES_DECLARE, Permission.OUTAGES_RESOLVE} & PERMISSIONS[role]
        assert not (makes and Permission.PAYMENTS_APPROVE in PERMISSIONS[role])


def test_a_claimant_may_nothing_that_is_not_narrowed_to_its_party() -> None:
    assert PERMISSIONS[Role.CLAIMANT] == {
        Permission.SELF_MANAGE,
        Permission.OWN_READ,
        Permission.OWN_DISPUTE,
        Permission.OWN_WALLETS,
    }


def test_scopes_narrow_a_role_and_never_add_to_it() -> None:
    scopes = frozenset({Permission.OUTAGES_READ, Permission.AUDIT_READ})
    narrowed = Principal("monitor", Role.OPERATOR, scopes)
    assert narrowed.permissions == {Permission.OUTAGES_READ}
    check_permission(narrowed, Permission.OUTAGES_READ)
    with pytest.raises(Forbidden, match="outages:declare, which is not among the scopes"):
        check_permission(narrowed, Permission.OUTAGES_DECLARE)
    with pytest.raises(Forbidden, match="audit:read, which the role operator does not have"):
        check_permission(narrowed, Permission.AUDIT_READ)


def test_one_of_several_permissions_is_enough() -> None:
    claimant = Principal("acme", Role.CLAIMANT)
    check_permission(claimant, Permission.OUTAGES_READ, Permission.OWN_READ)
    with pytest.raises(Forbidden, match="outages:read or events:read, which the role claimant"):
        check_permission(claimant, Permission.OUTAGES_READ, Permission.EVENTS_READ)


def test_the_same_name_in_the_name_of_another_party_is_somebody_else() -> None:
    identities = {
        Principal("claims", Role.CLAIMANT, party=party).identity
        for party in (None, "acme", "other")
    }
    assert len(identities) == 3
