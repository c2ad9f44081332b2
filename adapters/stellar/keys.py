"""Channel accounts from one master seed: any number of senders, one secret to keep."""

import hashlib
import hmac

from stellar_sdk import Keypair


def channel_keypairs(master_seed: str, count: int) -> list[Keypair]:
    """The first `count` channels; the same for the same seed, on every machine."""
    key = Keypair.from_secret(master_seed).raw_secret_key()
    digests = (
        hmac.new(key, f"channel/{number}".encode(), hashlib.sha256).digest()
        for number in range(count)
    )
    return [Keypair.from_raw_ed25519_seed(digest) for digest in digests]
