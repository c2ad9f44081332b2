"""Anybody may say that an account is theirs; the first one stands until somebody proves it."""

import asyncio

import httpx
import pytest
from stellar_sdk import Keypair

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from tests.testkit.access.two_parties import PartyData, build_party, open_claimant
from tests.testkit.api_client import make_unique_id
from tests.testkit.settlement.wallet_client import request_challenge, sign_challenge


@pytest.fixture(scope="module")
async def acme(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database)


@pytest.fixture(scope="module")
async def squatter(api: httpx.AsyncClient, database: Database) -> PartyData:
    return await build_party(api, database)


async def register(client: httpx.AsyncClient, address: str, owner: str) -> int:
    answer = await client.post("/wallets", json={"address": address, "owner": owner})
    return answer.status_code


async def prove(client: httpx.AsyncClient, address: str, answer: str) -> httpx.Response:
    return await client.post(f"/wallets/{address}/proofs", json={"transaction_xdr": answer})


async def test_an_unproven_registration_is_not_taken_from_who_made_it_first(
    api: httpx.AsyncClient, database: Database
) -> None:
    account = Keypair.random()
    address = account.public_key
    assert await register(api, address, "Alice") == 201
    alices = sign_challenge(await request_challenge(api, address, owner="Alice"), account)
    assert await register(api, address, "Mallory") == 201
    assert await register(api, address, "Mallory") == 200
    assert (await api.get(f"/wallets/{address}")).json()["owner"] == "Alice"
    assert (await api.get("/wallets/Mallory")).json()["owner"] == "Mallory"
    # What was asked for before somebody else came is good still.
    proven = await prove(api, address, alices)
    assert (proven.status_code, proven.json()["owner"]) == (201, "Alice"), proven.text
    assert await register(api, address, "Mallory") == 409
    assert await register(api, address, "Alice") == 200
    assert (await api.get("/wallets/Mallory")).status_code == 404
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"wallet/{address}")
    steps = [(each["action"], each["evidence"].get("owner")) for each in entries]
    assert steps == [
        ("wallet.registered", "Alice"),
        ("wallet.registered", "Mallory"),
        ("wallet.proven", "Alice"),
    ]


async def test_who_came_first_does_not_keep_the_true_owner_out(api: httpx.AsyncClient) -> None:
    account = Keypair.random()
    address = account.public_key
    assert await register(api, address, "Mallory") == 201
    # The challenge is the first one's: signed by whoever it is, it proves nothing for the second.
    mallorys = sign_challenge(await request_challenge(api, address), account)
    assert await register(api, address, "Alice") == 201
    alices = sign_challenge(await request_challenge(api, address, owner="Alice"), account)
    proven = await prove(api, address, alices)
    assert (proven.status_code, proven.json()["owner"]) == (201, "Alice"), proven.text
    late = await prove(api, address, mallorys)
    assert (late.status_code, "as it is registered now" in late.json()["detail"]) == (409, True)
    asked = await api.post(f"/wallets/{address}/challenges", params={"owner": "Mallory"})
    assert asked.status_code == 404
    assert (await api.get(f"/wallets/{address}")).json()["owner"] == "Alice"


async def test_a_claimant_proves_a_wallet_that_another_party_has_registered_first(
    api: httpx.AsyncClient, acme: PartyData, squatter: PartyData
) -> None:
    account = Keypair.random()
    address = account.public_key
    async with open_claimant(api, squatter) as first, open_claimant(api, acme) as second:
        assert (await first.post("/wallets", json={"address": address})).status_code == 201
        assert (await second.get(f"/wallets/{address}")).status_code == 404
        mine = (await second.post("/wallets", json={"address": address})).json()
        assert (mine["party"], mine["proven_at"]) == (acme.party, None)
        assert (await first.get(f"/wallets/{address}")).json()["party"] == squatter.party
        answer = sign_challenge(await request_challenge(second, address), account)
        proven = await prove(second, address, answer)
        assert proven.status_code == 201, proven.text
        assert proven.json()["party"] == acme.party
        assert (await first.get(f"/wallets/{address}")).status_code == 404
        refused = await first.post("/wallets", json={"address": address})
        assert refused.status_code == 409
        assert acme.party not in refused.text
    assert (await api.get(f"/wallets/{address}")).json()["party"] == acme.party


async def test_a_wallet_is_found_by_its_address_its_person_and_its_party(
    api: httpx.AsyncClient, acme: PartyData
) -> None:
    """Registered by a person's id it is found by their address too, and the other way round."""
    address = Keypair.random().public_key
    assert await register(api, address, acme.person.id) == 201
    for holder in (address, acme.person.id, acme.person.email):
        found = (await api.get(f"/wallets/{holder}")).json()
        assert (found["address"], found["party"]) == (address, acme.party)
        status = await api.get(f"/wallets/{holder}/status")
        assert status.json()["public_key"] == address
    assert (await api.get(f"/wallets/{acme.party}")).json()["party"] == acme.party
    listed = await api.get("/wallets", params={"owner": acme.party, "page_size": 200})
    assert {each["party"] for each in listed.json()} == {acme.party}
    assert {address, acme.address} <= {each["address"] for each in listed.json()}


async def test_a_created_wallet_is_one_however_often_it_is_asked_for_at_once(
    api: httpx.AsyncClient,
) -> None:
    body = {"user_id": make_unique_id("usr")}
    answers = await asyncio.gather(*(api.post("/wallets/create", json=body) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 200, 200, 201]
    assert len({each.json()["public_key"] for each in answers}) == 1


async def test_the_seed_of_a_created_wallet_is_not_lost_with_the_network(
    api: httpx.AsyncClient, chain: httpx.AsyncClient
) -> None:
    """It is shown once: an answer that waits for somebody else may be the last one, and fail."""
    body = {"user_id": make_unique_id("usr")}
    fault = {"kind": "bad_gateway", "rate": 1.0}
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    made = await api.post("/wallets/create", json=body)
    assert made.status_code == 201, made.text
    assert Keypair.from_secret(made.json()["secret_seed"]).public_key == made.json()["public_key"]
