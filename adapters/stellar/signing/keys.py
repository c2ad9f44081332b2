"""The signing keys, and how the channel keys are derived from one master seed."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from stellar_sdk import Keypair, TransactionEnvelope
from stellar_sdk.exceptions import Ed25519SecretSeedInvalidError

from domain.settlement.payments import Treasury


@dataclass(frozen=True)
class Keys:
    """Every signing key; none of them is ever shown."""

    treasuries: dict[Treasury, Keypair] = field(repr=False)
    channels: dict[str, Keypair] = field(repr=False)
    # Pays the fees of transactions that the others sign; it is never their source.
    fees: Keypair = field(repr=False)
    # Sponsors the channel accounts, signs wallet challenges, calls the SLA contract; holds no funds.
    operator: Keypair = field(repr=False)


def sign_envelope(envelope: TransactionEnvelope, signers: Iterable[Keypair]) -> None:
    """Sign with each of these keys; the hash takes longer to compute than they do to sign."""
    hash_ = envelope.hash()
    envelope.signatures.extend(signer.sign_decorated(hash_) for signer in signers)


def load_keys(
    *,
    bond_seed: str,
    pool_seed: str,
    channels_seed: str,
    fees_seed: str,
    operator_seed: str,
    channels: int,
) -> Keys:
    """Parse the seeds; stop with the name of one that is not a seed, and never show its text."""
    for name, seed in (
        ("STELLAR_BOND_SEED", bond_seed),
        ("STELLAR_POOL_SEED", pool_seed),
        ("STELLAR_CHANNELS_SEED", channels_seed),
        ("STELLAR_FEES_SEED", fees_seed),
        ("STELLAR_OPERATOR_SEED", operator_seed),
    ):
        _check(name, seed)
    derived = derive_channel_keypairs(channels_seed, channels)
    return Keys(
        {
            Treasury.BOND: Keypair.from_secret(bond_seed),
            Treasury.POOL: Keypair.from_secret(pool_seed),
        },
        {keypair.public_key: keypair for keypair in derived},
        Keypair.from_secret(fees_seed),
        Keypair.from_secret(operator_seed),
    )


def _check(name: str, seed: str) -> None:
    try:
        Keypair.from_secret(seed)
    except Ed25519SecretSeedInvalidError:
        raise SystemExit(f"Cannot start. {name} is not a Stellar seed (S...)") from None


def derive_channel_addresses(master_seed: str, count: int) -> list[str]:
    """Return the channels' addresses, for commands that sign nothing."""
    _check("STELLAR_CHANNELS_SEED", master_seed)
    return [keypair.public_key for keypair in derive_channel_keypairs(master_seed, count)]


def derive_channel_keypairs(master_seed: str, count: int) -> list[Keypair]:
    """Derive `count` channel keys, so that one secret is kept instead of dozens."""
    master = Keypair.from_secret(master_seed).raw_secret_key()
    return [
        Keypair.from_raw_ed25519_seed(
            hmac.new(master, f"channel/{index}".encode(), hashlib.sha256).digest()
        )
        for index in range(count)
    ]
