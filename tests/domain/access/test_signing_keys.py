"""A new key is published before it signs, and the old one is shown until its last token has expired."""

from datetime import UTC, datetime, timedelta

from domain.access.signing_keys import (
    KEY_SET_MAX_AGE,
    SigningKey,
    choose_signing_key,
    is_shown,
    plan_rotation,
)

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LIFETIME = timedelta(minutes=10)


def test_at_every_moment_of_a_rotation_one_key_signs_and_its_tokens_can_be_checked() -> None:
    signs_from, shown_until = plan_rotation(NOW, LIFETIME)
    old = SigningKey("old", b"", b"seed", NOW - timedelta(days=30), shown_until)
    new = SigningKey("new", b"", b"seed", signs_from, None)
    for minutes in range(60):
        at = NOW + timedelta(minutes=minutes)
        signing = choose_signing_key([new, old], at)
        assert signing is (new if at >= signs_from else old)
        # Whoever has read the key set before the rotation knows the key that signs.
        assert signing is old or at - NOW >= KEY_SET_MAX_AGE
        if at < signs_from:
            assert is_shown(old, at + LIFETIME)
    assert not is_shown(old, NOW + timedelta(hours=1))


def test_a_key_that_cannot_be_opened_does_not_sign() -> None:
    closed = SigningKey("closed", b"", None, NOW, None)
    assert choose_signing_key([closed], NOW) is None
    assert "seed" not in repr(SigningKey("k", b"", b"seed", NOW, None))
