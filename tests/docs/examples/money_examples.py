"""Payments, wallets, payouts and what is compared with the chain."""

import httpx
from stellar_sdk import Keypair

from tests.docs.examples.example_recorder import ExampleRecorder
from tests.testkit.api_client import format_time_after, wait_until

NONE = "none"


async def show_payments(
    recorder: ExampleRecorder, admin: httpx.AsyncClient, finance: httpx.AsyncClient
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
    for name in ("", "/trace", "/history", "/manual-match"):
        await ask(admin, f"GET /payments/{{payment_id}}{name}", payment_id=id_)
    match = {"transaction_hash": "ab" * 32, "note": "paid by the bank"}
    route = "POST /payments/{payment_id}/manual-match"
    await ask(admin, route, match, payment_id=NONE, status=404)
    for name in ("retry", "reconcile"):
        await ask(admin, f"POST /payments/{{payment_id}}/{name}", payment_id=NONE, status=404)
    for name in ("limits", "circuit-breaker", "ledger", "export"):
        await ask(admin, f"GET /payments/{name}")
    await ask(admin, switch, {"action": "close", "reason": "the audit is over"})


async def show_wallets(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask = recorder.ask
    made = await ask(admin, "POST /wallets/create", {"user_id": "user-1"})
    await ask(admin, "POST /wallets", {"address": made["public_key"], "owner": "user-1"})
    other = Keypair.random().public_key
    await ask(admin, "POST /wallets/link", {"user_id": "user-2", "public_key": other})
    await ask(admin, "GET /wallets", params={"owner": "user-1"})
    await ask(admin, "GET /wallets/friendbot", params={"address": other})
    for name in ("status", "balance"):
        await ask(admin, f"GET /wallets/{{holder}}/{name}", holder="user-1")
    await ask(admin, "GET /wallets/address/{address}/balance", address=other)
    await ask(admin, "GET /wallets/{address}", address=other)
    for name in ("refresh", "challenges"):
        await ask(admin, f"POST /wallets/{{address}}/{name}", address=other)
    proof = {"transaction_xdr": "AAAA"}
    await ask(admin, "POST /wallets/{address}/proofs", proof, address=other, status=422)
    await ask(admin, "POST /wallets/{address}/fund", address=made["public_key"])
    names, path = (
        {"agreement": "default", "role": "provider"},
        "/agreements/{agreement}/payouts/{role}",
    )
    await ask(admin, f"GET {path}", **names)
    await ask(admin, f"PUT {path}", {"address": other}, status=409, **names)
    await ask(admin, f"DELETE {path}", status=404, **names)


async def show_reconciliation(recorder: ExampleRecorder, admin: httpx.AsyncClient) -> None:
    ask, path = recorder.ask, "/reconciliation/breaks/{break_id}"
    for name in ("/reconciliation", "/reconciliation/breaks", "/integrity-checks"):
        await ask(admin, f"GET {name}")
    await ask(admin, "GET /integrity-checks/violations", params={"overdue": "true"})
    asked = {
        f"GET {path}": None,
        f"POST {path}/owner": {"owner": "rita@example.com"},
        f"POST {path}/close": {"note": "a fee of the bank", "adjustment": "suspense"},
        f"POST {path}/resolution": {"note": "came back", "outcome": "recovered"},
        f"GET {path}/resolution": None,
    }
    for route, body in asked.items():
        await ask(admin, route, body, break_id=NONE, status=404)
