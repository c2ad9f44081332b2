"""A token says whose it is, to nobody but who checks it as we do."""

import base64
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from nacl.signing import SigningKey as Ed25519

from adapters.credentials.access_tokens import AccessClaims, make_key, sign, verify

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEY = make_key(b"k" * 32, NOW)
CLAIMS = AccessClaims("usr_1", "ses_1", "viewer", NOW + timedelta(minutes=10))


def encode(content: object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


def forge(header: object, payload: object) -> str:
    """A token whose signature is right, whatever it says."""
    signed = f"{encode(header)}.{encode(payload)}"
    signature = Ed25519(b"k" * 32).sign(signed.encode()).signature
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_what_was_signed_is_read_back() -> None:
    token = sign(KEY, CLAIMS, NOW)
    assert verify(token, [KEY], NOW) == CLAIMS
    assert verify(token, [KEY], NOW + timedelta(minutes=9, seconds=59)) == CLAIMS
    assert verify(token, [KEY], NOW + timedelta(minutes=10)) is None
    assert verify(token, [make_key(b"o" * 32, NOW)], NOW) is None
    assert verify(token, [make_key(b"k" * 32, NOW, NOW)], NOW) is None


HEADER = {"alg": "EdDSA", "typ": "at+jwt", "kid": KEY.id}
PAYLOAD = {
    "iss": "apexchainx",
    "aud": "apexchainx",
    "sub": "usr_1",
    "sid": "ses_1",
    "role": "viewer",
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 600,
}


def test_the_forger_of_this_test_would_be_believed() -> None:
    assert verify(forge(HEADER, PAYLOAD), [KEY], NOW) == CLAIMS


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"typ": "JWT"},
        {"kid": "jwk_other"},
        {"crit": ["exp"]},
        {"jwk": {"kty": "OKP"}},
    ],
)
def test_a_header_that_asks_for_anything_else_is_refused(change: dict[str, object]) -> None:
    assert verify(forge(HEADER | change, PAYLOAD), [KEY], NOW) is None


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "another"},
        {"aud": "another"},
        {"exp": None},
        {"exp": int(NOW.timestamp())},
        {"iat": int(NOW.timestamp()) + 3600},
        {"exp": "tomorrow"},
        {"exp": 1e30},
    ],
)
def test_a_payload_that_is_not_for_us_or_not_now_is_refused(change: dict[str, object]) -> None:
    assert verify(forge(HEADER, PAYLOAD | change), [KEY], NOW) is None


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "e30.e30.", "ä.ä.ä", "x" * 5000])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert verify(token, [KEY], NOW) is None
