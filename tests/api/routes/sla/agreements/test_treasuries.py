"""Agreements with treasuries of their own: what they may name, and from which account each debt is paid."""

import httpx
import pytest
from stellar_sdk import Keypair

from devstack.environment.stack import Stack
from devstack.soak import chain_history
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    resolve_outage,
    settle_outage,
    wait_for_lifecycle,
)
from tests.testkit.sla.agreement_factory import build_agreement, make_agreement, make_payee
from tests.testkit.sla.second_treasuries import read_second_treasuries

MUXED = "MA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVAAAAAAAAAAAAAJLK"


@pytest.fixture(scope="module")
async def payee(api: httpx.AsyncClient, stack: Stack) -> str:
    return (await make_payee(api, stack)).public_key


async def list_sent(stack: Stack, payer: str, payee: str) -> dict[str, int]:
    """Return what one account sent another, by transaction, as the chain itself shows it."""
    seen = await chain_history.list_transfers(stack.environment["STELLAR_RPC_URL"])
    return {
        each.hash: each.amount_stroops
        for each in seen
        if (each.payer, each.payee) == (payer, payee)
    }


async def test_what_an_agreement_may_not_name_as_a_treasury(
    api: httpx.AsyncClient, payee: str, stack: Stack
) -> None:
    stranger = Keypair.random().public_key
    cases = [
        (stranger, 409, "cannot pay as bond: the account does not exist on the network"),
        (payee, 409, "cannot be the bond: it is an account that an agreement pays"),
        (stack.environment["STELLAR_BENEFICIARY_ADDRESS"], 409, "that an agreement pays"),
        (MUXED, 422, "bond: is a muxed address (M...)"),
        (stranger[:-1] + "1", 422, "bond: "),
    ]
    made = await make_agreement(api, payee, payee)
    where = f"/agreements/{made['name']}"
    for address, status, said in cases:
        wanted = await build_agreement(api, payee, payee, bond=address)
        for path, body in (("/agreements", wanted), (f"{where}/versions", {"bond": address})):
            refused = await api.post(path, json=body)
            assert (refused.status_code, said in refused.json()["detail"]) == (status, True), (
                refused.text
            )
        assert (await api.get(f"/agreements/{wanted['name']}")).status_code == 404
    assert (await api.get(where)).json() == made


async def test_each_agreement_pays_from_its_own_treasuries(
    api: httpx.AsyncClient, payee: str, stack: Stack
) -> None:
    own = read_second_treasuries(stack)
    made = await make_agreement(api, payee, payee, **own)
    assert {name: made[name] for name in own} == own == {name: made["newest"][name] for name in own}
    other = await make_agreement(api, payee, payee)
    paid = {
        (name, minutes): (await settle_outage(api, minutes, agreement=name))["payment"]
        for name in (made["name"], other["name"])
        for minutes in (25, 5)
    }
    common = {
        "bond": stack.environment["STELLAR_BOND_ADDRESS"],
        "pool": stack.environment["STELLAR_POOL_ADDRESS"],
    }
    # A penalty comes from the bond, a reward from the pool.
    for name, accounts in ((made["name"], own), (other["name"], common)):
        for minutes, role in ((25, "bond"), (5, "pool")):
            payment = paid[name, minutes]
            assert payment["from_address"] == accounts[role]
            sent = await list_sent(stack, accounts[role], payee)
            assert sent[payment["transaction_hash"]] == int(payment["amount_stroops"])
    penalty = paid[made["name"], 25]
    trace = (await api.get(f"/payments/{penalty['id']}/trace")).json()
    assert f"treasury:{own['bond']}" in {each["account"] for each in trace["postings"]}


async def test_another_treasury_changes_nothing_that_is_owed(
    api: httpx.AsyncClient, payee: str, stack: Stack
) -> None:
    own, common = read_second_treasuries(stack), stack.environment["STELLAR_BOND_ADDRESS"]
    name = (await make_agreement(api, payee, payee, **own))["name"]
    before = await declare_outage(api, agreement=name, policy=AT_ONCE)
    where = f"/agreements/{name}/versions"
    rotated = await api.post(where, json={"bond": common, "effective_from": "2026-01-31T13:00:00Z"})
    assert rotated.status_code == 201, rotated.text
    # The pool is not named, and stays; and so does the bond in the version after.
    assert (rotated.json()["bond"], rotated.json()["pool"]) == (common, own["pool"])
    third = (await api.post(where, json={"effective_from": "2026-03-01T00:00:00Z"})).json()
    assert (third["version"], third["bond"], third["pool"]) == (3, common, own["pool"])
    assert (await api.get(f"/agreements/{name}")).json()["bond"] == common
    assert [each["bond"] for each in (await api.get(where)).json()] == [own["bond"], common, common]
    after = await declare_outage(
        api, agreement=name, policy=AT_ONCE, detected_at="2026-01-31T14:00:00Z"
    )
    await resolve_outage(api, before)
    await resolve_outage(api, after, 145)
    for outage_id, payer in ((before, own["bond"]), (after, common)):
        await wait_for_lifecycle(api, outage_id, "closed")
        (payment,) = (await api.get("/payments", params={"outage_id": outage_id})).json()["items"]
        assert payment["from_address"] == payer
        assert payment["transaction_hash"] in await list_sent(stack, payer, payee)
