"""Signatures of what others send, as their public documents describe them."""

import hashlib
import hmac
import re

_TOKEN = re.compile(r"v1=([0-9a-f]{64})", re.ASCII)


def is_pagerduty_signature(secret: bytes, body: bytes, header: str) -> bool:
    """
    Whether one of the signatures of X-PagerDuty-Signature is of this body: HMAC-SHA256 of the raw bytes, in
    hex. There are several, separated by commas, while the secret is replaced; other versions are left out.
    """
    expected = hmac.new(secret, body, hashlib.sha256).hexdigest()
    given = [_TOKEN.fullmatch(part.strip()) for part in header.split(",")]
    return any(hmac.compare_digest(each[1], expected) for each in given if each is not None)
