"""Accounts of others: the network says what they can receive, a signature proves who holds them."""

from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from sqlalchemy import func, select
from stellar_sdk import Keypair

from adapters.postgres.database import Database
from adapters.postgres.tables import wallets
from api.dependencies import Engine
from api.routes.settlement.wallets import fund_wallet
from devstack.environment.stack import Stack
from domain.errors import Conflict
from tests.testkit.settlement.wallet_client import (
    load_beneficiary,
    register_wallet,
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


async def test_a_friendbot_funds_an_account_on_a_test_network(api: httpx.AsyncClient) -> None:
    address = Keypair.random().public_key
    assert not (await register_wallet(api, address))["funded"]
    funded = await api.post(f"/wallets/{address}/fund")
    assert funded.status_code == 200, funded.text
    assert (funded.json()["funded"], funded.json()["trustline_ready"]) == (True, False)


async def test_the_public_network_has_no_friendbot() -> None:
    public = cast(Engine, SimpleNamespace(settings=SimpleNamespace(stellar_network="public")))
    with pytest.raises(Conflict, match="the public network has no friendbot"):
        await fund_wallet(Keypair.random().public_key, public)
