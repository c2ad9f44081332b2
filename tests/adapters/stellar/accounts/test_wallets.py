"""What an account can receive, and whether somebody has proven its keys, on a network in memory."""

import pytest
from stellar_sdk import Account, Keypair, Signer, TransactionBuilder
from stellar_sdk.operation import SetOptions
from stellar_sdk.soroban_server_async import SorobanServerAsync

from adapters.stellar.accounts.wallets import WalletAccounts
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.errors import Conflict
from domain.settlement.owners.wallets import SignedChallenge
from stellar_sandbox.client import StellarSandbox
from stellar_sandbox.testing.accounts import CONTRACT, PASSPHRASE, SHOP, USDC, derive_keypair
from tests.adapters.stellar.conftest import OPERATOR, plan_faults

ALICE, BOB, MALLORY = derive_keypair("alice"), derive_keypair("bob"), derive_keypair("mallory")


@pytest.fixture
def accounts(nodes: Nodes) -> WalletAccounts:
    asset = Asset(USDC, CONTRACT, PASSPHRASE)
    return WalletAccounts(nodes, asset, OPERATOR)


def sign_challenge(text: str, *signers: Keypair, passphrase: str = PASSPHRASE) -> str:
    envelope = TransactionBuilder.from_xdr(text, passphrase)
    for signer in signers:
        envelope.signatures.append(signer.sign_decorated(envelope.hash()))
    return envelope.to_xdr()


async def set_signers(sandbox: StellarSandbox, owner: Keypair, **options: int | Signer) -> None:
    """Let an account's owner change who acts for it."""
    known = sandbox.read_account(owner.public_key)
    assert known is not None
    source = Account(owner.public_key, known.sequence)
    builder = TransactionBuilder(source, PASSPHRASE, base_fee=10_000).add_time_bounds(0, 0)
    envelope = builder.append_operation(SetOptions(**options)).build()  # type: ignore[arg-type]
    envelope.sign(owner)
    await SorobanServerAsync("http://in-process", sandbox.create_client()).send_transaction(
        envelope
    )
    assert sandbox.close_ledger().applied


async def test_a_payable_account_has_no_obstacle(accounts: WalletAccounts) -> None:
    read = await accounts.read(SHOP.public_key)
    assert (read.funded, read.trustline, read.authorised, read.obstacle) == (True, True, True, "")
    assert read.ready
    assert read.room_stroops > 0


@pytest.mark.parametrize(
    ("fault", "flags", "obstacle"),
    [
        ("removed_trustline", (True, False, False), "no trustline for the asset"),
        ("frozen_trustline", (True, True, False), "has not authorised the account, or has frozen"),
    ],
)
async def test_each_obstacle_on_the_network_is_reported(
    accounts: WalletAccounts,
    sandbox: StellarSandbox,
    fault: str,
    flags: tuple[bool, bool, bool],
    obstacle: str,
) -> None:
    plan_faults(sandbox, {"kind": fault, "address": SHOP.public_key})
    read = await accounts.read(SHOP.public_key)
    assert (read.funded, read.trustline, read.authorised) == flags
    assert obstacle in read.obstacle
    assert not read.ready


async def test_a_missing_account_and_a_missing_trustline_are_reported(
    accounts: WalletAccounts,
) -> None:
    nobody = await accounts.read(derive_keypair("nobody").public_key)
    assert (nobody.funded, nobody.obstacle) == (False, "the account does not exist on the network")
    bare = await accounts.read(OPERATOR.public_key)
    assert (bare.funded, bare.obstacle) == (True, "the account has no trustline for the asset")


async def test_a_wallet_is_proven_before_its_account_exists(
    accounts: WalletAccounts,
) -> None:
    given = accounts.challenge(ALICE.public_key)
    proof = SignedChallenge(ALICE.public_key, sign_challenge(given.transaction_xdr, ALICE))
    assert await accounts.check(proof) == given.hash
    with pytest.raises(Conflict, match="the signatures do not prove that the account is yours"):
        await accounts.check(
            SignedChallenge(ALICE.public_key, sign_challenge(given.transaction_xdr, MALLORY))
        )


@pytest.mark.parametrize(
    ("signers", "proven"),
    [
        ((SHOP,), False),
        ((ALICE,), False),
        ((SHOP, ALICE), True),
        ((ALICE, BOB), True),
        ((SHOP, SHOP), False),
        ((SHOP, MALLORY), False),
        ((SHOP, ALICE, MALLORY), False),
    ],
)
async def test_a_multisig_account_needs_enough_signatures(
    accounts: WalletAccounts, sandbox: StellarSandbox, signers: tuple[Keypair, ...], proven: bool
) -> None:
    """Its medium threshold is read from the network; a signature of anybody else spoils the proof."""
    for other in (ALICE, BOB):
        await set_signers(sandbox, SHOP, signer=Signer.ed25519_public_key(other.public_key, 1))
    await set_signers(sandbox, SHOP, low_threshold=1, med_threshold=2, high_threshold=3)
    given = accounts.challenge(SHOP.public_key)
    proof = SignedChallenge(SHOP.public_key, sign_challenge(given.transaction_xdr, *signers))
    if proven:
        assert await accounts.check(proof) == given.hash
    else:
        with pytest.raises(Conflict, match="the signatures do not prove that the account is yours"):
            await accounts.check(proof)


async def test_a_disabled_master_key_proves_nothing(
    accounts: WalletAccounts, sandbox: StellarSandbox
) -> None:
    signer = Signer.ed25519_public_key(ALICE.public_key, 1)
    await set_signers(sandbox, SHOP, signer=signer, master_weight=0)
    given = accounts.challenge(SHOP.public_key)
    with pytest.raises(Conflict):
        await accounts.check(
            SignedChallenge(SHOP.public_key, sign_challenge(given.transaction_xdr, SHOP))
        )
    assert await accounts.check(
        SignedChallenge(SHOP.public_key, sign_challenge(given.transaction_xdr, ALICE))
    )
