"""Parties and agreements by HTTP: made, versioned, listed, and what they may not say."""

from typing import Any

import httpx
import pytest
from stellar_sdk import Keypair

from devstack.environment.stack import Stack
from tests.testkit.api_client import build_outage, declare_outage, make_unique_id
from tests.testkit.settlement.wallet_client import prove_wallet, register_wallet
from tests.testkit.sla.agreement_factory import (
    build_agreement,
    make_agreement,
    make_party,
    make_payee,
    send_as,
)

MEMO = "config.memo_required"


@pytest.fixture(scope="module")
async def payee(api: httpx.AsyncClient, stack: Stack) -> str:
    return (await make_payee(api, stack)).public_key


async def count_entries(api: httpx.AsyncClient, subject: str) -> int:
    return len((await api.get("/audit", params={"subject": subject})).json()["items"])


async def test_a_party_is_made_once(api: httpx.AsyncClient) -> None:
    said = {"id": make_unique_id("north"), "name": "North Towers", "kind": "provider"}
    first = await api.post("/parties", json=said)
    again = await api.post("/parties", json=said)
    assert (first.status_code, again.status_code) == (201, 201)
    assert said.items() <= first.json().items()
    assert first.json() == again.json() == (await api.get(f"/parties/{said['id']}")).json()
    other = await api.post("/parties", json=said | {"kind": "customer"})
    assert (other.status_code, "use another id" in other.json()["detail"]) == (409, True)
    assert await count_entries(api, f"party/{said['id']}") == 1
    listed = (await api.get("/parties", params={"kind": "provider", "page_size": 200})).json()
    assert first.json() in listed["items"]
    assert (await api.get("/parties/nobody")).status_code == 404


async def test_an_agreement_is_made_once_with_its_first_version(
    api: httpx.AsyncClient, payee: str, stack: Stack
) -> None:
    wanted = await build_agreement(
        api, payee, payee, policy="standard", coverage={"sites": ["b", "a", "a"]}
    )
    first = await api.post("/agreements", json=wanted)
    again = await api.post("/agreements", json=wanted)
    assert (first.status_code, again.status_code) == (201, 201), first.text
    shown = first.json()
    assert again.json() == shown == (await api.get(f"/agreements/{wanted['name']}")).json()
    assert shown["bond"] == stack.environment["STELLAR_BOND_ADDRESS"]
    newest = shown["newest"]
    assert (newest["version"], newest["effective_from"], newest["policy"]) == (1, None, "standard")
    assert newest["coverage"] == {"sites": ["a", "b"], "services": []}
    other = await api.post("/agreements", json=wanted | {"coverage": {}})
    assert (other.status_code, "other content" in other.json()["detail"]) == (409, True)
    assert await count_entries(api, f"agreement/{wanted['name']}") == 1
    party = {"party": wanted["provider_party"]}
    assert (await api.get("/agreements", params=party)).json()["items"] == [shown]


async def test_versions_follow_each_other_and_end_an_agreement(
    api: httpx.AsyncClient, payee: str
) -> None:
    site = make_unique_id("site")
    name = (await make_agreement(api, payee, payee, coverage={"sites": [site]}))["name"]
    where, tag = f"/agreements/{name}/versions", (await api.get(f"/agreements/{name}")).headers
    ended = {
        "effective_from": "2026-02-01T00:00:00Z",
        "effective_until": "2026-03-01T00:00:00Z",
        "coverage": {"sites": [site]},
    }
    published = await api.post(where, json=ended, headers={"If-Match": tag["etag"]})
    assert published.status_code == 201, published.text
    assert published.json()["version"] == 2
    assert (await api.post(where, json=ended)).json() == published.json()
    late = await api.post(where, json=ended | {"policy": "sandbox"}, headers={"If-Match": "*"})
    assert (late.status_code, late.json()["errors"][0]["field"]) == (422, "effective_from")
    # A year that is mistyped would leave the agreement as it is for ever.
    far = await api.post(where, json={"effective_from": "2206-02-01T00:00:00Z"})
    assert (far.status_code, "at most 731 days ahead" in far.json()["detail"]) == (422, True)
    stale = await api.post(where, json={}, headers={"If-Match": tag["etag"]})
    assert stale.status_code == 412
    versions = (await api.get(where)).json()
    assert [(each["version"], each["effective_until"]) for each in versions] == [
        (1, None),
        (2, "2026-03-01T00:00:00Z"),
    ]
    bound = {}
    for instant in ("2026-01-31T12:00:00Z", "2026-02-15T12:00:00Z", "2026-03-15T12:00:00Z"):
        outage_id = await declare_outage(api, site_id=site, detected_at=instant)
        shown = (await api.get(f"/outages/{outage_id}")).json()
        bound[instant[:7]] = (shown["agreement"], shown["agreement_version"])
    assert bound == {"2026-01": (name, 1), "2026-02": (name, 2), "2026-03": ("default", 1)}


