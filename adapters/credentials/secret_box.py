"""Secrets at rest: encrypted with a key that stands in the settings, never in the database."""

import hashlib

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox as NaclBox


class SecretBox:
    """Authenticated encryption (XSalsa20-Poly1305) by a key derived from a setting."""

    def __init__(self, secret: str) -> None:
        self._box = NaclBox(hashlib.blake2b(secret.encode(), digest_size=32).digest())

    def close(self, content: bytes) -> bytes:
        return bytes(self._box.encrypt(content))

    def open(self, closed: bytes) -> bytes | None:
        """Return the content; None when it was closed with another key."""
        try:
            return self._box.decrypt(closed)
        except CryptoError:
            return None
