"""
The secrets that events are signed with, encrypted wherever they are kept: Standard Webhooks 1.0.0, whose
schemes are HMAC-SHA256 (v1, whsec_...) and Ed25519 (v1a, whsk_... and whpk_...).
"""

import base64
import binascii
import secrets
from collections.abc import Iterable

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from adapters.credentials.secret_box import SecretBox
from domain.access.webhook_secrets import SignatureScheme, SigningSecret
from domain.errors import Invalid, Unavailable
from domain.webhooks import encode_secret, is_fresh, sign, verify

_PRIVATE, _PUBLIC = "whsk_", "whpk_"
_SECRET_BYTES = 32


class WebhookSigner:
    """Makes secrets and signs with them; `key` is WEBHOOK_SECRET_KEY."""

    def __init__(self, key: str) -> None:
        self._box = SecretBox(key)

    def make_secret(
        self, scheme: SignatureScheme, secret: str | None = None
    ) -> tuple[SigningSecret, str | None]:
        """Return a new secret, or the given one of scheme v1; and what is shown of it, once: None for v1a."""
        if scheme is SignatureScheme.HMAC:
            shown = secret or encode_secret(secrets.token_bytes(_SECRET_BYTES))
            return SigningSecret(scheme, self._box.close(shown.encode())), shown
        pair = SigningKey.generate()
        private = _PRIVATE + base64.b64encode(bytes(pair)).decode()
        public = _PUBLIC + base64.b64encode(bytes(pair.verify_key)).decode()
        return SigningSecret(scheme, self._box.close(private.encode()), public), None

    def sign(
        self, known: Iterable[SigningSecret], message_id: str, timestamp: int, body: bytes
    ) -> list[str]:
        """Return a signature by each secret. Raises Unavailable when they were encrypted with another key."""
        return [self._sign(each, message_id, timestamp, body) for each in known]

    def _sign(self, known: SigningSecret, message_id: str, timestamp: int, body: bytes) -> str:
        opened = self._box.open(known.sealed)
        if opened is None:
            raise Unavailable(
                "the secrets of webhooks were encrypted with another WEBHOOK_SECRET_KEY than this process has"
            )
        secret = opened.decode()
        if known.scheme is SignatureScheme.HMAC:
            return sign(secret, message_id, timestamp, body)
        pair = SigningKey(base64.b64decode(secret.removeprefix(_PRIVATE)))
        signed = pair.sign(_join(message_id, str(timestamp), body)).signature
        return f"{SignatureScheme.ED25519}," + base64.b64encode(signed).decode()


def verify_by_any(keys: Iterable[str], received: dict[str, str], body: bytes, now: int) -> bool:
    """
    Return whether a received webhook is genuine and fresh by one of a receiver's keys, whsec_... or whpk_....

    `received` maps lower-case header names to values; tokens of other schemes and malformed ones are ignored.
    Raises Invalid for a key that is none, whatever was received.
    """
    fits = [
        _verify_key(key, received, body, now)
        if key.startswith(_PUBLIC)
        else verify(key, received, body, now)
        for key in keys
    ]
    return any(fits)


def _verify_key(key: str, received: dict[str, str], body: bytes, now: int) -> bool:
    public = _read_public(key)
    message_id, stamp = received.get("webhook-id", ""), received.get("webhook-timestamp", "")
    if not message_id or not is_fresh(stamp, now):
        return False
    content = _join(message_id, stamp, body)
    for token in received.get("webhook-signature", "").split(" "):
        scheme, _, signature = token.partition(",")
        try:
            if scheme == SignatureScheme.ED25519:
                public.verify(content, base64.b64decode(signature, validate=True))
                return True
        except (BadSignatureError, binascii.Error, ValueError):
            continue
    return False


def _read_public(key: str) -> VerifyKey:
    try:
        return VerifyKey(base64.b64decode(key.removeprefix(_PUBLIC), validate=True))
    except (binascii.Error, ValueError):
        raise Invalid("key", f"is not {_PUBLIC} and 32 bytes in base64") from None


def _join(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body
