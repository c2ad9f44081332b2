"""An admin may do whatever the others may, and not the other way round."""

from domain.access import Principal, Role


def test_an_admin_has_the_powers_of_every_role() -> None:
    admin, engineer = Principal("a", Role.ADMIN), Principal("e", Role.ENGINEER)
    finance = Principal("f", Role.FINANCE)
    assert all(admin.may(role) for role in Role)
    assert [role for role in Role if engineer.may(role)] == [Role.ENGINEER]
    assert [role for role in Role if finance.may(role)] == [Role.FINANCE]
