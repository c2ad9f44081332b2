"""A claimant registers wallets of their own party; for whom anybody else registers one, its owner says."""

import pytest

from domain.access.scopes import EVERYTHING, Scope
from domain.errors import Invalid
from domain.settlement.owners.registrations import choose_party

ACME = Scope("acme")


@pytest.mark.parametrize(
    ("scope", "owner", "owner_party", "chosen"),
    [
        (EVERYTHING, "somebody", None, None),
        (EVERYTHING, "ada@example.com", "acme", "acme"),
        (ACME, "bot", None, "acme"),
        (ACME, "ada@example.com", "acme", "acme"),
        (ACME, "acme", "acme", "acme"),
    ],
)
def test_a_wallet_is_of_the_party_of_its_owner(
    scope: Scope, owner: str, owner_party: str | None, chosen: str | None
) -> None:
    assert choose_party(scope, "bot", owner, owner_party) == chosen


@pytest.mark.parametrize(
    ("owner", "owner_party"),
    [("somebody", None), ("other", "other"), ("eve@example.com", "other"), ("bot", "other")],
)
def test_a_claimant_registers_no_wallet_of_others(owner: str, owner_party: str | None) -> None:
    """Nor under a name of their own that is another party's code."""
    with pytest.raises(Invalid) as refusal:
        choose_party(ACME, "bot", owner, owner_party)
    assert refusal.value.field == "owner"
