"""
Access tokens: JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037), and the key set (RFC 7517) they are checked by.

One algorithm and one type, so that a token says nothing of how it is to be checked but the id of its key.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey as Ed25519
from nacl.signing import VerifyKey

from domain.access.signing_keys import SigningKey, is_shown
from domain.digests import derive_id

ISSUER = AUDIENCE = "apexchainx"
_TYPE = "at+jwt"
_TOKEN_MAX = 4096


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """Whose token it is, of which session, and until when."""

    person_id: str
    session_id: str
    role: str
    expires_at: datetime


def make_key(seed: bytes, signs_from: datetime, shown_until: datetime | None = None) -> SigningKey:
    """Return a signing key made of 32 random bytes, named after its public part."""
    public = bytes(Ed25519(seed).verify_key)
    return SigningKey(derive_id("jwk", public.hex()), public, seed, signs_from, shown_until)


def sign(key: SigningKey, claims: AccessClaims, now: datetime) -> str:
    assert key.private is not None, "choose_signing_key returns none without it"
    header = _make_header(key.id)
    payload = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": claims.person_id,
        "sid": claims.session_id,
        "role": claims.role,
        "iat": int(now.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
    }
    signed = f"{_encode(orjson.dumps(header))}.{_encode(orjson.dumps(payload))}"
    signature = Ed25519(key.private).sign(signed.encode()).signature
    return f"{signed}.{_encode(signature)}"


def verify(token: str, keys: Iterable[SigningKey], now: datetime) -> AccessClaims | None:
    """Return what a token says; None when it is not ours, is changed, or has expired."""
    try:
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        header = _read(head)
        known = {key.id: key for key in keys if is_shown(key, now)}
        key = known.get(str(header.get("kid")))
        if len(token) > _TOKEN_MAX or key is None or header != _make_header(key.id):
            return None
        VerifyKey(key.public).verify(signed.encode(), _decode(signature))
        return _check_claims(_read(body), now)
    except (ValueError, OverflowError, BadSignatureError, KeyError, TypeError):
        return None


def _make_header(key_id: str) -> dict[str, str]:
    return {"alg": "EdDSA", "typ": _TYPE, "kid": key_id}


def _check_claims(payload: dict[str, Any], now: datetime) -> AccessClaims | None:
    expires_at = datetime.fromtimestamp(payload["exp"], UTC)
    ours = (payload["iss"], payload["aud"]) == (ISSUER, AUDIENCE)
    issued = datetime.fromtimestamp(payload["iat"], UTC) <= now + timedelta(minutes=1)
    if not ours or not issued or now >= expires_at:
        return None
    return AccessClaims(payload["sub"], payload["sid"], payload["role"], expires_at)


def render_key_set(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """Return the public keys as a JSON Web Key Set."""
    return {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "alg": "EdDSA",
                "use": "sig",
                "kid": key.id,
                "x": _encode(key.public),
            }
            for key in keys
        ]
    }


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _read(part: str) -> dict[str, Any]:
    content = orjson.loads(_decode(part))
    if not isinstance(content, dict):
        raise TypeError("is no JSON object")
    return content
