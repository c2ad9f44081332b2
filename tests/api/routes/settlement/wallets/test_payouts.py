"""Where money goes is changed by an admin, with proof, and after a cool-off."""

import asyncio

import httpx
import pytest
from stellar_sdk import Keypair
from temporalio.client import Client

from adapters.postgres.access import api_keys
from adapters.postgres.database import Database
from devstack.environment.stack import Stack
from domain.access.permissions import Role
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
)

PROVIDER_PAYOUT = "/agreements/default/payouts/provider"


@pytest.fixture(scope="module")
def beneficiary(stack: Stack) -> Keypair:
    return load_beneficiary(stack)


async def test_only_an_admin_changes_where_money_goes(
    stack: Stack, database: Database, beneficiary: Keypair
) -> None:
    key_ = make_unique_id("key-of-an-operator")
    async with database.transaction() as connection:
        await api_keys.save_key(connection, make_unique_id("kim"), Role.OPERATOR, key_)
    async with httpx.AsyncClient(
        base_url=f"{stack.url}/api/v1", headers={"X-API-Key": key_}, trust_env=False
    ) as kim:
        body = {"address": beneficiary.public_key}
        assert (await kim.put(PROVIDER_PAYOUT, json=body)).status_code == 403
        assert (await kim.delete(PROVIDER_PAYOUT)).status_code == 403


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
        answered = (await resolve_outage(api, outage_id, 5))["payment"]
        await wait_for_lifecycle(api, outage_id, "closed")
        (paid,) = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        for payment in (answered, paid):  # whoever resolved it has read this already
            assert (payment["id"], payment["to_address"]) == (paid["id"], beneficiary.public_key)
    finally:
        async with database.autocommit() as connection:
            await connection.exec_driver_sql("UPDATE payouts SET cancelled_at = now()")
