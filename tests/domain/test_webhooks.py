"""Signatures are those of Standard Webhooks, and a forged, stale or malformed one is not accepted."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.webhooks import TOLERANCE_SECONDS, decode_secret, encode_secret, sign, verify
from tests.testkit.webhook_receiver import sign_message

# The test vector that the specification's own libraries are held to.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, AT, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
RECEIVED = {
    "webhook-id": ID,
    "webhook-timestamp": str(AT),
    "webhook-signature": SIGNATURE,
}


def test_the_published_vector_is_reproduced() -> None:
    assert sign(SECRET, ID, AT, BODY) == SIGNATURE
    assert verify(SECRET, RECEIVED, BODY, AT)


@given(
    st.binary(min_size=24, max_size=64),
    st.from_regex(r"evt_[0-9a-f]{24}", fullmatch=True),
    st.integers(0, 2**40),
    st.binary(max_size=200),
)
def test_every_signed_delivery_verifies(raw: bytes, message_id: str, at: int, body: bytes) -> None:
    secret = encode_secret(raw)
    assert decode_secret(secret) == raw
    sent = sign_message(secret, message_id, at, body)
    assert verify(secret, sent, body, at)
    assert not verify(secret, sent, body + b" ", at)
    assert verify(SECRET, sent, body, at) is (raw == decode_secret(SECRET))


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_another"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(AT + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": "-1614265330"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "١٦١٤٢٦٥٣٣٠"},
        {"webhook-signature": ""},
        {"webhook-signature": SIGNATURE.removeprefix("v1,")},
        {"webhook-signature": SIGNATURE.replace("v1,", "v1a,")},
        {"webhook-signature": SIGNATURE[:-1]},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,ü"},
        {"webhook-signature": "v1,🔥 v2"},
    ],
)
def test_a_changed_or_malformed_header_is_refused(change: dict[str, str]) -> None:
    assert verify(SECRET, RECEIVED | change, BODY, AT) is False


@pytest.mark.parametrize("missing", RECEIVED)
def test_a_missing_header_is_refused(missing: str) -> None:
    rest = {name: value for name, value in RECEIVED.items() if name != missing}
    assert verify(SECRET, rest, BODY, AT) is False


def test_a_valid_signature_is_found_among_others() -> None:
    crowd = f"v1,{'A' * 43}= v1a,xyz broken {SIGNATURE} v1"
    assert verify(SECRET, RECEIVED | {"webhook-signature": crowd}, BODY, AT)


@pytest.mark.parametrize("apart", [TOLERANCE_SECONDS, -TOLERANCE_SECONDS])
def test_a_timestamp_may_differ_by_five_minutes_and_no_more(apart: int) -> None:
    beyond = apart + (1 if apart > 0 else -1)
    assert verify(SECRET, RECEIVED, BODY, AT + apart)
    assert not verify(SECRET, RECEIVED, BODY, AT + beyond)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_a_weak_or_oversized_secret_is_refused(size: int) -> None:
    with pytest.raises(Invalid, match="24 to 64 bytes"):
        encode_secret(bytes(size))


@pytest.mark.parametrize(
    "text",
    ["", "secret", base64.b64encode(bytes(32)).decode(), "whsec_*", "whsec_", "whsec_YQ=="],
)
def test_a_malformed_secret_is_refused(text: str) -> None:
    """An empty one above all: everybody can sign with that."""
    for use in (decode_secret, lambda secret: verify(secret, {}, BODY, AT)):
        with pytest.raises(Invalid) as refusal:
            use(text)
        assert refusal.value.field == "secret"
