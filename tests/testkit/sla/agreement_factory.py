"""A factory of agreements: parties, payees that exist on the sandbox's network, and what is covered."""

from typing import Any

import httpx
from stellar_sdk import Account, Asset, Keypair, TransactionBuilder
from stellar_sdk.soroban_rpc import GetTransactionStatus
from stellar_sdk.soroban_server_async import SorobanServerAsync

from devstack.environment.stack import Stack
from tests.testkit.api_client import make_unique_id, wait_until
from tests.testkit.settlement.wallet_client import prove_wallet, register_wallet


async def send_as(stack: Stack, owner: Keypair, fill: Any) -> str:
    """
    Have an account apply operations, and wait until the network shows it; `fill` adds them. Return the
    hash of the transaction.
    """
    environment = stack.environment
    async with SorobanServerAsync(environment["STELLAR_RPC_URL"]) as server:
        known = await server.load_account(owner.public_key)
        source = Account(owner.public_key, known.sequence)
        passphrase = (await server.get_network()).passphrase
        builder = TransactionBuilder(source, passphrase, base_fee=10_000).add_time_bounds(0, 0)
        fill(builder)
        envelope = builder.build()
        envelope.sign(owner)
        sent = await server.send_transaction(envelope)
        assert sent.error_result_xdr is None, sent

        async def look() -> bool:
            found = await server.get_transaction(sent.hash)
            return found.status is GetTransactionStatus.SUCCESS

        await wait_until(look, f"transaction {sent.hash} of {owner.public_key}")
        return sent.hash


async def make_payee(api: httpx.AsyncClient, stack: Stack) -> Keypair:
    """Return the keys of a proven wallet that can be paid."""
    owner = Keypair.random()
    await register_wallet(api, owner.public_key)
    funded = await api.get("/wallets/friendbot", params={"address": owner.public_key})
    assert funded.status_code == 200, funded.text
    usdc = Asset("USDC", stack.environment["STELLAR_USDC_ISSUER"])
    await send_as(stack, owner, lambda builder: builder.append_change_trust_op(usdc))
    await prove_wallet(api, owner)
    return owner


async def make_party(api: httpx.AsyncClient, kind: str) -> str:
    party = {"id": make_unique_id(kind), "name": f"The {kind}", "kind": kind}
    answer = await api.post("/parties", json=party)
    assert answer.status_code == 201, answer.text
    return party["id"]


async def build_agreement(
    api: httpx.AsyncClient, provider: str, beneficiary: str, **changes: Any
) -> dict[str, Any]:
    """Return the JSON of an agreement between two new parties, paid at these addresses."""
    agreement = {
        "name": make_unique_id("agr"),
        "provider": provider,
        "beneficiary": beneficiary,
    } | changes
    for role, kind in (("provider_party", "provider"), ("beneficiary_party", "customer")):
        agreement[role] = changes.get(role) or await make_party(api, kind)
    return agreement


async def make_agreement(
    api: httpx.AsyncClient, provider: str, beneficiary: str, **changes: Any
) -> dict[str, Any]:
    """Make an agreement, and return what the API shows of it."""
    wanted = await build_agreement(api, provider, beneficiary, **changes)
    answer = await api.post("/agreements", json=wanted)
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown
