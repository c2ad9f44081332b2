"""Content that only who sent a key can read again: it is encrypted with that key, of which nobody keeps a copy."""

import hashlib

from nacl.secret import SecretBox

_PERSON = b"apexchainx-answer"[: hashlib.blake2b.PERSON_SIZE]


def _open_box(owner: str, key: str) -> SecretBox:
    """The owner is part of the key, so that the same key of two people opens two boxes."""
    secret = f"{owner}\x1f{key}".encode()
    return SecretBox(
        hashlib.blake2b(secret, digest_size=SecretBox.KEY_SIZE, person=_PERSON).digest()
    )


def seal(owner: str, key: str, content: bytes) -> bytes:
    return bytes(_open_box(owner, key).encrypt(content))


def unseal(owner: str, key: str, sealed: bytes) -> bytes:
    """Return the content; raises nacl.exceptions.CryptoError for another key, or what was changed."""
    return _open_box(owner, key).decrypt(sealed)