async def test_what_an_agreement_may_not_say(
    api: httpx.AsyncClient, payee: str, stack: Stack
) -> None:
    stranger, unproven = Keypair.random().public_key, Keypair.random().public_key
    await register_wallet(api, unproven)
    customer = await make_party(api, "customer")
    pool = stack.environment["STELLAR_POOL_ADDRESS"]
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"provider": stranger}, 404, "is not registered"),
        ({"provider": unproven}, 409, "no owner has proven the account"),
        ({"provider": payee[:-1] + "x"}, 422, "an address has capital letters"),
        ({"beneficiary": pool}, 409, "is a treasury of an agreement"),
        ({"bond": payee}, 409, "it is an account that an agreement pays"),
        ({"provider_party": "nobody"}, 422, "does not exist; create it first"),
        ({"provider_party": customer}, 422, "is a customer, and has to be a provider"),
        ({"policy": "no-such-policy"}, 422, "is in force"),
        ({"effective_until": "0001-01-01T00:00:00Z"}, 422, "must be after effective_from"),
        ({"coverage": {"sites": [" "]}}, 422, "must not hold an empty name"),
    ]
    for wrong, status, said in cases:
        wanted = (await build_agreement(api, payee, payee)) | wrong
        refused = await api.post("/agreements", json=wanted)
        assert (refused.status_code, said in refused.text) == (status, True), refused.text
        assert (await api.get(f"/agreements/{wanted['name']}")).status_code == 404
    assert (await api.post("/agreements/nobody/versions", json={})).status_code == 404


async def test_a_treasury_is_no_payout_address(api: httpx.AsyncClient, stack: Stack) -> None:
    """Though its owner has proven it: what is paid to it would be confirmed, and nobody would have it."""
    owner = Keypair.from_secret(stack.signing_environment["STELLAR_BOND_SEED"])
    bond = owner.public_key
    await prove_wallet(api, owner)
    refused = await api.put("/agreements/default/payouts/beneficiary", json={"address": bond})
    assert (refused.status_code, "is a treasury" in refused.json()["detail"]) == (409, True)
    assert (await api.get("/agreements/default")).json()["beneficiary"] != bond
    wanted = await build_agreement(api, bond, (await make_payee(api, stack)).public_key)
    refused = await api.post("/agreements", json=wanted)
    assert (refused.status_code, "is a treasury" in refused.json()["detail"]) == (409, True)


async def test_an_account_that_asks_for_a_memo_is_no_payout_address(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    exchange = await make_payee(api, stack)
    await send_as(stack, exchange, lambda builder: builder.append_manage_data_op(MEMO, "1"))
    read = (await api.get(f"/wallets/{exchange.public_key}/status")).json()
    assert (read["usable"], "asks for a memo" in read["message"]) == (False, True)
    assert (await api.get(f"/wallets/{exchange.public_key}")).json()["memo_required"] is True
    wanted = await build_agreement(api, exchange.public_key, exchange.public_key)
    refused = await api.post("/agreements", json=wanted)
    assert (refused.status_code, "asks for a memo" in refused.json()["detail"]) == (409, True)
    moved = await api.put(
        "/agreements/default/payouts/provider", json={"address": exchange.public_key}
    )
    assert (moved.status_code, "asks for a memo" in moved.json()["detail"]) == (409, True)
    await send_as(stack, exchange, lambda builder: builder.append_manage_data_op(MEMO, None))
    await prove_wallet(api, exchange)
    assert (await api.post("/agreements", json=wanted)).status_code == 201


async def test_no_caller_declares_a_part(api: httpx.AsyncClient) -> None:
    refused = await api.post("/outages", json=build_outage(id="OUT-1~default"))
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "id")
