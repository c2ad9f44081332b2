"""Signatures of both schemes, by keys that only who has WEBHOOK_SECRET_KEY can open."""

import pytest

from adapters.credentials.webhook_secrets import WebhookSigner, verify_by_any
from domain.access.webhook_secrets import SignatureScheme
from domain.errors import Invalid, Unavailable
from domain.webhooks import encode_secret, make_headers

AT, BODY = 1_800_000_000, b'{"type": "outage.created"}'
SIGNER = WebhookSigner("the-key-of-this-test-in-32-letters")


def send(*tokens: str, at: int = AT) -> dict[str, str]:
    return make_headers("evt_1", at, tokens)


def test_a_receiver_with_either_key_accepts_what_both_have_signed() -> None:
    shared, secret = SIGNER.make_secret(SignatureScheme.HMAC)
    pair, shown = SIGNER.make_secret(SignatureScheme.ED25519)
    assert secret is not None
    assert shown is None
    sent = send(*SIGNER.sign([pair, shared], "evt_1", AT, BODY))
    for key in (secret, str(pair.public_key)):
        assert verify_by_any([key], sent, BODY, AT)
        assert not verify_by_any([key], sent, BODY + b" ", AT)
        assert not verify_by_any([key], sent | {"webhook-id": "evt_2"}, BODY, AT)
        assert not verify_by_any([key], sent, BODY, AT + 301)
        assert not verify_by_any([key], sent, BODY, AT - 301)
    others = [
        encode_secret(bytes(32)),
        str(SIGNER.make_secret(SignatureScheme.ED25519)[0].public_key),
    ]
    assert not verify_by_any(others, sent, BODY, AT)


@pytest.mark.parametrize("token", ["", ",", "v1a", "v1a,", "v1a,?", "v1a,AAAA", "v2,AAAA", "v1,é"])
def test_malformed_tokens_are_ignored(token: str) -> None:
    pair, _ = SIGNER.make_secret(SignatureScheme.ED25519)
    key = str(pair.public_key)
    assert not verify_by_any([key], send(token), BODY, AT)
    assert verify_by_any([key], send(token, *SIGNER.sign([pair], "evt_1", AT, BODY)), BODY, AT)


@pytest.mark.parametrize("key", ["", "whsec_", "whpk_", "whpk_*", "whpk_AAAA", "whsk_AAAA"])
def test_a_key_that_is_none_is_refused_even_beside_one_that_fits(key: str) -> None:
    pair, _ = SIGNER.make_secret(SignatureScheme.ED25519)
    sent = send(*SIGNER.sign([pair], "evt_1", AT, BODY))
    with pytest.raises(Invalid):
        verify_by_any([str(pair.public_key), key], sent, BODY, AT)


def test_a_signed_message_without_an_id_is_refused_by_either_key() -> None:
    """It could never be told from a repetition."""
    pair, _ = SIGNER.make_secret(SignatureScheme.ED25519)
    sent = make_headers("", AT, SIGNER.sign([pair], "", AT, BODY))
    assert not verify_by_any([str(pair.public_key)], sent, BODY, AT)


def test_a_secret_opens_to_its_own_key_alone_and_is_in_no_repr() -> None:
    kept, secret = SIGNER.make_secret(SignatureScheme.HMAC)
    assert secret is not None
    assert secret.encode() not in kept.sealed
    assert secret not in repr(kept)
    with pytest.raises(Unavailable, match="another WEBHOOK_SECRET_KEY"):
        WebhookSigner("some-other-key-of-thirty-two-chars").sign([kept], "evt_1", AT, BODY)
