"""A client for wallets: register an account, request a challenge, sign it, prove the wallet."""

import json
from typing import Any

import httpx
from stellar_sdk import Keypair, TransactionBuilder

from devstack.environment.stack import Stack


def load_beneficiary(stack: Stack) -> Keypair:
    """Load the keypair of the beneficiary, an account of the sandbox."""
    keys = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    return Keypair.from_secret(keys["seeds"]["beneficiary"])


async def register_wallet(api: httpx.AsyncClient, address: str) -> dict[str, Any]:
    answer = await api.post("/wallets", json={"address": address, "owner": "Operator One"})
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def request_challenge(api: httpx.AsyncClient, address: str, **asked: str) -> dict[str, Any]:
    given = await api.post(f"/wallets/{address}/challenges", params=asked)
    assert given.status_code == 201, given.text
    found: dict[str, Any] = given.json()
    return found


def sign_challenge(given: dict[str, Any], *signers: Keypair, passphrase: str | None = None) -> str:
    network = passphrase or given["network_passphrase"]
    envelope = TransactionBuilder.from_xdr(given["transaction_xdr"], network)
    for signer in signers:
        envelope.sign(signer)
    return envelope.to_xdr()


async def prove_wallet(api: httpx.AsyncClient, owner: Keypair) -> None:
    await register_wallet(api, owner.public_key)
    answer = sign_challenge(await request_challenge(api, owner.public_key), owner)
    proof = await api.post(f"/wallets/{owner.public_key}/proofs", json={"transaction_xdr": answer})
    assert proof.status_code == 201, proof.text
