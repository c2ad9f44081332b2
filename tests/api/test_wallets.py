"""Accounts of others: what they can take is the network's word, who holds them is proven."""

import json
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from stellar_sdk import Keypair, TransactionBuilder
from temporalio.client import Client

from adapters.postgres.database import Database
from adapters.postgres.tables import wallets
from sandbox.stack import Stack
from tests.support import settled


@pytest.fixture(scope="module")
def beneficiary(stack: Stack) -> Keypair:
    """An account of the sandbox whose key the tests hold."""
    keys = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    return Keypair.from_secret(keys["seeds"]["beneficiary"])


async def registered(api: httpx.AsyncClient, address: str) -> dict[str, Any]:
    answer = await api.post("/wallets", json={"address": address, "owner": "Operator One"})
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def challenge(api: httpx.AsyncClient, address: str) -> str:
    given = await api.post(f"/wallets/{address}/challenges")
    assert given.status_code == 201, given.text
    return str(given.json()["transaction_xdr"])


def signed(stack: Stack, text: str, *signers: Keypair, passphrase: str | None = None) -> str:
    network = passphrase or stack.environment["STELLAR_NETWORK_PASSPHRASE"]
    envelope = TransactionBuilder.from_xdr(text, network)
    for signer in signers:
        envelope.sign(signer)
    return envelope.to_xdr()


async def proven(api: httpx.AsyncClient, stack: Stack, owner: Keypair) -> None:
    await registered(api, owner.public_key)
    answer = signed(stack, await challenge(api, owner.public_key), owner)
    proof = await api.post(f"/wallets/{owner.public_key}/proofs", json={"transaction_xdr": answer})
    assert proof.status_code == 201, proof.text


async def test_what_an_account_can_take_is_read_from_the_network(
    api: httpx.AsyncClient, beneficiary: Keypair
) -> None:
    able = await registered(api, beneficiary.public_key)
    assert (able["funded"], able["trustline_ready"], able["usable"]) == (True, True, True)
    assert able["ledger"] > 0
    nobody = await registered(api, Keypair.random().public_key)
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
    assert (await registered(api, owner.public_key))["proven_at"] is None
    answer = signed(stack, await challenge(api, owner.public_key), owner)
    where = f"/wallets/{owner.public_key}/proofs"
    first = await api.post(where, json={"transaction_xdr": answer})
    assert first.status_code == 201, first.text
    assert first.json()["proven_at"]
    again = await api.post(where, json={"transaction_xdr": answer})
    assert again.status_code == 409
    assert "used before" in again.json()["detail"]


async def test_nobody_else_can_prove_it(api: httpx.AsyncClient, stack: Stack) -> None:
    owner, other = Keypair.random(), Keypair.random()
    await registered(api, owner.public_key)
    await registered(api, other.public_key)
    given = await challenge(api, owner.public_key)
    where = f"/wallets/{owner.public_key}/proofs"
    public = "Public Global Stellar Network ; September 2015"
    for wrong in (
        given,
        signed(stack, given, other),
        signed(stack, given, owner, passphrase=public),
        signed(stack, await challenge(api, other.public_key), owner, other),
        "AAAA",
    ):
        refused = await api.post(where, json={"transaction_xdr": wrong})
        assert refused.status_code in (409, 422), refused.text
    assert (await api.get(f"/wallets/{owner.public_key}")).json()["proven_at"] is None


async def test_a_wallet_belongs_to_who_registered_it_first(api: httpx.AsyncClient) -> None:
    address = Keypair.random().public_key
    await registered(api, address)
    assert (
        await api.post("/wallets", json={"address": address, "owner": "Another"})
    ).status_code == 409
    listed = await api.get("/wallets", params={"owner": "Operator One", "page_size": 200})
    assert address in [item["address"] for item in listed.json()]


async def test_a_friendbot_funds_an_account_on_a_test_network(api: httpx.AsyncClient) -> None:
    address = Keypair.random().public_key
    assert not (await registered(api, address))["funded"]
    funded = await api.post(f"/wallets/{address}/fund")
    assert funded.status_code == 200, funded.text
    assert (funded.json()["funded"], funded.json()["trustline_ready"]) == (True, False)


async def test_a_payout_address_is_proven_and_cools_off(
    api: httpx.AsyncClient, stack: Stack, beneficiary: Keypair
) -> None:
    where = "/agreements/default/payouts/provider"
    stranger = Keypair.random().public_key
    await registered(api, stranger)
    refused = await api.put(where, json={"address": stranger})
    assert (refused.status_code, "nobody has proven" in refused.json()["detail"]) == (409, True)

    await proven(api, stack, beneficiary)
    asked = await api.put(where, json={"address": beneficiary.public_key})
    assert asked.status_code == 200, asked.text
    try:
        # It cools off for a day: what is owed meanwhile goes where it went before.
        reward = (await settled(api, 5))["payment"]
        assert reward["to_address"] == stack.environment["STELLAR_PROVIDER_ADDRESS"]
        second = await api.put(where, json={"address": beneficiary.public_key})
        assert second.status_code == 409
    finally:
        assert (await api.delete(where)).status_code == 204
    history = (await api.get(where)).json()
    assert history[0]["address"] == beneficiary.public_key
    assert history[0]["cancelled_at"]
    assert (await api.delete(where)).status_code == 404


async def test_after_the_cool_off_money_goes_to_the_new_address(
    api: httpx.AsyncClient, stack: Stack, database: Database, beneficiary: Keypair, temporal: Client
) -> None:
    await proven(api, stack, beneficiary)
    where = "/agreements/default/payouts/provider"
    assert (await api.put(where, json={"address": beneficiary.public_key})).status_code == 200
    async with database.autocommit() as connection:
        await connection.exec_driver_sql(
            "UPDATE payouts SET asked_at = asked_at - interval '2 days',"
            " effective_at = now() - interval '1 second' WHERE cancelled_at IS NULL"
        )
    try:
        reward = (await settled(api, 5))["payment"]
        assert reward["to_address"] == beneficiary.public_key
    finally:
        async with database.autocommit() as connection:
            await connection.exec_driver_sql("UPDATE payouts SET cancelled_at = now()")
