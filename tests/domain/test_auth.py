"""An admin may do whatever an engineer may, and not the other way round."""

from domain.auth import Principal, Role


def test_powers() -> None:
    admin, engineer = Principal("a", Role.ADMIN), Principal("e", Role.ENGINEER)
    assert admin.may(Role.ADMIN)
    assert admin.may(Role.ENGINEER)
    assert engineer.may(Role.ENGINEER)
    assert not engineer.may(Role.ADMIN)
