"""A signature proves who holds an account; a challenge is used once, in time, by its owner."""

import asyncio
import json

import httpx
from sqlalchemy import func, update
from stellar_sdk import Keypair
from stellar_sdk.sep import stellar_web_authentication as web_auth

from adapters.postgres.database import Database
from adapters.postgres.tables import wallet_challenges
from adapters.stellar.accounts.wallets import HOME_DOMAIN
from devstack.environment.stack import Stack
from tests.testkit.settlement.wallet_client import (
    register_wallet,
    request_challenge,
    sign_challenge,
)


async def test_an_owner_proves_to_hold_an_account_and_a_challenge_is_used_once(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    owner = Keypair.random()
    assert (await register_wallet(api, owner.public_key))["proven_at"] is None
    answer = sign_challenge(await request_challenge(api, owner.public_key), owner)
    where = f"/wallets/{owner.public_key}/proofs"
    first = await api.post(where, json={"transaction_xdr": answer})
    assert first.status_code == 201, first.text
    assert first.json()["proven_at"]
    again = await api.post(where, json={"transaction_xdr": answer})
    assert again.status_code == 409
    assert "used before" in again.json()["detail"]


async def test_nobody_else_can_prove_it(api: httpx.AsyncClient, stack: Stack) -> None:
    owner, other = Keypair.random(), Keypair.random()
    await register_wallet(api, owner.public_key)
    await register_wallet(api, other.public_key)
    given = await request_challenge(api, owner.public_key)
    where = f"/wallets/{owner.public_key}/proofs"
    public = "Public Global Stellar Network ; September 2015"
    for wrong in (
        given["transaction_xdr"],
        sign_challenge(given, other),
        sign_challenge(given, owner, passphrase=public),
        sign_challenge(await request_challenge(api, other.public_key), owner, other),
        "AAAA",
    ):
        refused = await api.post(where, json={"transaction_xdr": wrong})
        assert refused.status_code in (409, 422), refused.text
    assert (await api.get(f"/wallets/{owner.public_key}")).json()["proven_at"] is None


async def test_a_challenge_that_has_expired_or_was_never_given_is_refused(
    api: httpx.AsyncClient, stack: Stack, database: Database
) -> None:
    owner = Keypair.random()
    address, where = owner.public_key, f"/wallets/{owner.public_key}/proofs"
    await register_wallet(api, address)
    given = await request_challenge(api, address)
    async with database.autocommit() as connection:
        gone = update(wallet_challenges).where(wallet_challenges.c.address == address)
        await connection.execute(gone.values(expires_at=func.now()))
    keys = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    # Signed with the operator's own key, and yet not given by this engine.
    ours = Keypair.from_secret(keys["seeds"]["operator"])
    passphrase = stack.environment["STELLAR_NETWORK_PASSPHRASE"]
    forged = web_auth.build_challenge_transaction(
        ours.secret, address, HOME_DOMAIN, HOME_DOMAIN, passphrase
    )
    for each in (given, given | {"transaction_xdr": forged}):
        refused = await api.post(where, json={"transaction_xdr": sign_challenge(each, owner)})
        assert refused.status_code == 409, refused.text
        assert "expired, or was not given" in refused.json()["detail"]
    assert (await api.get(f"/wallets/{address}")).json()["proven_at"] is None


async def test_a_challenge_answered_twice_at_once_is_used_once(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    owner = Keypair.random()
    await register_wallet(api, owner.public_key)
    body = {
        "transaction_xdr": sign_challenge(await request_challenge(api, owner.public_key), owner),
    }
    where = f"/wallets/{owner.public_key}/proofs"
    answers = await asyncio.gather(*(api.post(where, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
