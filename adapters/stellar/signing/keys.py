"""The signing keys, and how the channel keys are derived from one master seed."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stellar_sdk import Keypair, TransactionEnvelope
from stellar_sdk.exceptions import Ed25519SecretSeedInvalidError

from domain.reasons import Reason, ReasonCode
from domain.settlement.allocations import Transfer


@dataclass(frozen=True)
class Keys:
    """Every signing key; none of them is ever shown."""

    treasuries: dict[str, Keypair] = field(repr=False)  # by address
    channels: dict[str, Keypair] = field(repr=False)
    # Pays the fees of transactions that the others sign; it is never their source.
    fees: Keypair = field(repr=False)
    # Sponsors the channel accounts, signs wallet challenges, calls the SLA contract; holds no funds.
    operator: Keypair = field(repr=False)
    # The bond and the pool of the settings, by their addresses.
    default_treasuries: Sequence[str] = ()

    def find_unheld(self, transfers: Sequence[Transfer]) -> dict[int, Reason]:
        """Return, by number, the transfers from treasuries whose seeds this worker does not have."""
        return {
            each.number: Reason(ReasonCode.KEY_NOT_HELD, self.describe_unheld(each.from_address))
            for each in transfers
            if each.from_address not in self.treasuries
        }

    def describe_unheld(self, treasury: str) -> str:
        return (
            f"the settlement worker has no signing seed for treasury {treasury}: add it to STELLAR_TREASURY_SEEDS, "
            "and start the worker anew"
        )


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
    treasury_seeds: Sequence[str] = (),
) -> Keys:
    """
    Parse the seeds; stop with the name of one that is not a seed, and never show its text. `treasury_seeds` are of
    treasuries that agreements have of their own.
    """
    for name, seed in (
        ("STELLAR_BOND_SEED", bond_seed),
        ("STELLAR_POOL_SEED", pool_seed),
        ("STELLAR_CHANNELS_SEED", channels_seed),
        ("STELLAR_FEES_SEED", fees_seed),
        ("STELLAR_OPERATOR_SEED", operator_seed),
    ):
        _check(name, seed)
    for place, seed in enumerate(treasury_seeds, start=1):
        _check(f"STELLAR_TREASURY_SEEDS, number {place},", seed)
    paying = [Keypair.from_secret(seed) for seed in (bond_seed, pool_seed, *treasury_seeds)]
    fees, operator = Keypair.from_secret(fees_seed), Keypair.from_secret(operator_seed)
    for place, pair in enumerate(paying[2:], start=1):
        if pair.public_key in (fees.public_key, operator.public_key):
            raise SystemExit(
                f"Cannot start. STELLAR_TREASURY_SEEDS, number {place}, is the seed of the account that pays fees, "
                "or of the operator: those hold no funds"
            )
    derived = derive_channel_keypairs(channels_seed, channels)
    return Keys(
        {pair.public_key: pair for pair in paying},
        {keypair.public_key: keypair for keypair in derived},
        fees,
        operator,
        [pair.public_key for pair in paying[:2]],
    )


def split_seeds(text: str) -> list[str]:
    """Return the seeds of a list that commas, spaces or lines separate."""
    return text.replace(",", " ").split()


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
