"""Accounts of others: the network says what they can receive, a signature proves who holds them."""

import asyncio
import json
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from sqlalchemy import func, select, update
from stellar_sdk import Keypair
from stellar_sdk.sep import stellar_web_authentication as web_auth
from temporalio.client import Client

from adapters.postgres import access
from adapters.postgres.database import Database
from adapters.postgres.tables import wallet_challenges, wallets
from adapters.stellar.accounts.wallets import HOME_DOMAIN
from api.dependencies import Engine
from api.routes.settlement.wallets import fund_wallet
from devstack.environment.stack import Stack
from domain.access import Principal, Role
from domain.errors import Conflict
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
)
from tests.testkit.settlement.wallet_client import (
    load_beneficiary,
    prove_wallet,
    register_wallet,
    request_challenge,
    sign_challenge,
)

PROVIDER_PAYOUT = "/agreements/default/payouts/provider"


@pytest.fixture(scope="module")
def beneficiary(stack: Stack) -> Keypair:
    return load_beneficiary(stack)


async def test_what_an_account_can_take_is_read_from_the_network(
    api: httpx.AsyncClient, beneficiary: Keypair
) -> None:
    able = await register_wallet(api, beneficiary.public_key)
    assert (able["funded"], able["trustline_ready"], able["usable"]) == (True, True, True)
    assert able["ledger"] > 0
    nobody = await register_wallet(api, Keypair.random().public_key)
    assert (nobody["funded"], nobody["trustline_ready"], nobody["usable"]) == (False, False, False)


@pytest.mark.parametrize("field", ["funded", "trustline_ready", "authorised", "proven_at"])
async def test_what_a_caller_declares_of_an_account_is_refused(
    api: httpx.AsyncClient, database: Database, field: str
) -> None:
    address = Keypair.random().public_key
    answer = await api.post("/wallets", json={"address": address, field: True})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field
    async with database.autocommit() as connection:
        known = select(func.count()).select_from(wallets).where(wallets.c.address == address)
        assert await connection.scalar(known) == 0


@pytest.mark.parametrize("wrong", ["GABC", "g" * 56, "S" + "A" * 55, " ", "M" + "A" * 68])
async def test_what_is_no_address_is_refused(api: httpx.AsyncClient, wrong: str) -> None:
    answer = await api.post("/wallets", json={"address": wrong})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "address")


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


