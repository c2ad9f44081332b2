"""The keys this engine signs with, and how the channel keys follow from one master seed."""

import hashlib
import hmac

from stellar_sdk import Keypair


def channel_keypairs(master_seed: str, count: int) -> list[Keypair]:
    """Derive `count` channel keys, so that one secret is kept instead of dozens."""
    master = Keypair.from_secret(master_seed).raw_secret_key()
    return [
        Keypair.from_raw_ed25519_seed(
            hmac.new(master, f"channel/{index}".encode(), hashlib.sha256).digest()
        )
        for index in range(count)
    ]
