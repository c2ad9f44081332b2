"""Payments, wallets, payouts and what is compared with the chain."""

import json
from typing import Any

import httpx
from stellar_sdk import Asset, Keypair, MuxedAccount

from devstack.environment.stack import Stack
from tests.docs.examples.example_recorder import ExampleRecorder
from tests.testkit.api_client import format_time_after, wait_until
from tests.testkit.settlement.wallet_client import sign_challenge
from tests.testkit.sla.agreement_factory import send_as


async def show_payments(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, finance: httpx.AsyncClient, stack: Stack
) -> None:
    ask, switch = recorder.ask, "POST /payments/circuit-breaker"
    await ask(admin, switch, {"action": "open", "reason": "audit of the bond"})
    outage = {"id": "OUT-2", "site_name": "Tower 8", "severity": "critical", "policy": "at-once"}
    await ask(admin, "POST /outages", outage | {"detected_at": format_time_after()})
    await ask(admin, "POST /outages/{outage_id}/resolve", {"mttr_minutes": 25}, outage_id="OUT-2")

    async def find() -> str | None:
        listed = (await admin.get("/payments", params={"outage_id": "OUT-2"})).json()["items"]
        waits = listed and listed[0]["state"] == "on_hold"
        return str(listed[0]["id"]) if waits else None

    id_ = await wait_until(find, "a payment waits for its approval")
    await ask(admin, "GET /payments", params={"status": "pending"})
    await ask(admin, "GET /payments/approvals")
    approvals = "/payments/{payment_id}/approvals"
    await ask(finance, f"POST {approvals}", {"note": "agreed with the provider"}, payment_id=id_)
    await ask(finance, f"GET {approvals}", payment_id=id_)
    await ask(finance, f"DELETE {approvals}", payment_id=id_)
    for name in ("retry", "reconcile"):
        await ask(admin, f"POST /payments/{{payment_id}}/{name}", payment_id=id_)
    for name in ("", "/trace", "/history"):
        await ask(admin, f"GET /payments/{{payment_id}}{name}", payment_id=id_)
    shown = (await admin.get(f"/payments/{id_}")).json()
    payee = MuxedAccount(shown["to_address"], int(shown["number"])).account_muxed
    sent = await _send_from_bond(stack, str(payee), str(shown["amount"]))
    await _find_break(admin, "missing_in_journal")
    match = {"transaction_hash": sent, "note": "paid by the bank"}
    await ask(admin, "POST /payments/{payment_id}/manual-match", match, payment_id=id_)
    await ask(admin, "GET /payments/{payment_id}/manual-match", payment_id=id_)
    for name in ("limits", "circuit-breaker", "ledger", "export"):
        await ask(admin, f"GET /payments/{name}")
    await wait_until(lambda: _are_seen(admin), "a settlement worker has seen each treasury")
    await ask(admin, "GET /treasuries")
    await ask(admin, switch, {"action": "close", "reason": "the audit is over"})


async def _send_from_bond(stack: Stack, to: str, amount: str) -> str:
    """Send from the bond what the engine knows nothing of; return the hash."""
    keys = json.loads((stack.directory.path / "stellar-keys.json").read_text())
    usdc = Asset("USDC", stack.environment["STELLAR_USDC_ISSUER"])
    bond = Keypair.from_secret(keys["seeds"]["bond"])
    return await send_as(stack, bond, lambda builder: builder.append_payment_op(to, usdc, amount))


async def _are_seen(admin: httpx.AsyncClient) -> bool:
    """Tell whether every treasury is shown as the settlement worker saw it."""
    listed = (await admin.get("/treasuries")).json()["items"]
    return all(each["seen_at"] is not None for each in listed)


async def _find_break(admin: httpx.AsyncClient, kind: str) -> str:
    """Wait until reconciliation has found a break, and return its id."""

    async def find() -> str | None:
        listed = (await admin.get("/reconciliation/breaks", params={"status": "open"})).json()
        return next((str(each["id"]) for each in listed["items"] if each["kind"] == kind), None)

    return await wait_until(find, f"a break {kind}")


async def show_wallets(recorder: ExampleRecorder, admin: httpx.AsyncClient, stack: Stack) -> None:
    ask = recorder.ask
    made = await ask(admin, "POST /wallets/create", {"user_id": "user-1"})
    await ask(admin, "POST /wallets", {"address": made["public_key"], "owner": "user-1"})
    owner = Keypair.random()
    other = owner.public_key
    await ask(admin, "POST /wallets/link", {"user_id": "user-2", "public_key": other})
    await ask(admin, "GET /wallets", params={"owner": "user-1"})
    await ask(admin, "GET /wallets/friendbot", params={"address": other})
    for name in ("status", "balance"):
        await ask(admin, f"GET /wallets/{{holder}}/{name}", holder="user-1")
    await ask(admin, "GET /wallets/address/{address}/balance", address=other)
    await ask(admin, "GET /wallets/{address}", address=other)
    usdc = Asset("USDC", stack.environment["STELLAR_USDC_ISSUER"])
    await send_as(stack, owner, lambda builder: builder.append_change_trust_op(usdc))
    await ask(admin, "POST /wallets/{address}/refresh", address=other)
    given = await ask(admin, "POST /wallets/{address}/challenges", address=other)
    proof = {"transaction_xdr": sign_challenge(given, owner)}
    await ask(admin, "POST /wallets/{address}/proofs", proof, address=other)
    await ask(admin, "POST /wallets/{address}/fund", address=made["public_key"])
    names, path = (
        {"agreement": "default", "role": "provider"},
        "/agreements/{agreement}/payouts/{role}",
    )
    await ask(admin, f"PUT {path}", {"address": other}, **names)
    await ask(admin, f"GET {path}", **names)
    await ask(admin, f"DELETE {path}", **names)


async def show_reconciliation(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, stack: Stack
) -> None:
    ask, path = recorder.ask, "/reconciliation/breaks/{break_id}"
    await _send_from_bond(stack, stack.environment["STELLAR_BENEFICIARY_ADDRESS"], "5")
    id_ = await _find_break(admin, "unexpected_outflow")
    for name in ("/reconciliation", "/reconciliation/breaks", "/integrity-checks"):
        await ask(admin, f"GET {name}")
    await ask(admin, "GET /integrity-checks/violations", params={"overdue": "true"})
    asked: dict[str, Any] = {
        f"GET {path}": None,
        f"POST {path}/owner": {"owner": "rita@example.com"},
        f"POST {path}/close": {"note": "a fee of the bank", "adjustment": "suspense"},
        f"POST {path}/resolution": {"note": "came back", "outcome": "recovered"},
        f"GET {path}/resolution": None,
    }
    for route, body in asked.items():
        await ask(admin, route, body, break_id=id_)
    await _settle_again(admin)


async def _settle_again(admin: httpx.AsyncClient) -> None:
    """Close what is left open, so that all is well in the examples to come."""
    listed = (await admin.get("/reconciliation/breaks", params={"status": "open"})).json()
    for each in listed["items"]:
        closed = {"note": "matched", "adjustment": "none"}
        await admin.post(f"/reconciliation/breaks/{each['id']}/close", json=closed)
    reopened = {"action": "close", "reason": "what was missing is explained"}
    await admin.post("/payments/circuit-breaker", json=reopened)

    async def find_well() -> bool:
        settling = (await admin.get("/health/readiness")).json()["settling"]
        return bool(settling["status"] == "ok")

    await wait_until(find_well, "nothing is in the way of payments")