async def test_to_register_a_wallet_first_does_not_keep_its_owner_out(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    """Only proof settles whose it is; a challenge is void once somebody else has registered it."""
    owner = Keypair.random()
    address, where = owner.public_key, f"/wallets/{owner.public_key}/proofs"

    async def register(name: str) -> int:
        answer = await api.post("/wallets", json={"address": address, "owner": name})
        return answer.status_code

    async def prove(answer: str) -> httpx.Response:
        return await api.post(where, json={"transaction_xdr": answer})

    assert await register("Mallory") == 201
    assert await register("Alice") == 201
    answer = sign_challenge(await request_challenge(api, address), owner)
    assert await register("Mallory") == 201
    late = await prove(answer)
    assert (late.status_code, "as it is registered now" in late.json()["detail"]) == (409, True)
    assert await register("Alice") == 201
    answer = sign_challenge(await request_challenge(api, address), owner)
    assert (await prove(answer)).json()["owner"] == "Alice"
    assert await register("Mallory") == 409
    assert await register("Alice") == 200
    listed = await api.get("/wallets", params={"owner": "Alice", "page_size": 200})
    assert address in [item["address"] for item in listed.json()]


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


async def test_a_seed_sent_by_mistake_is_refused_and_not_repeated(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    seed = Keypair.random().secret
    answer = await api.post("/wallets", json={"address": seed})
    assert answer.status_code == 422
    assert "is a secret seed: never send it" in answer.json()["errors"][0]["message"]
    assert (await api.get(f"/wallets/{seed}")).status_code == 422
    assert (await api.put(PROVIDER_PAYOUT, json={"address": seed})).status_code == 422
    assert seed not in answer.text
    for log in stack.directory.logs.glob("*.log"):
        assert seed not in log.read_text(), log


async def test_only_an_admin_changes_where_money_goes(
    stack: Stack, database: Database, beneficiary: Keypair
) -> None:
    key_ = make_unique_id("key-of-an-engineer")
    async with database.transaction() as connection:
        await access.save_key(connection, make_unique_id("kim"), Role.ENGINEER, key_)
    async with httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers={"X-API-Key": key_}, trust_env=False
    ) as kim:
        body = {"address": beneficiary.public_key}
        assert (await kim.put(PROVIDER_PAYOUT, json=body)).status_code == 403
        assert (await kim.delete(PROVIDER_PAYOUT)).status_code == 403


async def test_a_friendbot_funds_an_account_on_a_test_network(api: httpx.AsyncClient) -> None:
    address = Keypair.random().public_key
    assert not (await register_wallet(api, address))["funded"]
    funded = await api.post(f"/wallets/{address}/fund")
    assert funded.status_code == 200, funded.text
    assert (funded.json()["funded"], funded.json()["trustline_ready"]) == (True, False)


async def test_the_public_network_has_no_friendbot() -> None:
    public = cast(Engine, SimpleNamespace(settings=SimpleNamespace(stellar_network="public")))
    with pytest.raises(Conflict, match="the public network has no friendbot"):
        await fund_wallet(Keypair.random().public_key, public, Principal("ada", Role.ADMIN))


async def test_a_payout_address_is_proven_and_cools_off(
    api: httpx.AsyncClient, stack: Stack, beneficiary: Keypair
) -> None:
    where = PROVIDER_PAYOUT
    stranger = Keypair.random().public_key
    await register_wallet(api, stranger)
    refused = await api.put(where, json={"address": stranger})
    assert (refused.status_code, "no owner has proven" in refused.json()["detail"]) == (409, True)

    await prove_wallet(api, beneficiary)
    asked = await api.put(where, json={"address": beneficiary.public_key})
    assert asked.status_code == 200, asked.text
    try:
        # It cools off for a day: what is owed meanwhile goes where it went before.
        reward = (await settle_outage(api, 5))["payment"]
        assert reward["to_address"] == stack.environment["STELLAR_PROVIDER_ADDRESS"]
        second = await api.put(where, json={"address": beneficiary.public_key})
        assert second.status_code == 409
    finally:
        assert (await api.delete(where)).status_code == 204
    history = (await api.get(where)).json()
    assert history[0]["address"] == beneficiary.public_key
    assert history[0]["cancelled_at"]
    assert (await api.delete(where)).status_code == 404


async def test_of_two_changes_at_once_one_is_made(
    api: httpx.AsyncClient, database: Database, beneficiary: Keypair
) -> None:
    await prove_wallet(api, beneficiary)
    body = {"address": beneficiary.public_key}
    try:
        both = await asyncio.gather(*(api.put(PROVIDER_PAYOUT, json=body) for _ in range(2)))
        assert sorted(answer.status_code for answer in both) == [200, 409]
        pending = [
            row for row in (await api.get(PROVIDER_PAYOUT)).json() if not row["cancelled_at"]
        ]
        assert len(pending) == 1
    finally:
        await api.delete(PROVIDER_PAYOUT)


async def test_after_the_cool_off_money_goes_to_the_new_address(
    api: httpx.AsyncClient, stack: Stack, database: Database, beneficiary: Keypair, temporal: Client
) -> None:
    await prove_wallet(api, beneficiary)
    where = PROVIDER_PAYOUT
    assert (await api.put(where, json={"address": beneficiary.public_key})).status_code == 200
    async with database.autocommit() as connection:
        await connection.exec_driver_sql(
            "UPDATE payouts SET asked_at = asked_at - interval '2 days',"
            " effective_at = now() - interval '1 second' WHERE cancelled_at IS NULL"
        )
    try:
        outage_id = await declare_outage(api, policy=AT_ONCE)
        told = (await resolve_outage(api, outage_id, 5))["payment"]
        await wait_for_lifecycle(api, outage_id, "closed")
        (paid,) = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        for payment in (told, paid):  # whoever resolved it has read this already
            assert (payment["id"], payment["to_address"]) == (paid["id"], beneficiary.public_key)
    finally:
        async with database.autocommit() as connection:
            await connection.exec_driver_sql("UPDATE payouts SET cancelled_at = now()")
