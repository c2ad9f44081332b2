"""Foreign, altered and expired challenges prove nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from stellar_sdk import Keypair, TransactionBuilder
from stellar_sdk.sep import stellar_web_authentication as web_auth

from adapters.stellar.accounts.wallets import HOME_DOMAIN, WalletAccounts
from adapters.stellar.rpc.nodes import Nodes
from adapters.stellar.signing.soroban_transfers import Asset
from domain.errors import Invalid
from domain.settlement.owners.wallets import SignedChallenge
from stellar_sandbox.testing.accounts import CONTRACT, PASSPHRASE, USDC, derive_keypair
from tests.adapters.stellar.accounts.test_wallets import sign_challenge
from tests.adapters.stellar.conftest import OPERATOR

ALICE, BOB, MALLORY = derive_keypair("alice"), derive_keypair("bob"), derive_keypair("mallory")


@pytest.fixture
def accounts(nodes: Nodes) -> WalletAccounts:
    asset = Asset(USDC, CONTRACT, PASSPHRASE)
    return WalletAccounts(nodes, asset, OPERATOR)


def build_challenge(
    server: Keypair = OPERATOR,
    *,
    home: str = HOME_DOMAIN,
    web: str = HOME_DOMAIN,
    network: str = PASSPHRASE,
    seconds: int = 86_400,  # they are made when this file is read, and asked for much later
) -> str:
    return web_auth.build_challenge_transaction(
        server.secret, ALICE.public_key, home, web, network, seconds
    )


def build_expired_challenge() -> str:
    envelope = TransactionBuilder.from_xdr(build_challenge(), PASSPHRASE)
    envelope.signatures.clear()
    bounds = envelope.transaction.preconditions.time_bounds  # type: ignore[union-attr]
    assert bounds is not None
    bounds.min_time = int((datetime.now(UTC) - timedelta(hours=2)).timestamp())
    bounds.max_time = bounds.min_time + 900
    envelope.sign(OPERATOR)
    return envelope.to_xdr()


def build_altered_challenge(nonce: bytes = b"0" * 64) -> str:
    envelope = TransactionBuilder.from_xdr(build_challenge(), PASSPHRASE)
    envelope.transaction.operations[0].data_value = nonce  # type: ignore[union-attr]
    return envelope.to_xdr()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (build_challenge(MALLORY), "source account"),
        (build_challenge(home="elsewhere"), "home domain"),
        (build_challenge(web="elsewhere"), "web_auth_domain"),
        (build_challenge(network="Public Global Stellar Network ; September 2015"), "not signed"),
        (build_expired_challenge(), "timebounds"),
        (build_altered_challenge(), "not signed"),
        (build_altered_challenge(b"0"), ""),
        ("AAAA", "it is unreadable"),
        ("", "it is unreadable"),
        ("no base64 at all", "it is unreadable"),
    ],
)
async def test_a_foreign_challenge_is_refused_with_the_reason(
    accounts: WalletAccounts, text: str, why: str
) -> None:
    answer = text if why == "it is unreadable" else sign_challenge(text, ALICE)
    with pytest.raises(Invalid) as refused:
        await accounts.check(SignedChallenge(ALICE.public_key, answer))
    assert refused.value.field == "transaction_xdr"
    assert why.lower() in str(refused.value).lower()


async def test_a_challenge_for_another_wallet_proves_nothing(accounts: WalletAccounts) -> None:
    given = accounts.challenge(ALICE.public_key)
    with pytest.raises(Invalid, match="given for another wallet"):
        await accounts.check(
            SignedChallenge(BOB.public_key, sign_challenge(given.transaction_xdr, ALICE, BOB))
        )
