"""What the demo claims, checked against the chain, the receiver and the journal; each proof is one sentence."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import httpx

from devstack.demo.outage_log import DemoOutage
from devstack.demo.timeline_rows import format_usdc
from devstack.replay.api_client import EngineClient

PARTIES = {
    "STELLAR_BOND_ADDRESS": "the provider's bond",
    "STELLAR_POOL_ADDRESS": "the sponsor pool",
    "STELLAR_PROVIDER_ADDRESS": "the provider",
    "STELLAR_BENEFICIARY_ADDRESS": "the customer",
}


@dataclass(frozen=True)
class DemoProof:
    """`sentence` says what was found, or what is missing; `details` are for who wants to check."""

    holds: bool
    sentence: str
    details: list[str] = field(default_factory=list)


async def load_chains() -> None:
    """In a thread, because the Stellar SDK takes a second to load and would freeze the screen."""
    await asyncio.to_thread(import_module, "devstack.demo.chain_reader")


async def check_settled(
    engine: EngineClient, demo_outage: DemoOutage, environment: Mapping[str, str]
) -> DemoProof:
    """Ask the chain itself, not the engine, whether the money moved as the database says."""
    paid = [each for each in demo_outage.payments if each["state"] == "confirmed"]
    if not demo_outage.closed or len(paid) != 1:
        return DemoProof(False, f"{demo_outage.id} is not settled: {demo_outage.now}")
    payment = paid[0]
    if payment["type"] != demo_outage.scenario.ends_in:
        return DemoProof(False, f"{demo_outage.id} ended in a {payment['type']}")
    rpc_url = (await engine.get("/health/stack"))["stellar_rpc_url"].split(",")[0]
    transaction_hash = payment["transaction_hash"]
    try:
        found = await _find_transaction(rpc_url, transaction_hash)
    except (httpx.HTTPError, ValueError) as failure:
        return DemoProof(False, f"the chain does not answer: {type(failure).__name__}")
    return await _compared(demo_outage, payment, found, environment)


async def _find_transaction(rpc_url: str, transaction_hash: str) -> dict[str, Any]:
    """What the chain itself says of a transaction; the engine's key is nothing to show to it."""
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "getTransaction",
        "params": {"hash": transaction_hash},
    }
    async with httpx.AsyncClient(trust_env=False, timeout=15) as client:
        answer: dict[str, Any] = (await client.post(rpc_url, json=call)).json()
    found: dict[str, Any] = answer.get("result", {})
    return found


async def _compared(
    demo_outage: DemoOutage,
    payment: dict[str, Any],
    found: dict[str, Any],
    environment: Mapping[str, str],
) -> DemoProof:
    if found.get("status") != "SUCCESS":
        return DemoProof(
            False, f"{demo_outage.id}: the chain calls its payment {found.get('status')}"
        )
    await load_chains()
    from devstack.demo import chain_reader  # noqa: PLC0415 - loaded above, in its thread

    amount, hash_ = int(payment["amount_stroops"]), payment["transaction_hash"]
    owed = chain_reader.DecodedTransfer(payment["from_address"], payment["to_address"], amount)
    made = chain_reader.list_transfers(found)
    passphrase = environment["STELLAR_NETWORK_PASSPHRASE"]
    if chain_reader.compute_fingerprint(found["envelopeXdr"], passphrase) != hash_:
        return DemoProof(
            False, f"{demo_outage.id}: the chain's transaction does not hash to {hash_}"
        )
    if made != [owed]:
        return DemoProof(
            False, f"{demo_outage.id}: the chain moved {made}, the database says {owed}"
        )
    names = {environment.get(variable): name for variable, name in PARTIES.items()}
    payer, payee = names.get(owed.payer, owed.payer), names.get(owed.payee, owed.payee)
    return DemoProof(
        True,
        f"On the chain: SUCCESS in ledger {found['ledger']}, "
        f"{format_usdc(amount, sign=False)} from {payer} to {payee}",
        [f"transaction {hash_}", f"from {owed.payer}", f"to   {owed.payee}"],
    )


def check_notified(demo_outage: DemoOutage) -> DemoProof:
    """The receiver got every event it should, genuine, and the engine recorded its answers."""
    received = demo_outage.receptions
    if not demo_outage.all_notified:
        lacking = (
            ", ".join(sorted(demo_outage.missing_events)) or "the engine has not noted every answer"
        )
        return DemoProof(False, f"{demo_outage.id}: webhooks are missing: {lacking}")
    wrong = [each for each in demo_outage.receiver.receptions if not each.verified]
    if wrong:
        return DemoProof(False, f"{len(wrong)} webhooks carried a wrong signature")
    answers = "/".join(sorted({str(each.answer) for each in received}))
    count = len({each.event_id for each in received})
    return DemoProof(
        True, f"Webhooks: {count} of {count} received, signature verified, answered {answers}"
    )


async def check_balanced(engine: EngineClient) -> DemoProof:
    """A double-entry journal sums to zero, or money came from nowhere."""
    accounts = await engine.get("/payments/ledger")
    total = sum(int(each["balance_stroops"]) for each in accounts)
    if total:
        return DemoProof(False, f"the ledger is off by {format_usdc(total)}")
    return DemoProof(True, f"Ledger: the {len(accounts)} accounts of the journal sum to zero")
