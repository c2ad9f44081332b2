"""Whose somebody is: given by an admin, on record, and theirs at once in everything they ask."""

import secrets

import httpx
from stellar_sdk import Keypair

from adapters.postgres.audit import read_trail
from adapters.postgres.database import Database
from domain.access.permissions import Role
from tests.testkit.access.browser import Browser, add_person, open_session
from tests.testkit.access.two_parties import add_party, open_client


def make_email() -> str:
    return f"claims-{secrets.token_hex(6)}@example.com"


async def test_a_claimant_belongs_to_a_party_that_is_known(
    api: httpx.AsyncClient, database: Database
) -> None:
    party, _ = await add_party(database)
    said = {"email": make_email(), "password": "secure123", "role": "claimant"}
    for wrong, status in ((None, 422), ("nobody-knows-it", 404)):
        refused = await api.post("/people", json=said | {"party": wrong})
        assert refused.status_code == status, refused.text
    made = await api.post("/people", json=said | {"party": party})
    assert (made.status_code, made.json()["party"]) == (201, party), made.text
    path = f"/people/{said['email']}"
    assert (await api.patch(path, json={"party": None})).status_code == 422
    other, _ = await add_party(database)
    assert (await api.patch(path, json={"party": other})).json()["party"] == other
    freed = await api.patch(path, json={"role": "viewer", "party": None})
    assert (freed.json()["role"], freed.json()["party"]) == ("viewer", None)
    assert (await api.patch(path, json={"role": "claimant"})).status_code == 422
    async with database.autocommit() as connection:
        entries = await read_trail(connection, f"person/{said['email']}")
    assert [each["evidence"].get("party") for each in entries[:1]] == [party]
    assert [each["evidence"]["after"] for each in entries[1:]] == [
        {"party": other},
        {"role": "viewer", "party": None},
    ]


async def test_nobody_gives_themselves_a_party(
    api: httpx.AsyncClient, database: Database, browser: Browser
) -> None:
    party, _ = await add_party(database)
    admin = await add_person(database, Role.ADMIN)
    await open_session(browser, admin)
    path = f"people/{admin.email}"
    assert (await browser.patch(path, json={"party": party})).status_code == 403
    assert (await browser.patch("auth/me/profile", json={"party": party})).status_code == 422


async def test_a_claimants_key_is_of_a_party_or_of_a_person_whom_it_follows(
    api: httpx.AsyncClient, database: Database
) -> None:
    (one, _), (two, _) = [await add_party(database) for _ in range(2)]
    said = {"name": f"claims-{secrets.token_hex(4)}", "role": "claimant"}
    assert (await api.post("/api-keys", json=said)).status_code == 422
    assert (await api.post("/api-keys", json=said | {"party": "unknown"})).status_code == 404
    given = await api.post("/api-keys", json=said | {"party": one})
    assert (given.status_code, given.json()["party"]) == (201, one), given.text
    rotated = await api.post(f"/api-keys/{given.json()['id']}/rotate", json={})
    assert rotated.json()["party"] == one
    person = await add_person(database, Role.CLAIMANT, party=one)
    wrong = await api.post("/api-keys", json=said | {"email": person.email, "party": two})
    assert wrong.status_code == 422
    own = await api.post("/api-keys", json=said | {"email": person.email})
    assert own.status_code == 201, own.text
    async with open_client(api, own.json()["key"]) as client:
        body = {"address": Keypair.random().public_key}
        assert (await client.get("/outages")).json()["total"] == 0
        assert (await api.patch(f"/people/{person.email}", json={"party": two})).status_code == 200
        registered = await client.post("/wallets", json=body | {"owner": one})
        assert registered.status_code == 422, "it is of the other party now"


async def test_a_claimant_is_shown_no_sums_over_everybody(
    api: httpx.AsyncClient, database: Database
) -> None:
    party, _ = await add_party(database)
    said = {"name": f"claims-{secrets.token_hex(4)}", "role": "claimant", "party": party}
    key = (await api.post("/api-keys", json=said)).json()["key"]
    url = str(api.base_url.copy_with(path="/metrics"))
    async with httpx.AsyncClient(headers={"X-API-Key": key}, trust_env=False) as claimant:
        refused = await claimant.get(url)
    assert (refused.status_code, "apexchainx_" in refused.text) == (403, False)
    shown = await api.get(url)
    assert (shown.status_code, "apexchainx_" in shown.text) == (200, True)
